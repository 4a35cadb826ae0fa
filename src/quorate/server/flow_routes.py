"""The routes that run flows; an application of its own answers them where there are flows."""

from quorate.access.permission import Permission
from quorate.core.errors import NotFound
from quorate.server.flow_answer import FlowAccepted, FlowAnswer
from quorate.server.flow_options import FlowQuery
from quorate.server.route import Answer, Exchange, Route

_NO_FLOWS = "this gateway has no flows; set flows.folder to a folder with some"
_BODY = {
    "application/json": {
        "schema": {"type": "object", "description": "The inputs of the flow by their names."},
        "example": {"name": "Ada"},
    },
    "multipart/form-data": {
        "schema": {
            "type": "object",
            "description": "A part for each input, files with a `filename`; or `inputs` as JSON, and the files.",
        }
    },
}


async def _nothing_to_run(exchange: Exchange) -> Answer:
    del exchange
    raise NotFound(_NO_FLOWS)


def _run_route(path: str, summary: str) -> Route:
    return Route(
        method="POST",
        path=path,
        handler=_nothing_to_run,
        summary=summary,
        permission=Permission.FLOWS_RUN,
        query=FlowQuery,
        answer=FlowAnswer,
        others={202: FlowAccepted},
        accepts=_BODY,
        idempotent=True,
        tag="flows",
    )


RUN_ROUTE = _run_route("/api/v1/flows/{name}/run", "Run a flow; `NAME@VERSION` names a version")
EXECUTE_ROUTE = _run_route("/api/v1/{name}/execute", "Run a flow, under its short path")
