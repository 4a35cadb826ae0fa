"""Limits counted in this process."""

from limits.strategies import SlidingWindowCounterRateLimiter

from quorate.access.admission import Admission
from quorate.access.bound import WINDOW_S, Bounds, Count, Window
from quorate.access.limit_headers import Headers, limit_headers
from quorate.access.refusal import LimitReached, LimitTooSmall, too_many, too_many_at_once
from quorate.access.window_storage import WindowStorage
from quorate.core.clock import Clock


class LocalCounts:
    """Live counts, used by the event loop's thread alone; nothing here waits, so each call is one step for others."""

    def __init__(self, clock: Clock) -> None:
        self._storage = WindowStorage(clock, window_s=WINDOW_S)
        self._windows = SlidingWindowCounterRateLimiter(self._storage)
        self._taken: dict[str, int] = {}

    def take(self, bounds: Bounds, tokens: int) -> Admission:
        """Take places and the estimate from every limit; raise `LimitReached` or `LimitTooSmall` and take nothing."""
        for places in bounds.places:
            if self._taken.get(places.name, 0) >= places.amount:
                raise self._told(too_many_at_once(places), bounds)
        for position, window in enumerate(bounds.windows):
            if not self._windows.hit(window.item, cost=window.cost(tokens)):
                minute = self._storage.minute
                refusal = too_many(window, self._count(window), tokens)
                for taken in bounds.windows[:position]:
                    self._storage.adjust(taken.item.key, -taken.cost(tokens), minute)
                raise self._told(refusal, bounds)
        for places in bounds.places:
            self._taken[places.name] = self._taken.get(places.name, 0) + 1
        return Admission(
            headers=self._headers(bounds), bounds=bounds, tokens=tokens, minute=self._storage.latest_minute
        )

    def settle(self, admission: Admission, tokens_used: int) -> None:
        """Charge what was used beyond the estimate, or give back what was not; free the places."""
        assert admission.bounds is not None
        for places in admission.bounds.places:
            left = self._taken[places.name] - 1
            if left:
                self._taken[places.name] = left
            else:
                del self._taken[places.name]
        for window in admission.bounds.windows:
            difference = window.cost(tokens_used) - window.cost(admission.tokens)
            if difference:
                self._storage.adjust(window.item.key, difference, admission.minute)

    def _count(self, window: Window) -> Count:
        return self._storage.counts((window,))[0][1]

    def _headers(self, bounds: Bounds) -> Headers:
        return limit_headers(self._storage.counts(bounds.windows))

    def _told(self, refusal: LimitReached | LimitTooSmall, bounds: Bounds) -> LimitReached | LimitTooSmall:
        refusal.headers = self._headers(bounds)
        return refusal
