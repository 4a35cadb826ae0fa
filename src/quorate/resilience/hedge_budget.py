"""How many second attempts may be made: a share of the traffic."""

#: The most that can be saved up: so many hedges may start at once after a quiet time.
BURST = 10.0


class HedgeBudget:
    """Each request earns `share` of a token, each hedge takes a whole one; a live object.

    It begins empty, so that at no time there were more hedges than `share` of the requests. At most `burst` tokens are
    kept (never less than one): a general slow-down after a quiet time doubles nothing.
    """

    __slots__ = ("_burst", "_share", "_tokens")

    def __init__(self, share: float, *, burst: float = BURST) -> None:
        self._share = share
        self._burst = max(1.0, burst)
        self._tokens = 0.0

    def earn(self) -> None:
        """A request came."""
        self._tokens = min(self._burst, self._tokens + self._share)

    def take(self) -> bool:
        """Return whether a hedge may start, and take its token if so."""
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True
