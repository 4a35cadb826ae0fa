"""How budgets stand, for whoever looks at them."""

from dataclasses import dataclass
from datetime import datetime

from quorate.access.budget_rule import BudgetRule, Spender
from quorate.access.budgets import Budgets
from quorate.model.budget import Standing, Window


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetStanding:
    """A budget of one tenant, key or model in its present window; `tenant` is empty for a model's.

    Money is in micro-USD; `resets_at` is aware UTC, `None` for never.
    """

    name: str
    of: Spender
    subject: str
    tenant: str
    window: Window
    limit_microusd: int
    spent_microusd: int
    reserved_microusd: int
    refuses: bool
    resets_at: datetime | None


async def standings(budgets: Budgets, now: datetime) -> list[BudgetStanding]:
    """Return how every budget stands, in the order of the configuration.

    A budget for each tenant, key or model is there once for each that has spent from it in this window.
    """
    found: list[BudgetStanding] = []
    for rule in budgets.rules:
        read = list(await budgets.store.read(rule.name, rule.window.span(now)[0], now))
        if rule.subject is not None:
            read = [each for each in read if each.subject == rule.subject] or [_untouched(rule, rule.subject)]
        found += [_standing(rule, each, now) for each in read]
    return found


def _untouched(rule: BudgetRule, subject: str) -> Standing:
    return Standing(book="", subject=subject, tenant=subject if rule.of is Spender.TENANT else "")


def _standing(rule: BudgetRule, standing: Standing, now: datetime) -> BudgetStanding:
    return BudgetStanding(
        name=rule.name,
        of=rule.of,
        subject=standing.subject,
        tenant=standing.tenant,
        window=rule.window,
        limit_microusd=rule.limit_microusd,
        spent_microusd=standing.spent_microusd,
        reserved_microusd=standing.reserved_microusd,
        refuses=rule.hard,
        resets_at=rule.window.span(now)[1],
    )
