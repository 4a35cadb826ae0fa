"""What limits a request: windows of a minute and places at once, of its key, its tenant and its model."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import floor

import msgspec

from quorate.model.allowance import Allowance

WINDOW_S = 60


class Unit(StrEnum):
    """What a window counts; also the last word of the headers about it."""

    REQUESTS = "requests"
    TOKENS = "tokens"


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """So many requests or tokens in a minute; `whose` is for people, `name` for whoever counts."""

    whose: str
    unit: Unit
    name: str
    amount: int

    def cost(self, tokens: int) -> int:
        """Return what a request with so many tokens takes from it."""
        return 1 if self.unit is Unit.REQUESTS else tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """So many requests at once."""

    whose: str
    name: str
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """All limits of one key at one model, the key's first, the model's last."""

    windows: tuple[Window, ...] = ()
    places: tuple[Places, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether there is no limit at all."""
        return not self.windows and not self.places


def bounds_of(whose: str, name: str, allowance: Allowance) -> Bounds:
    """Return the limits that an allowance sets for one key, tenant or model."""
    amounts = ((Unit.REQUESTS, allowance.requests_per_minute), (Unit.TOKENS, allowance.tokens_per_minute))
    at_once = allowance.concurrent_requests
    return Bounds(
        windows=tuple(
            Window(whose=whose, unit=unit, name=f"{unit.value}/{name}", amount=amount)
            for unit, amount in amounts
            if amount is not None
        ),
        places=() if at_once is None else (Places(whose=whose, name=f"places/{name}", amount=at_once),),
    )


class Standing(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """How a window stands: how much is left of it, and in how many seconds all of it is there again."""

    left: int
    reset_s: float


class Count(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a sliding window holds: the minute that is over and the seconds for which it still weighs, and this one.

    `current_ttl_s` is the rest of this minute and one more: until nothing of it weighs any more.
    """

    previous: int
    previous_ttl_s: float
    current: int
    current_ttl_s: float

    @property
    def weighted(self) -> int:
        """What counts now: this minute, and of the one before the share that is within the last 60 seconds."""
        if not self.previous:
            return self.current
        return floor(self.previous * self.previous_ttl_s / WINDOW_S) + self.current

    @property
    def reset_s(self) -> float:
        """Seconds until nothing counts any more, if nothing is added."""
        return self.current_ttl_s if self.current else self.previous_ttl_s if self.previous else 0.0

    def wait_s(self, *, amount: int, cost: int) -> float:
        """Return the seconds until `cost` fits into `amount`, if nothing is added; `cost` <= `amount`."""
        room = amount - cost + 1  # the weighted count is rounded down: it has to be less than this
        if self.current < room:
            weighs, ttl_s, later_s = self.previous, self.previous_ttl_s, 0.0
            room -= self.current
        else:
            weighs, later_s = self.current, self.current_ttl_s - WINDOW_S
            ttl_s = float(WINDOW_S)
        fits_at_s = room * WINDOW_S / weighs if weighs else float(WINDOW_S)
        return later_s + max(0.0, ttl_s - fits_at_s)


def standings(windows: Sequence[Window], counts: Sequence[Count]) -> list[Standing]:
    """Return how windows stand that hold these counts."""
    return [
        Standing(left=window.amount - count.weighted, reset_s=count.reset_s)
        for window, count in zip(windows, counts, strict=True)
    ]
