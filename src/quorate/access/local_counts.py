"""Limits counted in this process."""

from quorate.access.admission import Admission
from quorate.access.bound import Bounds, Unit, Window, standings
from quorate.access.limit_headers import limit_headers
from quorate.access.local_windows import LocalWindows
from quorate.access.refusal import LimitReached, LimitTooSmall, too_many, too_many_at_once
from quorate.core.clock import Clock


class LocalCounts:
    """Live counts, used by the event loop's thread alone; nothing here waits, so each call is one step for others."""

    def __init__(self, clock: Clock) -> None:
        self._windows = LocalWindows(clock)
        self._taken: dict[str, int] = {}

    def take(self, bounds: Bounds, tokens: int) -> Admission:
        """Take places and the estimate from every limit; raise `LimitReached` or `LimitTooSmall` and take nothing."""
        for places in bounds.places:
            if self._taken.get(places.name, 0) >= places.amount:
                raise self._told(too_many_at_once(places), bounds)
        taken = self._windows.take(bounds.windows, tokens)
        if isinstance(taken, Window):
            (count,) = self._windows.counts((taken,))
            raise self._told(too_many(taken, count, tokens), bounds)
        for places in bounds.places:
            self._taken[places.name] = self._taken.get(places.name, 0) + 1
        headers = limit_headers(bounds.windows, taken)
        return Admission(headers=headers, bounds=bounds, tokens=tokens, minute=self._windows.latest_minute)

    def settle(self, admission: Admission, tokens_used: int) -> None:
        """Charge what was used beyond the estimate, or give back what was not; free the places."""
        assert admission.bounds is not None
        for places in admission.bounds.places:
            left = self._taken[places.name] - 1
            if left:
                self._taken[places.name] = left
            else:
                del self._taken[places.name]
        difference = tokens_used - admission.tokens
        if difference:
            for window in admission.bounds.windows:
                if window.unit is Unit.TOKENS:
                    self._windows.adjust(window.name, difference, admission.minute)

    def _told(self, refusal: LimitReached | LimitTooSmall, bounds: Bounds) -> LimitReached | LimitTooSmall:
        windows = bounds.windows
        refusal.headers = limit_headers(windows, standings(windows, self._windows.counts(windows)))
        return refusal
