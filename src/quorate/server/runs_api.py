"""`/api/v1/runs`: what was asked, what it cost, what every branch did."""

import asyncio
from datetime import datetime
from typing import Annotated

import msgspec

from quorate.access.authorize import Owned, authorize
from quorate.access.permission import Permission
from quorate.core.errors import NotFound
from quorate.core.ids import KeyId, RunId, TenantId
from quorate.model.event import State
from quorate.model.run import RunRecord
from quorate.server.flow_run_access import found_run
from quorate.server.flow_run_view import FlowRun, flow_run, percent_of
from quorate.server.moment import utc
from quorate.server.route import Answer, Exchange, Route
from quorate.server.visible import tenant_scope
from quorate.storage.run_store import ModelTotals, StoredRun, Totals
from quorate.storage.scope import ALL_TENANTS, Scope

DEFAULT_PAGE = 50
#: Events looked through for the progress of a flow's run.
_LAST_EVENTS = 50


class RunQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which runs: `since` (included) and `until` (not) are RFC 3339 times; `after` is a page's `next`."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=200)] = DEFAULT_PAGE
    after: Annotated[str, msgspec.Meta(max_length=400)] | None = None
    model: Annotated[str, msgspec.Meta(max_length=400)] | None = None
    state: State | None = None
    key: Annotated[str, msgspec.Meta(max_length=64)] | None = None
    since: datetime | None = None
    until: datetime | None = None
    tenant: Annotated[str, msgspec.Meta(max_length=64)] | None = None


class TotalsQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which runs are added up."""

    since: datetime | None = None
    until: datetime | None = None
    tenant: Annotated[str, msgspec.Meta(max_length=64)] | None = None


class RunPage(msgspec.Struct, frozen=True, kw_only=True):
    """Runs without their branches, the latest first."""

    data: tuple[RunRecord, ...]
    has_more: bool
    next: str | None = None


class ShowQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whether the outputs of the single steps of a flow's run are shown as well."""

    step_outputs: bool = False


class RunDetails(msgspec.Struct, frozen=True, kw_only=True):
    """A run with its branches; `children` are runs that ran inside it.

    `flow` is there for the run of a flow, also while it runs; `run`, the record of a call, when that is over.
    """

    run: RunRecord | None = None
    children: tuple[str, ...] = ()
    flow: FlowRun | None = None


class ModelSum(msgspec.Struct, frozen=True, kw_only=True):
    """What the runs that asked one model add up to."""

    model: str
    runs: int
    unpriced: int
    cost_microusd: int
    prompt_tokens: int
    completion_tokens: int


class RunSums(msgspec.Struct, frozen=True, kw_only=True):
    """What runs add up to; `unpriced` of them have no known cost."""

    runs: int
    unpriced: int
    cost_microusd: int
    prompt_tokens: int
    completion_tokens: int
    by_model: tuple[ModelSum, ...]


async def list_runs(exchange: Exchange) -> Answer:
    """Return a page of runs."""
    query: RunQuery = exchange.query
    runs = exchange.services.database.runs
    scope = tenant_scope(exchange, query.tenant)

    def read() -> RunPage:
        found = runs.page(
            scope,
            query.limit + 1,
            query.after,
            model=query.model,
            state=query.state,
            key_id=None if query.key is None else KeyId(query.key),
            since=_aware(query.since, "since"),
            until=_aware(query.until, "until"),
        )
        more = len(found) > query.limit
        page = found[: query.limit]
        return RunPage(data=tuple(page), has_more=more, next=runs.cursor(page[-1]) if more else None)

    return Answer(value=await asyncio.to_thread(read))


async def show_run(exchange: Exchange) -> Answer:
    """Return one run: the record of a call, what a flow's run has come to, or both."""
    flow = await _flow_run(exchange)
    run_id = RunId(exchange.path["id"])
    scope: Scope = ALL_TENANTS if exchange.principal.is_operator else exchange.principal.tenant
    try:
        found: StoredRun = await asyncio.to_thread(exchange.services.database.runs.get, scope, run_id)
    except NotFound:
        if flow is None:
            raise
        return Answer(value=RunDetails(flow=flow))
    authorize(
        exchange.principal, Permission.RUNS_READ, Owned(tenant=TenantId(found.run.tenant), what=f"run {run_id!r}")
    )
    return Answer(value=RunDetails(run=found.run, children=found.children, flow=flow))


async def _flow_run(exchange: Exchange) -> FlowRun | None:
    if exchange.services.flows is None:
        return None
    try:
        flows, view = await found_run(exchange, Permission.RUNS_READ)
    except NotFound:
        return None
    query: ShowQuery = exchange.query
    last = await flows.events(view.header.id, after=max(0, view.events - _LAST_EVENTS))
    return flow_run(
        view,
        percent_of(view.status, last),
        contents=Permission.FLOWS_READ in exchange.principal.permissions,
        step_outputs=query.step_outputs,
    )


async def sum_runs(exchange: Exchange) -> Answer:
    """Return what runs add up to."""
    query: TotalsQuery = exchange.query
    scope = tenant_scope(exchange, query.tenant)
    runs = exchange.services.database.runs
    since, until = _aware(query.since, "since"), _aware(query.until, "until")
    totals: Totals = await asyncio.to_thread(runs.totals, scope, since, until)
    return Answer(
        value=RunSums(
            runs=totals.runs,
            unpriced=totals.unpriced,
            cost_microusd=totals.cost_microusd,
            prompt_tokens=totals.prompt_tokens,
            completion_tokens=totals.completion_tokens,
            by_model=tuple(_model_sum(each) for each in totals.by_model),
        )
    )


def _model_sum(totals: ModelTotals) -> ModelSum:
    return ModelSum(
        model=totals.model,
        runs=totals.runs,
        unpriced=totals.unpriced,
        cost_microusd=totals.cost_microusd,
        prompt_tokens=totals.prompt_tokens,
        completion_tokens=totals.completion_tokens,
    )


def _aware(moment: datetime | None, name: str) -> datetime | None:
    return None if moment is None else utc(moment, name)


ROUTES = (
    Route(
        method="GET",
        path="/api/v1/runs",
        handler=list_runs,
        summary="List runs, the latest first",
        permission=Permission.RUNS_READ,
        query=RunQuery,
        answer=RunPage,
        tag="runs",
    ),
    Route(
        method="GET",
        path="/api/v1/runs/totals",
        handler=sum_runs,
        summary="Add up runs, in all and by model",
        permission=Permission.RUNS_READ,
        query=TotalsQuery,
        answer=RunSums,
        tag="runs",
    ),
    Route(
        method="GET",
        path="/api/v1/runs/{id}",
        handler=show_run,
        summary="Show one run with its branches, or with the steps of its flow",
        permission=Permission.RUNS_READ,
        query=ShowQuery,
        answer=RunDetails,
        tag="runs",
    ),
)
