"""The faults a simulated model can have, and the errors a real endpoint would report for them."""

import random
from dataclasses import dataclass
from enum import StrEnum

from quorate.core.errors import Failure, Filtered, Malformed, Misconfigured, ProviderError, Rejected, Unavailable


class Fault(StrEnum):
    """What goes wrong.

    `silence`, `cut_stream` and `malformed` happen after the provider took the request, so they cost what was used
    until then; the others are refusals, which cost nothing.
    """

    OVERLOAD = "overload"
    TRANSIENT = "transient"
    REFUSED_CONNECTION = "refused_connection"
    SILENCE = "silence"
    CUT_STREAM = "cut_stream"
    MALFORMED = "malformed"
    CONTENT_REFUSAL = "content_refusal"
    CONTEXT_LENGTH = "context_length"
    AUTHENTICATION = "authentication"
    QUOTA = "quota"


#: The failures that are paid for, because the provider had begun to work.
PAID = frozenset({Failure.SILENCE, Failure.CUT_STREAM, Failure.MALFORMED})


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedFailure:
    """A fault and when it strikes: with `probability`, on every `every_nth` request, or on the `first_n` requests.

    Requests are counted per model, in the order in which they are opened; the draw of `probability` depends on the
    call's seed alone. `retry_after_s` goes with an overload, `silence_s` is how long a silent model stays silent
    before its connection is given up, `after_tokens` where a stream is cut.
    """

    kind: Fault
    probability: float = 0.0
    every_nth: int = 0
    first_n: int = 0
    retry_after_s: float | None = None
    silence_s: float = 5.0
    after_tokens: int = 5

    def __post_init__(self) -> None:
        if not 0.0 <= self.probability <= 1.0:
            raise Misconfigured(f"the probability of {self.kind.value!r} is {self.probability!r}; use 0 to 1")
        if not self.probability and self.every_nth <= 0 and self.first_n <= 0:
            raise Misconfigured(f"{self.kind.value!r} would never happen; give probability, every_nth or first_n")

    def strikes(self, number: int, rng: random.Random) -> bool:
        """Whether it happens to the `number`-th request (1, 2, ...) of the model; draws once, whatever the answer."""
        drawn = rng.random() < self.probability
        counted = number <= self.first_n or (self.every_nth > 0 and number % self.every_nth == 0)
        return drawn or counted


_STORY: dict[Fault, tuple[type[ProviderError], Failure, int | None, str]] = {
    Fault.OVERLOAD: (Unavailable, Failure.OVERLOAD, 429, "is overloaded; wait and send the request again"),
    Fault.TRANSIENT: (Unavailable, Failure.TRANSIENT, 500, "had an internal error; send the request again"),
    Fault.REFUSED_CONNECTION: (Unavailable, Failure.TRANSIENT, None, "refused the connection"),
    Fault.SILENCE: (Unavailable, Failure.SILENCE, None, "stayed silent until the connection was given up"),
    Fault.CUT_STREAM: (Unavailable, Failure.CUT_STREAM, 200, "cut its answer off before the end"),
    Fault.MALFORMED: (Malformed, Failure.MALFORMED, 200, "sent an answer that does not follow its own format"),
    Fault.CONTENT_REFUSAL: (Filtered, Failure.CONTENT_REFUSAL, 400, "refused the content: simulated content policy"),
    Fault.CONTEXT_LENGTH: (Rejected, Failure.CONTEXT_LENGTH, 400, "takes shorter prompts only; shorten the request"),
    Fault.AUTHENTICATION: (Rejected, Failure.AUTHENTICATION, 401, "does not accept the API key"),
    Fault.QUOTA: (Rejected, Failure.QUOTA, 429, "has no credit left on this account"),
}


def error_of(failure: SimulatedFailure, model: str) -> ProviderError:
    """Return the error that a real endpoint would raise for `failure`, labelled as simulated."""
    kind, reason, status, story = _STORY[failure.kind]
    return kind(
        f"{model!r} (simulated) {story}",
        provider="simulated",
        model=model,
        failure=reason,
        upstream_status=status,
        upstream_code=None if status in {None, 200} else f"simulated_{failure.kind.value}",
        retry_after_s=failure.retry_after_s,
    )
