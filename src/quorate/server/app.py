"""The gateway as one ASGI application: hot routes by an exact look-up, everything else by the router."""

import re
from collections.abc import Mapping

from quorate.access.permission import Permission
from quorate.core.errors import NotFound
from quorate.server.call_handler import CallHandler
from quorate.server.chat import chat
from quorate.server.embeddings import embeddings
from quorate.server.flow_routes import EXECUTE_ROUTE, RUN_ROUTE
from quorate.server.flows_api import taken_names
from quorate.server.inbound import Receive, Scope, Send
from quorate.server.responses import responses
from quorate.server.router import App, Router, refuse, wrong_method
from quorate.server.routes import all_routes
from quorate.server.services import Services

_RUNS_A_FLOW = re.compile(r"/api/v1/(?:flows/([^/]+)/run|([^/]+)/execute)")


def hot_routes(services: Services) -> Mapping[str, App]:
    """Return the applications of the paths that calls come in by, all of them POST."""
    chats = CallHandler(services, chat, operation="chat", permission=Permission.CHAT)
    return {
        "/v1/chat/completions": chats,
        "/api/v1/chat/completions": chats,
        "/v1/embeddings": CallHandler(services, embeddings, operation="embeddings", permission=Permission.EMBEDDINGS),
        "/v1/responses": CallHandler(services, responses, operation="responses", permission=Permission.CHAT),
    }


class Gateway:
    """The application of one process. Authority is attached to each route, never to a pattern of paths."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self._hot = hot_routes(services)
        self._flow_apps = _flow_apps(services)
        self._router = Router(all_routes(services.metrics_access), services, apps=self._flow_apps)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await _decline(scope, receive, send)
            return
        hot = self._hot.get(scope["path"])
        if hot is None:
            await (self._flow_app(scope) or self._router)(scope, receive, send)
        elif scope["method"] == "POST":
            await hot(scope, receive, send)
        else:
            await refuse(self.services, wrong_method(scope, ("POST",)), scope, send)

    def _flow_app(self, scope: Scope) -> App | None:
        """Return what runs the flow that a request names; the router would try 35 other routes before, one by one."""
        if scope["method"] != "POST" or (found := _RUNS_A_FLOW.fullmatch(scope["path"])) is None:
            return None
        name, short = found.groups()
        if short is not None and short in taken_names():
            return None
        scope["path_params"] = {"name": name or short}
        return self._flow_apps.get(RUN_ROUTE.path if short is None else EXECUTE_ROUTE.path)


def _flow_apps(services: Services) -> Mapping[str, App]:
    """Return what runs flows, at both of its paths; nothing where there are none."""
    if services.flows is None or services.flow_runs is None:
        return {}
    # slow: 100 ms for the language of flows, which a gateway without any does without
    from quorate.server.flow_call import flow_handler  # noqa: PLC0415

    handler = flow_handler(services, services.flows, services.flow_runs)
    return dict.fromkeys((RUN_ROUTE.path, EXECUTE_ROUTE.path), handler)


async def _decline(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008})
        return
    raise NotFound(f"nothing here speaks {scope['type']!r}")
