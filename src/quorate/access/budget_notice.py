"""What is said of a budget that has no room for a request: to the caller, in the log, and to a webhook."""

from dataclasses import dataclass
from datetime import datetime

from quorate.core.units import format_usd
from quorate.model.budget import Claim, Standing

BudgetFacts = dict[str, str | int | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetNotice:
    """A budget that had no room for a claim, and how it stands: for the webhook of that name."""

    webhook: str
    claim: Claim
    standing: Standing
    at: datetime

    @property
    def id(self) -> str:
        """The same for the same budget in the same window, whichever process says it."""
        return f"budget:{self.claim.book.id}"

    @property
    def type(self) -> str:
        """What happened."""
        return "budget.refused" if self.claim.book.hard else "budget.over_limit"


def facts_of(claim: Claim, standing: Standing) -> BudgetFacts:
    """Return the facts for programs: names, amounts in micro-USD, when the budget begins anew (RFC 3339)."""
    book = claim.book
    return {
        "name": book.budget,
        "subject": book.subject,
        "limit_microusd": book.limit_microusd,
        "spent_microusd": standing.spent_microusd,
        "reserved_microusd": standing.reserved_microusd,
        "requested_microusd": claim.amount_microusd,
        "resets_at": None if book.until is None else f"{book.until:%Y-%m-%dT%H:%M:%SZ}",
    }


def sentence_of(claim: Claim, standing: Standing) -> str:
    """Return the facts as a sentence without its end."""
    book = claim.book
    until = "never begins anew" if book.until is None else f"begins anew at {book.until:%Y-%m-%d %H:%M} UTC"
    return (
        f"the budget {book.budget!r} of {book.subject!r} is {format_usd(book.limit_microusd)} and {until}: "
        f"{format_usd(standing.spent_microusd)} are spent, {format_usd(standing.reserved_microusd)} reserved, "
        f"and this request may cost {format_usd(claim.amount_microusd)}"
    )
