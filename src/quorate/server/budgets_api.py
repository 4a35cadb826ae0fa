"""`/api/v1/budgets`: what may be spent, what is spent, what is reserved."""

from datetime import datetime
from typing import Annotated

import msgspec

from quorate.access.budget_rule import Spender
from quorate.access.budget_standings import BudgetStanding, standings
from quorate.access.permission import Permission
from quorate.model.budget import Window
from quorate.server.route import Answer, Exchange, Route
from quorate.server.visible import tenant_scope
from quorate.storage.scope import ALL_TENANTS


class BudgetQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose budgets; `tenant` is for operators."""

    tenant: Annotated[str, msgspec.Meta(max_length=64)] | None = None


class BudgetState(msgspec.Struct, frozen=True, kw_only=True):
    """A budget of one tenant, key or model (`subject`) in its present window.

    `reserved_microusd` is what requests under way may cost. `refuses`: a request that may cost more than is left is
    refused. `resets_at` is when it begins anew, `null` for never.
    """

    name: str
    of: Spender
    subject: str
    window: Window
    limit_microusd: int
    spent_microusd: int
    reserved_microusd: int
    refuses: bool
    resets_at: datetime | None


class BudgetList(msgspec.Struct, frozen=True, kw_only=True):
    """Budgets in the order of the configuration."""

    data: tuple[BudgetState, ...]


async def list_budgets(exchange: Exchange) -> Answer:
    """Return how budgets stand: all to operators, to everybody else their own tenant's and its keys'."""
    query: BudgetQuery = exchange.query
    scope = tenant_scope(exchange, query.tenant)
    services, principal = exchange.services, exchange.principal
    if services.budgets is None:
        return Answer(value=BudgetList(data=()))
    found = await standings(services.budgets, services.clock.now())
    mine = [each for each in found if scope is ALL_TENANTS or scope == each.tenant]
    if not principal.is_operator:
        # One that nothing was spent from yet does not know whose key it is about.
        mine += [
            each for each in found if each.of is Spender.KEY and not each.tenant and each.subject == principal.key_id
        ]
    return Answer(value=BudgetList(data=tuple(_state(each) for each in mine)))


def _state(each: BudgetStanding) -> BudgetState:
    return BudgetState(
        name=each.name,
        of=each.of,
        subject=each.subject,
        window=each.window,
        limit_microusd=each.limit_microusd,
        spent_microusd=each.spent_microusd,
        reserved_microusd=each.reserved_microusd,
        refuses=each.refuses,
        resets_at=each.resets_at,
    )


ROUTES = (
    Route(
        method="GET",
        path="/api/v1/budgets",
        handler=list_budgets,
        summary="Show budgets: limit, spent, reserved, when they begin anew",
        permission=Permission.RUNS_READ,
        query=BudgetQuery,
        answer=BudgetList,
        tag="money",
    ),
)
