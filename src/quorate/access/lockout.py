"""Failed attempts: who guesses, and how long they have to wait."""

from collections import OrderedDict

from quorate.core.clock import Clock

FAILURES = 20
#: For everything an address tries together, so that a new prefix each time gains nothing.
FAILURES_OF_ADDRESS = 200
WINDOW_S = 60.0
MOST_REMEMBERED = 10_000

_ALL_PREFIXES = "*"


class Lockout:
    """A live count of failures by prefix and address, in memory of this process, at most `MOST_REMEMBERED` of them.

    The failure that reaches the limit within 60 s begins a wait of 60 s; failures during the wait do not lengthen it.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._attempts: OrderedDict[tuple[str, str], tuple[float, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._attempts)

    def failed(self, prefix: str, address: str) -> float | None:
        """Count a failure; return the seconds until the next attempt counts, `None` if there is no need to wait."""
        wait_s = self._count((_ALL_PREFIXES, address), FAILURES_OF_ADDRESS)
        return self._count((prefix, address), FAILURES) if wait_s is None else wait_s

    def _count(self, pair: tuple[str, str], most: int) -> float | None:
        now = self._clock.monotonic()
        began, failures = self._attempts.get(pair, (now, 0))
        if now - began >= WINDOW_S:
            began, failures = now, 0
        if failures >= most:
            self._attempts.move_to_end(pair)
            return began + WINDOW_S - now
        failures += 1
        self._attempts[pair] = (now if failures == most else began, failures)
        self._attempts.move_to_end(pair)
        if len(self._attempts) > MOST_REMEMBERED:
            self._attempts.popitem(last=False)
        return None
