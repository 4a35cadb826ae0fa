"""A configured budget: whose it is, how much, for how long."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from quorate.model.budget import BudgetBook, Window


class Spender(StrEnum):
    """Who or what has a budget."""

    TENANT = "tenant"
    KEY = "key"
    MODEL = "model"


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetRule:
    """So much in each window for one tenant, key or model (`subject`), or for each of them (`None`).

    `hard`: what may cost more than is left is refused; else it is answered, and told. `webhook` names who is told too.
    """

    name: str
    of: Spender
    subject: str | None
    limit_microusd: int
    window: Window
    hard: bool
    webhook: str | None = None

    def book(self, subject: str, tenant: str, now: datetime) -> BudgetBook:
        """Return the book of one tenant, key or model in the window that holds `now`."""
        since, until = self.window.span(now)
        begun = "total" if since is None else f"{since:%Y-%m-%dT%H:%MZ}"
        return BudgetBook(
            id=f"{self.name}:{subject}@{begun}",
            budget=self.name,
            subject=subject,
            tenant="" if self.of is Spender.MODEL else tenant,
            limit_microusd=self.limit_microusd,
            hard=self.hard,
            since=since,
            until=until,
        )
