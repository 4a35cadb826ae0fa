"""A limit on requests at once that finds its own size: one more after success, a share less after overload."""

_DECREASE = 0.7


class Limit:
    """A live limit between `least` and `most`; `least` = `most` is one that stays. Times are monotonic seconds.

    Additive increase, multiplicative decrease: it grows by one when as many requests as it allows have succeeded while
    it was used up, and shrinks to 0.7 at an overload. Requests that began before it shrank do not shrink it again: they
    tell of the same overload.
    """

    __slots__ = ("_exact", "_least", "_most", "_shrunk_s", "current")

    def __init__(self, *, least: int, most: int, start: int) -> None:
        self._least = least
        self._most = most
        self._exact = float(start)
        self._shrunk_s = float("-inf")
        self.current = start

    def succeeded(self, in_use: int) -> None:
        """A request succeeded; `in_use` counts those under way, this one included."""
        if in_use >= self.current < self._most:
            self._set(self._exact + 1.0 / self._exact)

    def overloaded(self, began_s: float, now_s: float) -> None:
        """A request that left at `began_s` met an overload."""
        if began_s >= self._shrunk_s:
            self._shrunk_s = now_s
            self._set(self._exact * _DECREASE)

    def _set(self, exact: float) -> None:
        self._exact = min(max(exact, float(self._least)), float(self._most))
        self.current = int(self._exact)
