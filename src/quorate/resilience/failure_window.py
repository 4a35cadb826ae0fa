"""How many of the latest calls failed."""

from collections import deque

_SLOTS = 10


class FailureWindow:
    """A live count of the calls and failures of the last `window_s` seconds, to a tenth of them."""

    __slots__ = ("_calls", "_ends_s", "_failures", "_past", "_slot_s")

    def __init__(self, window_s: float) -> None:
        self._slot_s = window_s / _SLOTS
        self._past: deque[tuple[float, int, int]] = deque()  # when the slot ended, calls, failures
        self._ends_s = 0.0
        self._calls = 0
        self._failures = 0

    def succeeded(self, now_s: float) -> None:
        """Count a call."""
        if now_s >= self._ends_s:
            self._turn(now_s)
        self._calls += 1

    def failed(self, now_s: float) -> None:
        """Count a call that failed."""
        self.succeeded(now_s)
        self._failures += 1

    def totals(self, now_s: float) -> tuple[int, int]:
        """Return how many calls ended, and how many of them failed."""
        if now_s >= self._ends_s:
            self._turn(now_s)
        calls = self._calls + sum(calls for _, calls, _ in self._past)
        return calls, self._failures + sum(failures for _, _, failures in self._past)

    def clear(self) -> None:
        """Forget everything."""
        self._past.clear()
        self._calls = self._failures = 0

    def _turn(self, now_s: float) -> None:
        """Begin a new slot, and forget those that are too old."""
        if self._calls:
            self._past.append((self._ends_s, self._calls, self._failures))
            self._calls = self._failures = 0
        self._ends_s = now_s + self._slot_s
        while self._past and self._past[0][0] <= now_s - (_SLOTS - 1) * self._slot_s:
            self._past.popleft()
