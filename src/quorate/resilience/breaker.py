"""A circuit breaker: a provider that keeps failing is left alone for a while, then tried with one request at a time.

Neither clock nor chance of its own: the time comes with each call, the generator when it is made.
"""

import random
from dataclasses import dataclass
from enum import StrEnum

from quorate.core.errors import ProviderError
from quorate.resilience.failure_window import FailureWindow
from quorate.resilience.verdict import Verdict, verdict_on


class Circuit(StrEnum):
    """`closed`: requests pass. `open`: none does. `half_open`: one does, the probe, and the others are refused."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Signal(StrEnum):
    """What can happen. Requests that left before the latest change of the circuit give no signal: their news is old.

    `failed`: a failure that reaches no limit. `tripped`: one that does, or that is about the key. `cooled`: a request
    comes when the cooldown is over.
    """

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TRIPPED = "tripped"
    COOLED = "cooled"


#: The whole machine.
TRANSITIONS: dict[tuple[Circuit, Signal], Circuit] = {
    (Circuit.CLOSED, Signal.SUCCEEDED): Circuit.CLOSED,
    (Circuit.CLOSED, Signal.FAILED): Circuit.CLOSED,
    (Circuit.CLOSED, Signal.TRIPPED): Circuit.OPEN,
    (Circuit.CLOSED, Signal.COOLED): Circuit.CLOSED,
    (Circuit.OPEN, Signal.SUCCEEDED): Circuit.OPEN,
    (Circuit.OPEN, Signal.FAILED): Circuit.OPEN,
    (Circuit.OPEN, Signal.TRIPPED): Circuit.OPEN,
    (Circuit.OPEN, Signal.COOLED): Circuit.HALF_OPEN,
    (Circuit.HALF_OPEN, Signal.SUCCEEDED): Circuit.CLOSED,
    (Circuit.HALF_OPEN, Signal.FAILED): Circuit.OPEN,
    (Circuit.HALF_OPEN, Signal.TRIPPED): Circuit.OPEN,
    (Circuit.HALF_OPEN, Signal.COOLED): Circuit.HALF_OPEN,
}

_GROWTH = 2.0
_LEAST_SHARE = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerPolicy:
    """The circuit opens after `failures` in a row, or when a share of the latest calls failed.

    In a row means that each is within `window_s` of the one before. The share is `failure_rate`, of at least
    `min_calls` that ended in the last `window_s`. The circuit stays open for `cooldown_s`, twice as long after each
    probe that fails, at most `max_cooldown_s`; what is waited is drawn evenly from the upper half of that, so that many
    processes do not probe at the same moment. A probe that takes longer than `max_cooldown_s` (a long answer, a
    provider that hangs) does not keep the next one out.
    """

    failures: int = 5
    failure_rate: float = 0.5
    min_calls: int = 20
    window_s: float = 30.0
    cooldown_s: float = 5.0
    max_cooldown_s: float = 20.0


class Breaker:
    """A live circuit. Times are monotonic seconds, all of one clock.

    `opened` counts how often it opened; `until_s` is when it may be probed; `failures` are those in a row.
    """

    __slots__ = (
        "_epoch",
        "_failed_s",
        "_nominal_s",
        "_policy",
        "_probed_s",
        "_probing",
        "_rng",
        "_since",
        "_window",
        "failures",
        "opened",
        "state",
        "until_s",
    )

    def __init__(self, policy: BreakerPolicy, rng: random.Random) -> None:
        self._policy = policy
        self._rng = rng
        self._window = FailureWindow(policy.window_s)
        self._nominal_s = policy.cooldown_s
        self._failed_s = 0.0
        self._epoch = 0  # the latest ticket
        self._since = 0  # the first ticket that was given in this state
        self._probed_s = 0.0
        self._probing = False
        self.state = Circuit.CLOSED
        self.failures = 0
        self.opened = 0
        self.until_s = 0.0

    def refused_s(self, now_s: float) -> float | None:
        """Return for about how long requests are refused from now on; `None` if one may go."""
        if self.state is Circuit.CLOSED:
            return None
        if self.state is Circuit.OPEN:
            return self.until_s - now_s if now_s < self.until_s else None
        left_s = self._probed_s + self._policy.max_cooldown_s - now_s
        return min(left_s, self._policy.cooldown_s) if self._probing and left_s > 0 else None

    def admit(self, now_s: float) -> int | None:
        """Return a ticket to report with; `None` if the request must not go. The probe's place is taken with it."""
        if self.state is Circuit.CLOSED:
            return self._epoch
        if self.refused_s(now_s) is not None:
            return None
        self._epoch += 1
        if self.state is Circuit.OPEN:
            self._since = self._epoch
        self._move(Signal.COOLED)
        self._probing, self._probed_s = True, now_s
        return self._epoch

    def succeeded(self, ticket: int, now_s: float) -> bool:
        """An answer came; return whether that closed the circuit."""
        if ticket < self._since:
            return False
        if self.state is Circuit.CLOSED:
            self._window.succeeded(now_s)
            self.failures = 0
            return False
        self._close()
        return True

    def failed(self, ticket: int, now_s: float, error: ProviderError) -> bool:
        """No answer came; return whether that opened the circuit."""
        verdict = verdict_on(error)
        if verdict is Verdict.NOTHING:
            self.abandoned(ticket)
            return False
        if ticket < self._since:
            return False
        self._count(now_s)
        signal = Signal.TRIPPED if verdict is Verdict.KEY or self._reached(now_s) else Signal.FAILED
        if TRANSITIONS[self.state, signal] is not Circuit.OPEN:
            return False
        if verdict is Verdict.KEY:
            self._nominal_s = self._policy.max_cooldown_s
        self._open(signal, now_s, error.retry_after_s or 0.0)
        return True

    def abandoned(self, ticket: int) -> None:
        """Nobody will know: the caller left, or the failure was the request's. The next request may probe."""
        if ticket == self._epoch:
            self._probing = False

    def open_until(self, until_s: float) -> None:
        """Open it, or keep it open, until then: others have found the provider failing."""
        if self.state is Circuit.CLOSED:
            self.opened += 1
        self._move(Signal.TRIPPED)
        self._leave_probe()
        self.until_s = until_s

    def close(self) -> None:
        """Close it: others have found the provider working."""
        if self.state is not Circuit.CLOSED:
            self._close()

    def _count(self, now_s: float) -> None:
        if now_s - self._failed_s > self._policy.window_s:
            self.failures = 0
        self.failures += 1
        self._failed_s = now_s
        self._window.failed(now_s)

    def _reached(self, now_s: float) -> bool:
        policy = self._policy
        if self.failures >= policy.failures:
            return True
        calls, failures = self._window.totals(now_s)
        return calls >= policy.min_calls and failures >= policy.failure_rate * calls

    def _open(self, signal: Signal, now_s: float, retry_after_s: float) -> None:
        self._move(signal)
        self._leave_probe()
        self.opened += 1
        most_s = self._policy.max_cooldown_s
        drawn_s = self._nominal_s * self._rng.uniform(_LEAST_SHARE, 1.0)
        self.until_s = now_s + max(drawn_s, min(retry_after_s, most_s))
        self._nominal_s = min(self._nominal_s * _GROWTH, most_s)

    def _close(self) -> None:
        self.state = Circuit.CLOSED
        self._leave_probe()
        self._nominal_s = self._policy.cooldown_s
        self.failures = 0
        self._window.clear()

    def _leave_probe(self) -> None:
        """From now on whoever holds a ticket tells old news."""
        self._epoch += 1
        self._since = self._epoch
        self._probing = False

    def _move(self, signal: Signal) -> None:
        self.state = TRANSITIONS[self.state, signal]
