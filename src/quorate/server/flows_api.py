"""`/api/v1/flows`: which flows there are, what they take and give, how they look."""

import asyncio
from functools import cache
from typing import TYPE_CHECKING, Literal

import msgspec

from quorate.access.permission import Permission
from quorate.core.errors import NotFound
from quorate.server.flow_cards import (
    FlowCard,
    FlowDetails,
    FlowFormat,
    FlowFormats,
    FlowHealth,
    FlowList,
    details_of,
)
from quorate.server.flow_document import described
from quorate.server.flow_names import model_name, permitted_plan
from quorate.server.flow_routes import EXECUTE_ROUTE, RUN_ROUTE
from quorate.server.route import Answer, Exchange, Route

if TYPE_CHECKING:
    from quorate.flows.flows import Flows
    from quorate.flows.plan import FlowPlan

_API = "/api/v1/"
_SVG = "image/svg+xml"
_MERMAID = "text/vnd.mermaid"
_DRAWN = {"content-security-policy": "default-src 'none'; style-src 'unsafe-inline'"}


class GraphQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a flow is drawn; not given: as `Accept` says, else SVG."""

    format: Literal["svg", "mermaid"] | None = None


@cache
def taken_names() -> frozenset[str]:
    """Return the names that have no short path, because something else is there."""
    # The table holds this module's own routes.
    from quorate.server.routes import all_routes  # noqa: PLC0415

    paths = [route.path.removeprefix(_API) for route in all_routes() if route.path.startswith(_API)]
    first = {path.partition("/")[0] for path in paths}
    return frozenset(name for name in first if "{" not in name) | {"chat"}


async def list_flows(exchange: Exchange) -> Answer:
    """Return the flows that the caller may run."""
    flows = exchange.services.flows
    if flows is None:
        return Answer(value=FlowList(data=(), problems=()))
    names = [name for name in flows.book.names() if exchange.principal.may_ask(model_name(name))]
    problems = [str(problem) for problem in flows.book.problems()]
    problems += [_no_short_path(name) for name in names if name in taken_names()]
    return Answer(
        value=FlowList(
            data=tuple(_card(flows, name) for name in names),
            problems=tuple(problems) if exchange.principal.is_operator else (),
        )
    )


async def show_flow(exchange: Exchange) -> Answer:
    """Return one flow."""
    # memory: 0.2 MB, needed only where there are flows
    from quorate.flows.analyse import analyse  # noqa: PLC0415

    flows, plan = _found(exchange)
    analysis = analyse(plan, executors=flows.executors, costing=flows.costing())
    return Answer(value=details_of(plan, flows.book.versions(plan.name), analysis.to_dict()))


async def draw_flow(exchange: Exchange) -> Answer:
    """Return the graph of a flow."""
    # memory: 0.8 MB, needed only where flows are drawn
    from quorate.flows.draw_mermaid import draw_mermaid  # noqa: PLC0415
    from quorate.flows.draw_svg import draw_svg  # noqa: PLC0415

    _, plan = _found(exchange)
    query: GraphQuery = exchange.query
    mermaid = query.format == "mermaid" or (query.format is None and "mermaid" in exchange.headers.get("accept", ""))
    if mermaid:
        return Answer(value=draw_mermaid(plan).encode(), content_type=f"{_MERMAID}; charset=utf-8")
    return Answer(value=draw_svg(plan).encode(), content_type=_SVG, headers=_DRAWN)


async def show_health(exchange: Exchange) -> Answer:
    """Return whether a flow can be run."""
    _, plan = _found(exchange)
    draining = exchange.services.draining
    health = FlowHealth(status="draining" if draining else "ok", flow=plan.name, version=plan.version)
    return Answer(value=health, status=503 if draining else 200)


async def show_formats(exchange: Exchange) -> Answer:
    """Return which files a flow takes."""
    flows, plan = _found(exchange)
    data = tuple(
        FlowFormat(
            input=each.name,
            required=each.required,
            accept=each.accept,
            max_bytes=min(flows.max_file_bytes, each.max_bytes or flows.max_file_bytes),
        )
        for each in plan.inputs
        if each.takes_files
    )
    return Answer(value=FlowFormats(flow=plan.name, version=plan.version, data=data))


async def show_schema(exchange: Exchange) -> Answer:
    """Return the JSON Schema of flows."""
    del exchange
    return Answer(value=await asyncio.to_thread(_schema), headers={"cache-control": "public, max-age=300"})


@cache
def _schema() -> bytes:
    # slow: 200 ms for the executors, whose configurations are described
    from quorate.flows.executors.standard import standard_executors  # noqa: PLC0415
    from quorate.flows.language.schema import flow_schema  # noqa: PLC0415

    return msgspec.json.encode(flow_schema(standard_executors()))


async def show_openapi(exchange: Exchange) -> Answer:
    """Return the OpenAPI document of the gateway, with an operation for each flow that the caller may run."""
    flows = exchange.services.flows
    shown = described(flows, exchange.principal.may_ask)
    headers = {"etag": shown.etag, "cache-control": "private, no-cache"}
    if shown.etag in exchange.headers.get("if-none-match", ""):
        return Answer(status=304, headers=headers)
    return Answer(value=shown.body, headers=headers)


def _found(exchange: Exchange) -> "tuple[Flows, FlowPlan]":
    flows, name = exchange.services.flows, exchange.path["name"]
    if flows is None:
        raise NotFound(f"no flow {name[:200]!r}; this gateway has none (flows.folder)")
    return flows, permitted_plan(flows, exchange.principal, Permission.FLOWS_READ, name)


def _card(flows: "Flows", name: str) -> FlowCard:
    plan = flows.book.usual(name)
    return FlowCard(
        name=name,
        version=plan.version,
        versions=flows.book.versions(name),
        description=plan.description,
        tags=plan.tags,
        model=model_name(name),
        run=RUN_ROUTE.path.replace("{name}", name),
        execute=None if name in taken_names() else EXECUTE_ROUTE.path.replace("{name}", name),
    )


def _no_short_path(name: str) -> str:
    return f"the flow {name!r} has no short path: {_API}{name} is something else; run it at {_API}flows/{name}/run"


ROUTES = (
    *(
        Route(
            method="GET",
            path=path,
            handler=list_flows,
            summary="List the flows that this key may run",
            permission=Permission.FLOWS_READ,
            answer=FlowList,
            tag="flows",
        )
        for path in ("/api/v1/flows", "/api/v1/catalog", "/catalog")
    ),
    Route(
        method="GET",
        path="/api/v1/flows/{name}",
        handler=show_flow,
        summary="Show a flow: its inputs and outputs, its steps, what it may cost",
        permission=Permission.FLOWS_READ,
        answer=FlowDetails,
        tag="flows",
    ),
    Route(
        method="GET",
        path="/api/v1/flows/{name}/graph",
        handler=draw_flow,
        summary="Draw a flow, as SVG or Mermaid",
        permission=Permission.FLOWS_READ,
        query=GraphQuery,
        tag="flows",
    ),
    RUN_ROUTE,
    Route(
        method="GET",
        path="/api/v1/openapi.json",
        handler=show_openapi,
        summary="This API's OpenAPI document, with an operation for each flow that this key may run",
        permission=Permission.FLOWS_READ,
        tag="flows",
    ),
    Route(
        method="GET",
        path="/schema/flow.json",
        handler=show_schema,
        summary="The JSON Schema of flows, for editors",
        permission=None,
        tag="flows",
    ),
    EXECUTE_ROUTE,
    Route(
        method="GET",
        path="/api/v1/{name}/info",
        handler=show_flow,
        summary="Show a flow, under its short path",
        permission=Permission.FLOWS_READ,
        answer=FlowDetails,
        tag="flows",
    ),
    Route(
        method="GET",
        path="/api/v1/{name}/health",
        handler=show_health,
        summary="Say whether a flow can be run",
        permission=Permission.FLOWS_READ,
        answer=FlowHealth,
        tag="flows",
    ),
    Route(
        method="GET",
        path="/api/v1/{name}/supported-formats",
        handler=show_formats,
        summary="Say which files a flow takes",
        permission=Permission.FLOWS_READ,
        answer=FlowFormats,
        tag="flows",
    ),
)
