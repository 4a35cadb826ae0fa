"""Several reservations and settlements in one transaction: what each of them does, in their order, added up."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from quorate.core.errors import Conflict
from quorate.model.budget import BudgetBook, Hold, Reserved, Standing
from quorate.model.ledger import LedgerLine, reservation, settlement, spent


@dataclass(slots=True, kw_only=True)
class BudgetStep:
    """A live step: a reservation, or with `attempts` a settlement. `done` once `outcome` or `failure` is there."""

    hold: Hold
    now: datetime
    attempts: Sequence[LedgerLine] | None = None
    done: bool = False
    outcome: Reserved | None = None
    failure: BaseException | None = None

    def end(self, outcome: Reserved | None = None, failure: BaseException | None = None) -> None:
        """Take note of how it ended."""
        self.outcome, self.failure, self.done = outcome, failure, True


@dataclass(slots=True, kw_only=True)
class BudgetBatch:
    """The live effects of steps on locked books, before they are written.

    `books`: spent and reserved of each; `held`: what runs hold, by book and run; `written`: attempts, by run, book and
    position, that have lines. What follows is what there is to write.
    """

    books: dict[str, tuple[int, int]]
    held: dict[tuple[str, str], int]
    written: set[tuple[str, str, int]]
    moved: dict[str, tuple[int, int]] = field(default_factory=dict[str, tuple[int, int]])
    holds: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict[tuple[str, str], dict[str, Any]])
    given_back: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    lines: list[tuple[Hold, LedgerLine]] = field(default_factory=list[tuple[Hold, LedgerLine]])

    def take(self, step: BudgetStep) -> Reserved | None:
        """Do one step; a reservation that does not fit changes nothing."""
        if step.attempts is None:
            return self._reserve(step.hold, step.now)
        self._settle(step.hold, step.attempts, step.now)
        return None

    def _reserve(self, hold: Hold, now: datetime) -> Reserved:
        if any((claim.book.id, hold.run) in self.holds for claim in hold.claims):
            raise Conflict(f"the run {hold.run!r} has reserved already")
        standings = tuple(_standing(claim.book, self.books) for claim in hold.claims)
        for position, (claim, standing) in enumerate(zip(hold.claims, standings, strict=True)):
            taken = standing.spent_microusd + standing.reserved_microusd + claim.amount_microusd
            if claim.book.hard and taken > claim.book.limit_microusd:
                return Reserved(standings=standings, refused_by=position)
        for claim in hold.claims:
            book, amount = claim.book.id, claim.amount_microusd
            self._move(book, spent_microusd=0, reserved_microusd=amount)
            self.held[book, hold.run] = amount
            self.holds[book, hold.run] = {
                "book": book,
                "run_id": hold.run,
                "tenant": hold.tenant,
                "key_id": hold.key_id,
                "amount_microusd": amount,
                "expires_at": hold.expires_at,
            }
            self.lines.append((hold, reservation(book, amount, now.timestamp())))
        return Reserved(standings=tuple(_standing(claim.book, self.books) for claim in hold.claims))

    def _settle(self, hold: Hold, attempts: Sequence[LedgerLine], now: datetime) -> None:
        self.lines += [(hold, line) for line in attempts]
        for claim in hold.claims:
            book, run = claim.book.id, hold.run
            amount = self.held.pop((book, run), 0)
            if self.holds.pop((book, run), None) is None:
                self.given_back.add((book, run))
            new = [line for line in claim.of(attempts) if (run, book, line.position) not in self.written]
            self.written |= {(run, book, line.position) for line in new}
            moved = settlement(book, amount, new, now.timestamp())
            self._move(book, spent_microusd=spent(moved), reserved_microusd=-amount)
            self.lines += [(hold, line) for line in moved]

    def _move(self, book: str, *, spent_microusd: int, reserved_microusd: int) -> None:
        before, more = self.books.get(book, (0, 0)), self.moved.get(book, (0, 0))
        self.books[book] = (before[0] + spent_microusd, before[1] + reserved_microusd)
        self.moved[book] = (more[0] + spent_microusd, more[1] + reserved_microusd)


def _standing(book: BudgetBook, books: Mapping[str, tuple[int, int]]) -> Standing:
    if book.id not in books:
        raise Conflict(f"the budget {book.id!r} is gone")  # forgotten within this very moment, a week after its end
    spent_microusd, reserved = books[book.id]
    return Standing(
        book=book.id,
        subject=book.subject,
        tenant=book.tenant,
        spent_microusd=spent_microusd,
        reserved_microusd=reserved,
    )
