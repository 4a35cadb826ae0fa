"""`/api/v1/flow-runs` and what is below `/api/v1/runs/{id}`: following runs of flows, and steering them."""

from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING, Annotated, TypeAlias

import msgspec

from quorate.access.permission import Permission
from quorate.core.errors import Conflict, InvalidRequest, Overloaded
from quorate.core.ids import RunId
from quorate.flows.event import (
    CallbackFailed,
    CallbackSent,
    FlowFinished,
    FlowRetry,
    FlowStarted,
    StepFailed,
    StepFinished,
    StepSkipped,
)
from quorate.flows.outcome import FlowResult, RunStatus
from quorate.server.event_stream import PING, EventStream
from quorate.server.flow_run_access import found_run, may_see
from quorate.server.flow_run_view import FlowRunSummary, summary
from quorate.server.route import Answer, Exchange, Route
from quorate.server.visible import tenant_scope
from quorate.storage.scope import ALL_TENANTS
from quorate.wire.sse import encode_sse

if TYPE_CHECKING:
    from quorate.flows.flows import Flows

DEFAULT_PAGE = 50
_EVENTS_ABOUT = (
    "`id` is the number of an event that is kept, `event` its kind, `data` its JSON. `Last-Event-ID` or `after` goes "
    "on after a number, without gap or repetition. Events without `id` (starts, pieces of text, retries) only pass. "
    "Lines that begin with a colon are heartbeats. The stream ends when the run has ended, and without "
    "`flow.finished` when the gateway shuts down: go on with `Last-Event-ID`."
)

KeptKinds: TypeAlias = (
    FlowStarted | FlowRetry | StepFinished | StepFailed | StepSkipped | FlowFinished | CallbackSent | CallbackFailed
)
_kept = msgspec.json.Decoder(KeptKinds).decode


class FlowRunQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which runs of flows; `before` is a page's `next`."""

    flow: Annotated[str, msgspec.Meta(max_length=200)] | None = None
    status: RunStatus | None = None
    before: Annotated[str, msgspec.Meta(max_length=200)] | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=200)] = DEFAULT_PAGE
    tenant: Annotated[str, msgspec.Meta(max_length=64)] | None = None


class FlowRunPage(msgspec.Struct, frozen=True, kw_only=True):
    """Runs of flows without their steps, the latest first; a key with a list of models sees those of its flows only."""

    data: tuple[FlowRunSummary, ...]
    has_more: bool
    next: str | None = None


class EventQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which events: those with a number above `after`; `limit` is for a page of JSON."""

    after: Annotated[int, msgspec.Meta(ge=0, le=2**53)] | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 200


class NumberedEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One kept event of a run: `seq` counts from 1."""

    seq: int
    data: KeptKinds


class EventPage(msgspec.Struct, frozen=True, kw_only=True):
    """Kept events of a run in their order; `next` is the `after` of the next page."""

    data: tuple[NumberedEvent, ...]
    has_more: bool
    next: int


class ResumeRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to do again beside what has failed: steps by path or name, and with them what comes after them."""

    forget: Annotated[tuple[Annotated[str, msgspec.Meta(max_length=1000)], ...], msgspec.Meta(max_length=100)] = ()


class ForkQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """From which step on everything is done again: its path or name."""

    from_: Annotated[str, msgspec.Meta(max_length=1000)] = msgspec.field(name="from", default="")


class RunStands(msgspec.Struct, frozen=True, kw_only=True):
    """Where a run stands now."""

    id: str
    flow: str
    version: str
    status: RunStatus
    parent: str | None = None
    cancel_requested: bool = False


class Replayed(msgspec.Struct, frozen=True, kw_only=True):
    """What a run gives with what its steps answered then."""

    result: FlowResult


async def list_flow_runs(exchange: Exchange) -> Answer:
    """Return a page of runs of flows."""
    query: FlowRunQuery = exchange.query
    scope = tenant_scope(exchange, query.tenant)
    flows, principal = exchange.services.flows, exchange.principal
    if flows is None:
        return Answer(value=FlowRunPage(data=(), has_more=False))
    found = await flows.journal.runs(
        tenant=None if scope is ALL_TENANTS else scope,
        flow=query.flow,
        status=query.status,
        before=query.before,
        limit=query.limit + 1,
        sees=None if principal.models is None else partial(may_see, principal),
    )
    page, more = found[: query.limit], len(found) > query.limit
    return Answer(
        value=FlowRunPage(
            data=tuple(map(summary, page)),
            has_more=more,
            next=page[-1].header.id if more else None,
        )
    )


async def run_events(exchange: Exchange) -> Answer:
    """Return the events of a run: a stream until its end, or a page of JSON if that is what is accepted."""
    query: EventQuery = exchange.query
    flows, view = await found_run(exchange, Permission.FLOWS_READ)
    run, after = view.header.id, _after(exchange)
    if _wants_json(exchange.headers.get("accept", "")):
        return await _event_page(flows, run, after, query.limit)
    if exchange.services.ending.is_set():
        raise Overloaded("the gateway is shutting down; follow the run at another one", retry_after_s=1)

    async def write(stream: EventStream) -> None:
        await stream.write(PING)
        async with aclosing(flows.follow(run, after=after)) as told:
            async for each in told:
                number = None if each.seq is None else str(each.seq)
                await stream.write(encode_sse(each.data, event=each.kind, event_id=number))

    return Answer(events=write, content_type="text/event-stream; charset=utf-8")


async def _event_page(flows: "Flows", run: RunId, after: int, limit: int) -> Answer:
    found = await flows.events(run, after=after, limit=limit + 1)
    page = found[:limit]
    return Answer(
        value=EventPage(
            data=tuple(NumberedEvent(seq=each.seq, data=_kept(each.data)) for each in page),
            has_more=len(found) > limit,
            next=page[-1].seq if page else after,
        )
    )


def _after(exchange: Exchange) -> int:
    query: EventQuery = exchange.query
    said = exchange.headers.get("last-event-id", "")
    # A browser that reconnects sends the header with the address it was given first: the header is newer.
    if not said:
        return query.after or 0
    if not (said.isascii() and said.isdigit() and len(said) <= len(str(2**53))):
        raise InvalidRequest(
            f"the Last-Event-ID {said[:40]!r} is no number of an event; use the id of the last one that was read",
            param="Last-Event-ID",
        )
    return int(said)


def _wants_json(accept: str) -> bool:
    kinds = [each.partition(";")[0].strip() for each in accept.lower().split(",")]
    return "application/json" in kinds and "text/event-stream" not in kinds


async def cancel_run(exchange: Exchange) -> Answer:
    """Have a run end as cancelled."""
    flows, view = await found_run(exchange, Permission.FLOWS_RUN)
    run = view.header.id
    runs = exchange.services.flow_runs
    if not await (flows.cancel(run) if runs is None else runs.cancel(run)):
        view = await flows.view(run)
        if view.status is not RunStatus.CANCELLED:
            raise Conflict(f"the run {run!r} has ended ({view.status}); there is nothing to cancel")
    return await _stands(flows, run)


async def resume_run(exchange: Exchange) -> Answer:
    """Put a run that failed or was cancelled in the queue again."""
    request: ResumeRequest = exchange.body
    flows, view = await found_run(exchange, Permission.FLOWS_RUN)
    await flows.resume(view.header.id, forget=request.forget)
    return await _stands(flows, view.header.id)


async def fork_run(exchange: Exchange) -> Answer:
    """Put a new run in the queue that begins at a step of an old one; it is whose key asks for it."""
    query: ForkQuery = exchange.query
    flows, view = await found_run(exchange, Permission.FLOWS_RUN)
    if not query.from_:
        raise InvalidRequest("the query does not say from which step; use ?from=STEP", param="from")
    principal = exchange.principal
    new = await flows.fork(view.header.id, query.from_, tenant=principal.tenant, principal=principal.key_id or "local")
    return await _stands(flows, new)


async def replay_run(exchange: Exchange) -> Answer:
    """Return what a run gives with what its steps answered then."""
    flows, view = await found_run(exchange, Permission.FLOWS_RUN)
    if not view.status.is_final:
        raise Conflict(f"the run {view.header.id!r} is {view.status}; it can be replayed when it has ended")
    return Answer(value=Replayed(result=await flows.replay(view.header.id)))


async def _stands(flows: "Flows", run: RunId) -> Answer:
    view = await flows.view(run)
    header = view.header
    return Answer(
        value=RunStands(
            id=header.id,
            flow=header.flow,
            version=header.version,
            status=view.status,
            parent=header.parent,
            cancel_requested=view.cancel_requested,
        ),
        status=200 if view.status.is_final else 202,
        headers={"location": f"/api/v1/runs/{run}"},
    )


def _steering(path: str) -> str:
    return f"/api/v1/runs/{{id}}/{path}"


ROUTES = (
    Route(
        method="GET",
        path="/api/v1/flow-runs",
        handler=list_flow_runs,
        summary="List runs of flows, the latest first",
        permission=Permission.FLOWS_READ,
        query=FlowRunQuery,
        answer=FlowRunPage,
        tag="flow runs",
    ),
    Route(
        method="GET",
        path=_steering("events"),
        handler=run_events,
        summary="Follow the events of a flow's run",
        permission=Permission.FLOWS_READ,
        query=EventQuery,
        answer=EventPage,
        stream=_EVENTS_ABOUT,
        tag="flow runs",
    ),
    Route(
        method="POST",
        path=_steering("cancel"),
        handler=cancel_run,
        summary="Have a flow's run end as cancelled",
        permission=Permission.FLOWS_RUN,
        answer=RunStands,
        status=202,
        tag="flow runs",
    ),
    Route(
        method="POST",
        path=_steering("resume"),
        handler=resume_run,
        summary="Go on with a flow's run that failed or was cancelled",
        permission=Permission.FLOWS_RUN,
        body=ResumeRequest,
        body_optional=True,
        answer=RunStands,
        status=202,
        tag="flow runs",
    ),
    Route(
        method="POST",
        path=_steering("fork"),
        handler=fork_run,
        summary="Begin a new run at a step of an old one",
        permission=Permission.FLOWS_RUN,
        query=ForkQuery,
        answer=RunStands,
        status=202,
        idempotent=True,
        tag="flow runs",
    ),
    Route(
        method="POST",
        path=_steering("replay"),
        handler=replay_run,
        summary="Run a flow's run again with recorded answers, executing nothing",
        permission=Permission.FLOWS_RUN,
        answer=Replayed,
        tag="flow runs",
    ),
)
