"""Lines of the ledger: each moves an amount from one account to another, and none is ever changed.

A book has three accounts, `available`, `reserved` and `spent`, whose sum never changes. There is one book of all that
was spent, and one for each budget in each of its windows.
"""

from collections.abc import Iterable, Sequence
from enum import StrEnum

import msgspec

#: The book of everything, which needs no budget.
ALL = ""


class Account(StrEnum):
    """Where money of a book is."""

    AVAILABLE = "available"
    RESERVED = "reserved"
    SPENT = "spent"


class Move(StrEnum):
    """What a line does.

    `reserve`: a request may cost so much. `settle`: an attempt cost so much. `overrun`: of an attempt, what was not
    reserved. `release`: so much of a reservation was not needed, or nobody came to settle it.
    """

    RESERVE = "reserve"
    SETTLE = "settle"
    OVERRUN = "overrun"
    RELEASE = "release"


_WAYS: dict[Move, tuple[Account, Account]] = {
    Move.RESERVE: (Account.AVAILABLE, Account.RESERVED),
    Move.SETTLE: (Account.RESERVED, Account.SPENT),
    Move.OVERRUN: (Account.AVAILABLE, Account.SPENT),
    Move.RELEASE: (Account.RESERVED, Account.AVAILABLE),
}


class LedgerLine(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One line. `book` is `""` for the book of everything, else names a budget, whose it is, and the window's start.

    `position` is the number of the attempt within the run, from 1; 0 where the line is about the run as a whole.
    `attempt` counts within the branch. `amount_microusd` `None`: the price is not known. `at_s` are Unix seconds.
    In the book of everything nothing is reserved: its lines go from `available` to `spent`.
    """

    move: Move
    at_s: float
    amount_microusd: int | None
    book: str = ALL
    position: int = 0
    branch: str = ""
    model: str = ""
    attempt: int = 1
    prompt_tokens: int = 0
    completion_tokens: int = 0
    estimated: bool = False

    @property
    def source(self) -> Account:
        """The account that the amount leaves."""
        return Account.AVAILABLE if self.book == ALL else _WAYS[self.move][0]

    @property
    def target(self) -> Account:
        """The account that the amount goes to."""
        return _WAYS[self.move][1]


def reservation(book: str, amount_microusd: int, at_s: float) -> LedgerLine:
    """Return the line of a reservation."""
    return LedgerLine(move=Move.RESERVE, book=book, amount_microusd=amount_microusd, at_s=at_s)


def release(book: str, amount_microusd: int, at_s: float) -> LedgerLine:
    """Return the line of what is given back."""
    return LedgerLine(move=Move.RELEASE, book=book, amount_microusd=amount_microusd, at_s=at_s)


def settlement(book: str, held_microusd: int, attempts: Iterable[LedgerLine], at_s: float) -> list[LedgerLine]:
    """Return the lines of a book for attempts of a run: from what is held first, the rest beyond it.

    What is left of `held_microusd` is released. Attempts without a known cost, or without any, leave no line.
    """
    lines: list[LedgerLine] = []
    left = held_microusd
    for attempt in attempts:
        cost = attempt.amount_microusd or 0
        drawn = min(cost, left)
        left -= drawn
        for move, amount in ((Move.SETTLE, drawn), (Move.OVERRUN, cost - drawn)):
            if amount > 0:
                lines.append(msgspec.structs.replace(attempt, book=book, move=move, amount_microusd=amount))
    if left > 0:
        lines.append(release(book, left, at_s))
    return lines


def spent(lines: Sequence[LedgerLine]) -> int:
    """Return what lines move to `spent`, in micro-USD."""
    return sum(line.amount_microusd or 0 for line in lines if line.target is Account.SPENT)
