"""`/api/v1/costs`: what was spent, from the ledger."""

import asyncio
from datetime import datetime
from typing import Annotated

import msgspec

from quorate.access.permission import Permission
from quorate.server.moment import utc
from quorate.server.route import Answer, Exchange, Route
from quorate.server.visible import tenant_scope
from quorate.storage.ledger_store import CostRow, Dimension, dimensions

DEFAULT_ROWS = 1000


class CostQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which attempts are added up, and by what: `by` is a list such as `day,model` of day, model, key, tenant, run."""

    by: Annotated[str, msgspec.Meta(max_length=100)] = ""
    since: datetime | None = None
    until: datetime | None = None
    tenant: Annotated[str, msgspec.Meta(max_length=64)] | None = None
    model: Annotated[str, msgspec.Meta(max_length=400)] | None = None
    key: Annotated[str, msgspec.Meta(max_length=64)] | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = DEFAULT_ROWS


class Cost(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the attempts of one group cost; it has the fields that it was asked to be grouped by.

    `estimated_microusd` is the part of the cost that no provider counted; `unpriced` attempts have no known cost.
    """

    day: str | None = None
    model: str | None = None
    key: str | None = None
    tenant: str | None = None
    run: str | None = None
    attempts: int
    unpriced: int
    prompt_tokens: int
    completion_tokens: int
    cost_microusd: int
    estimated_microusd: int


class CostPage(msgspec.Struct, frozen=True, kw_only=True):
    """Costs by day first, the most expensive first; `total` is the sum of all, also of those that are not listed."""

    data: tuple[Cost, ...]
    has_more: bool
    total: Cost


async def list_costs(exchange: Exchange) -> Answer:
    """Return what was spent."""
    query: CostQuery = exchange.query
    scope = tenant_scope(exchange, query.tenant)
    by = dimensions(query.by)
    since = None if query.since is None else utc(query.since, "since")
    until = None if query.until is None else utc(query.until, "until")
    ledger = exchange.services.database.ledger

    def read() -> CostPage:
        def costs(groups: tuple[Dimension, ...], limit: int) -> list[CostRow]:
            return ledger.costs(scope, groups, limit, since=since, until=until, model=query.model, key_id=query.key)

        rows = costs(by, query.limit + 1)
        return CostPage(
            data=tuple(_cost(row) for row in rows[: query.limit]),
            has_more=len(rows) > query.limit,
            total=_cost(costs((), 1)[0]),
        )

    return Answer(value=await asyncio.to_thread(read))


def _cost(row: CostRow) -> Cost:
    return Cost(
        day=None if row.day is None else row.day.isoformat(),
        model=row.model,
        key=row.key,
        tenant=row.tenant,
        run=row.run,
        attempts=row.attempts,
        unpriced=row.unpriced,
        prompt_tokens=row.prompt_tokens,
        completion_tokens=row.completion_tokens,
        cost_microusd=row.cost_microusd,
        estimated_microusd=row.estimated_microusd,
    )


ROUTES = (
    Route(
        method="GET",
        path="/api/v1/costs",
        handler=list_costs,
        summary="Add up what was spent, by day, model, key, tenant or run",
        permission=Permission.RUNS_READ,
        query=CostQuery,
        answer=CostPage,
        tag="money",
    ),
)
