"""Time comes in as a `Clock`, so that tests and replays can own it."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from quorate.core.errors import DeadlineExceeded


class Clock(Protocol):
    """Wall time for records, in two forms, and monotonic seconds for durations. Waiting is `asyncio.sleep`."""

    def now(self) -> datetime:
        """Aware UTC time."""
        ...

    def unix_s(self) -> float:
        """The same as seconds since 1970: what a request records, for a tenth of what a `datetime` costs."""
        ...

    def monotonic(self) -> float:
        """Seconds that never run backwards; only differences mean anything."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Aware UTC time."""
        return datetime.now(UTC)

    #: Seconds of `time.time` and of `time.monotonic`; the functions themselves, which every request asks several times.
    unix_s = staticmethod(time.time)
    monotonic = staticmethod(time.monotonic)


class ManualClock:
    """A clock that moves only when told to: for tests of anything that reads time without waiting."""

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self._start = start
        self._elapsed_s = 0.0

    def now(self) -> datetime:
        """The start time plus what was advanced."""
        return self._start + timedelta(seconds=self._elapsed_s)

    def unix_s(self) -> float:
        """The same as seconds since 1970."""
        return self.now().timestamp()

    def monotonic(self) -> float:
        """Seconds advanced so far."""
        return self._elapsed_s

    def advance(self, seconds: float) -> None:
        """Move forward; `seconds` >= 0."""
        if seconds < 0:
            raise ValueError(f"a clock cannot go back: {seconds!r}")
        self._elapsed_s += seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """A point in monotonic time after which nothing is worth doing; `at` is `None` for no limit.

    Made once at the edge; each layer below takes the smaller of its own limit and what is left (`capped`).
    """

    clock: Clock
    at: float | None = None

    @classmethod
    def after(cls, clock: Clock, seconds: float | None) -> "Deadline":
        """Return the deadline `seconds` from now, or no limit for `None`."""
        return cls(clock=clock, at=None if seconds is None else clock.monotonic() + seconds)

    def remaining_s(self) -> float | None:
        """Seconds left, never negative; `None` for no limit."""
        return None if self.at is None else max(0.0, self.at - self.clock.monotonic())

    def capped(self, seconds: float | None) -> "Deadline":
        """Return the earlier of this deadline and `seconds` from now."""
        if seconds is None:
            return self
        at = self.clock.monotonic() + seconds
        return self if self.at is not None and self.at <= at else Deadline(clock=self.clock, at=at)

    def ahead(self, *, share: float, most_s: float) -> "Deadline":
        """Return a deadline before this one, by a share of what is left and at most `most_s`: time to conclude."""
        remaining_s = self.remaining_s()
        return self if remaining_s is None else self.capped(remaining_s - min(remaining_s * share, most_s))

    def require(self, what: str) -> None:
        """Raise `DeadlineExceeded` naming `what` if the time is over."""
        if self.at is not None and self.clock.monotonic() >= self.at:
            raise DeadlineExceeded(f"the deadline passed before {what}; allow more time or ask for less")
