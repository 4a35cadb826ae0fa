"""Budgets, holds and attempts for tests of those who keep count of them."""

from datetime import datetime, timedelta
from typing import Any

from quorate.model.budget import BudgetBook, Claim, Hold, Window
from quorate.model.ledger import LedgerLine, Move


def book(
    now: datetime,
    *,
    name: str = "team",
    subject: str = "acme",
    tenant: str = "acme",
    limit: int = 100,
    hard: bool = True,
    window: Window = Window.DAY,
) -> BudgetBook:
    """A book of the window that holds `now`."""
    since, until = window.span(now)
    return BudgetBook(
        id=f"{name}:{subject}@{since}",
        budget=name,
        subject=subject,
        tenant=tenant,
        limit_microusd=limit,
        hard=hard,
        since=since,
        until=until,
    )


def hold(now: datetime, run: str, *claims: Claim, expires_s: float = 60.0) -> Hold:
    """What a run holds, for a minute if nothing else is said."""
    ordered = tuple(sorted(claims, key=lambda claim: claim.book.id))
    return Hold(run=run, tenant="acme", key_id="key_1", claims=ordered, expires_at=now + timedelta(seconds=expires_s))


def claim(of: BudgetBook, amount: int, model: str | None = None) -> Claim:
    """A claim of one book."""
    return Claim(book=of, amount_microusd=amount, model=model)


def attempt(position: int, cost: int | None, **changes: Any) -> LedgerLine:
    """An attempt in the book of everything."""
    given: dict[str, Any] = {
        "move": Move.SETTLE,
        "at_s": 1_750_000_000.0,
        "amount_microusd": cost,
        "position": position,
        "branch": "m",
        "model": "m",
        "prompt_tokens": 3,
        "completion_tokens": 4,
    }
    return LedgerLine(**(given | changes))
