"""Budgets counted by this process alone."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from quorate.model.budget import BudgetBook, Hold, Reserved, Standing
from quorate.model.ledger import LedgerLine, settlement, spent

#: A run may be settled once more for so long: as it is, right after its answer.
_REMEMBERED = timedelta(seconds=60)
_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(slots=True)
class _Book:
    book: BudgetBook
    spent_microusd: int = 0
    reserved_microusd: int = 0
    #: Nothing that is held expires before.
    due: datetime = _NEVER
    #: What each run holds, and until when.
    held: dict[str, tuple[int, datetime]] = field(default_factory=dict[str, tuple[int, datetime]])

    @property
    def standing(self) -> Standing:
        return Standing(
            book=self.book.id,
            subject=self.book.subject,
            tenant=self.book.tenant,
            spent_microusd=self.spent_microusd,
            reserved_microusd=self.reserved_microusd,
        )

    def hold(self, run: str, amount_microusd: int, expires_at: datetime) -> None:
        self.give_back(run)
        self.held[run] = (amount_microusd, expires_at)
        self.reserved_microusd += amount_microusd
        self.due = min(self.due, expires_at)

    def give_back(self, run: str) -> int:
        """Hold nothing for a run any more; return what it held."""
        amount, _ = self.held.pop(run, (0, _NEVER))
        self.reserved_microusd -= amount
        return amount

    def release(self, now: datetime) -> int:
        """Give back what has expired; costs nothing before something may have."""
        if now < self.due:
            return 0
        due = [run for run, (_, expires_at) in self.held.items() if expires_at <= now]
        for run in due:
            self.give_back(run)
        self.due = min((expires_at for _, expires_at in self.held.values()), default=_NEVER)
        return len(due)


class LocalBudgets:
    """A `BudgetStore` in memory; a live object. Nothing of it survives the process, and no other one sees it.

    No operation waits, so that each is whole before another begins.
    """

    writes_ledger: bool = False

    def __init__(self) -> None:
        self._books: dict[str, _Book] = {}
        #: How many attempts of a run were charged, and when.
        self._charged: dict[str, tuple[int, datetime]] = {}

    async def reserve(self, hold: Hold, now: datetime) -> Reserved:
        """Reserve every claim, unless one of a hard book does not fit."""
        books = self._of(hold, now)
        for position, (claim, book) in enumerate(zip(hold.claims, books, strict=True)):
            taken = book.spent_microusd + book.reserved_microusd + claim.amount_microusd
            if claim.book.hard and taken > claim.book.limit_microusd:
                return Reserved(standings=tuple(each.standing for each in books), refused_by=position)
        for claim, book in zip(hold.claims, books, strict=True):
            book.hold(hold.run, claim.amount_microusd, hold.expires_at)
        return Reserved(standings=tuple(book.standing for book in books))

    async def settle(self, hold: Hold, attempts: Sequence[LedgerLine], now: datetime) -> Sequence[LedgerLine]:
        """Charge attempts and release the rest; returns the lines of the ledger."""
        done, _ = self._charged.get(hold.run, (0, now))
        new = [line for line in attempts if line.position > done]
        moved: list[LedgerLine] = []
        for claim, book in zip(hold.claims, self._of(hold, now), strict=True):
            lines = settlement(claim.book.id, book.give_back(hold.run), claim.of(new), now.timestamp())
            book.spent_microusd += spent(lines)
            moved += lines
        if attempts:
            self._charged[hold.run] = (max(done, *(line.position for line in attempts)), now)
        return moved

    async def read(self, budget: str, since: datetime | None, now: datetime) -> Sequence[Standing]:
        """Return how the books of a budget stand whose window began at `since`."""
        found = [each for each in self._books.values() if each.book.budget == budget and each.book.since == since]
        self._release(found, now)
        return [each.standing for each in sorted(found, key=lambda each: each.book.id)]

    async def expire(self, now: datetime) -> int:
        """Release everything that expired, and forget what is over."""
        released = self._release(self._books.values(), now)
        self._books = {
            name: each
            for name, each in self._books.items()
            if each.held or each.book.until is None or each.book.until > now
        }
        self._charged = {run: charged for run, charged in self._charged.items() if now - charged[1] < _REMEMBERED}
        return released

    async def close(self) -> None:
        """There is nothing to close."""

    def _of(self, hold: Hold, now: datetime) -> list[_Book]:
        books: list[_Book] = []
        for claim in hold.claims:
            book = self._books.get(claim.book.id)
            if book is None:
                book = self._books[claim.book.id] = _Book(claim.book)
            book.release(now)
            books.append(book)
        return books

    def _release(self, books: Iterable[_Book], now: datetime) -> int:
        return sum(each.release(now) for each in books)
