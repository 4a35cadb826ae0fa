"""Budgets that outlive a request: what they allow, what a request holds of them, and who keeps count."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

import msgspec

from quorate.model.ledger import LedgerLine


class Window(StrEnum):
    """For how long a budget holds before it begins anew: by the UTC calendar, weeks from Monday; `total` for good."""

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    TOTAL = "total"

    def span(self, now: datetime) -> tuple[datetime | None, datetime | None]:
        """Return when the window that holds `now` (aware UTC) began and when the next one begins; `None` for never."""
        minute = now.replace(second=0, microsecond=0)
        day = minute.replace(hour=0, minute=0)
        match self:
            case Window.MINUTE:
                return minute, minute + timedelta(minutes=1)
            case Window.HOUR:
                hour = minute.replace(minute=0)
                return hour, hour + timedelta(hours=1)
            case Window.DAY:
                return day, day + timedelta(days=1)
            case Window.WEEK:
                monday = day - timedelta(days=day.weekday())
                return monday, monday + timedelta(days=7)
            case Window.MONTH:
                first = day.replace(day=1)
                return first, (first + timedelta(days=31)).replace(day=1)
            case Window.TOTAL:
                return None, None


class BudgetBook(msgspec.Struct, frozen=True, kw_only=True):
    """One budget of one tenant, key or model (`subject`) in one window.

    `id` names it in the ledger. `tenant` is whose it is, empty for a model's. `hard`: what does not fit is refused.
    """

    id: str
    budget: str
    subject: str
    tenant: str
    limit_microusd: int
    hard: bool
    since: datetime | None
    until: datetime | None


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """What a request wants from one book at most; `model`: only attempts of that model count there."""

    book: BudgetBook
    amount_microusd: int
    model: str | None = None

    def of(self, attempts: Sequence[LedgerLine]) -> list[LedgerLine]:
        """Return those attempts that this book pays."""
        return [line for line in attempts if self.model is None or line.model == self.model]


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """What a run holds, in the order of the books' ids; nobody settling it, it is released at `expires_at`."""

    run: str
    tenant: str
    key_id: str | None
    claims: tuple[Claim, ...]
    expires_at: datetime


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How a book stands: spent and reserved in micro-USD."""

    book: str
    subject: str
    tenant: str
    spent_microusd: int = 0
    reserved_microusd: int = 0


class Reserved(msgspec.Struct, frozen=True, kw_only=True):
    """How the books of a hold stand, in its order; `refused_by`: the position of the first without room.

    Where one refuses, nothing was reserved in any.
    """

    standings: tuple[Standing, ...]
    refused_by: int | None = None


class BudgetStore(Protocol):
    """Who keeps count of books. Each operation happens in all books or in none.

    Every call releases, in the books it looks at, what expired before `now`.
    """

    @property
    def writes_ledger(self) -> bool:
        """Whether it writes the lines of the ledger itself; else whoever uses it does."""
        ...

    async def reserve(self, hold: Hold, now: datetime) -> Reserved:
        """Reserve every claim, unless one of a hard book does not fit."""
        ...

    async def settle(self, hold: Hold, attempts: Sequence[LedgerLine], now: datetime) -> Sequence[LedgerLine]:
        """Charge attempts to the books of the hold and release the rest.

        Later attempts of the same run may follow. The same attempts once more change nothing. Returns the lines of the
        ledger that the store did not write itself.
        """
        ...

    async def read(self, budget: str, since: datetime | None, now: datetime) -> Sequence[Standing]:
        """Return how the books of a budget stand whose window began at `since`."""
        ...

    async def expire(self, now: datetime) -> int:
        """Release everything that expired; return how many reservations that were."""
        ...

    async def close(self) -> None:
        """Close what is open."""
        ...
