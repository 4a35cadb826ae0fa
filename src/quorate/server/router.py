"""Everything but the hot routes: from a table of routes to answers."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from typing import Any, cast

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as StarletteRoute
from starlette.routing import Router as StarletteRouter

from quorate.access.authorize import authorize
from quorate.core.errors import InvalidRequest, MethodNotAllowed, NotFound, Overloaded, QuorateError
from quorate.core.ids import new_id
from quorate.core.tasks import background
from quorate.server.authenticate import ANYBODY, authenticate
from quorate.server.event_stream import EventStream
from quorate.server.hangup import Hangup
from quorate.server.idempotency import once
from quorate.server.inbound import Inbound, Receive, Scope, Send, read_body, require_depth, require_json
from quorate.server.outbound import error_body, internal_error, send_error
from quorate.server.route import Answer, Exchange, Route, WriteEvents
from quorate.server.services import Services
from quorate.telemetry.logs import begin_request
from quorate.wire.sse import encode_comment, encode_sse

_log = logging.getLogger(__name__)
#: Of a path that nobody has here, so much is repeated: it may be of any length.
_SHOWN = 200
_NO_STORE = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
_GOES_ON = encode_comment("the gateway is shutting down; go on with Last-Event-ID")

#: An ASGI application.
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class Router:
    """Answers requests to the routes of a table; a live object. What is in no table is 404, for whoever asks.

    `apps` answer the POST requests of paths of the table in the router's place.
    """

    def __init__(self, routes: Iterable[Route], services: Services, *, apps: Mapping[str, App] | None = None) -> None:
        self._services = services
        given = apps or {}
        by_path: dict[str, dict[str, Route]] = {}
        for route in routes:
            by_path.setdefault(route.path, {})[route.method] = route
        self._router = StarletteRouter(
            # No methods are named: every one leads here, so that what is not answered gets an error like any other.
            routes=[StarletteRoute(path, _Endpoint(of, services, given.get(path))) for path, of in by_path.items()],
            redirect_slashes=False,
            default=self._nothing,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        await self._router(scope, receive, send)

    async def _nothing(self, scope: Scope, receive: Receive, send: Send) -> None:
        del receive
        await refuse(self._services, NotFound(f"there is nothing at {scope['path'][:_SHOWN]!r}"), scope, send)


async def refuse(services: Services, error: QuorateError, scope: Scope, send: Send) -> None:
    """Answer a request that no route takes."""
    inbound = Inbound(scope)
    request_id = inbound.request_id or new_id("req", services.clock)
    if services.metrics is not None:
        services.metrics.rejected(error.code)
    if services.request_log is not None:
        services.request_log.plain(
            request_id=request_id,
            route=inbound.path[:_SHOWN],
            status=error.http_status,
            client=inbound.peer,
            code=error.code,
        )
    headers = [(b"x-request-id", request_id.encode())]
    await send_error(send, error, path=inbound.path, headers=headers, request_id=request_id)


def wrong_method(scope: Scope, allowed: Sequence[str]) -> MethodNotAllowed:
    """Return the error for a method that a path does not answer."""
    return MethodNotAllowed(
        f"{scope['method'][:20]!r} is not answered at {scope['path'][:_SHOWN]!r}; use {' or '.join(allowed)}",
        allowed=allowed,
    )


class _Endpoint:
    """The ASGI application of one path, for all methods; `of` are those that are answered, POST by `posts` if given."""

    def __init__(self, of: Mapping[str, Route], services: Services, posts: App | None) -> None:
        self._posts = posts
        self._of = of
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        route = self._of.get(method)
        if route is None:
            await refuse(self._services, wrong_method(scope, tuple(self._of)), scope, send)
        elif method == "POST" and self._posts is not None:
            await self._posts(scope, receive, send)
        else:
            await _Reply(route, self._services, Request(scope, receive))(scope, receive, send)


class _Reply:
    """The ASGI application for one request to a route; a live object."""

    def __init__(self, route: Route, services: Services, request: Request) -> None:
        self._route = route
        self._services = services
        self._request = request

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        inbound = Inbound(scope)
        request_id = inbound.request_id or new_id("req", self._services.clock)
        begin_request(request_id)
        try:
            answer = await self._handle(inbound, request_id, receive)
        except QuorateError as failure:
            error = failure
        except Exception:  # noqa: BLE001 - whatever a model or a handler raises, the caller gets a plain error
            _log.exception("request %s met a fault of ours", request_id)
            error = internal_error()
        except asyncio.CancelledError:
            if not self._services.draining:
                raise
            error = _cut_off()
        else:
            await self._send(answer, request_id, scope, receive, send)
            self._log(inbound, request_id, answer.status, None)
            return
        if self._services.metrics is not None:
            self._services.metrics.rejected(error.code)
        headers = [(b"x-request-id", request_id.encode()), *self._services.limiter.headers_for(error)]
        await send_error(send, error, path=inbound.path, headers=headers, request_id=request_id)
        self._log(inbound, request_id, error.http_status, error.code)

    def _log(self, inbound: Inbound, request_id: str, status: int, code: str | None) -> None:
        if self._services.request_log is not None:
            self._services.request_log.plain(
                request_id=request_id, route=self._route.path, status=status, client=inbound.peer, code=code
            )

    async def _handle(self, inbound: Inbound, request_id: str, receive: Receive) -> Answer:
        route, services = self._route, self._services
        principal = ANYBODY
        if route.permission is not None:
            principal = authenticate(services, inbound)
            authorize(principal, route.permission)
        query = _query(self._request, route)
        data, body = b"", None
        if route.body is not None and route.body_optional and inbound.content_type is None:
            body = route.body()
        elif route.body is not None:
            require_json(inbound)
            data = await read_body(inbound, receive, limit_bytes=services.settings.max_body_bytes)
            require_depth(data, services.settings.max_depth)
            body = _decode(data, route.body)
        exchange = Exchange(
            services=services,
            principal=principal,
            request_id=request_id,
            path=cast("dict[str, str]", self._request.path_params),
            query=query,
            body=body,
            headers=self._request.headers,
        )
        counts = route.permission is not None  # what strangers may ask holds up no drain
        services.other_work += counts
        try:
            if route.idempotent and inbound.idempotency_key is not None:
                key = inbound.idempotency_key.decode("latin-1")
                return await once(exchange, route, key, data, lambda: route.handler(exchange))
            return await route.handler(exchange)
        finally:
            services.other_work -= counts

    async def _send(self, answer: Answer, request_id: str, scope: Scope, receive: Receive, send: Send) -> None:
        if answer.events is not None and scope["method"] != "HEAD":
            await self._stream(answer.events, request_id, scope, receive, send)
            return
        value = answer.value
        content = value if isinstance(value, bytes) else b"" if value is None else msgspec.json.encode(value)
        headers = {**_NO_STORE, "x-request-id": request_id, **answer.headers}
        response = Response(content, answer.status, headers, media_type=answer.content_type)
        await response(scope, receive, send)

    async def _stream(self, events: WriteEvents, request_id: str, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"x-content-type-options", b"nosniff"), (b"x-request-id", request_id.encode())]

        def told(error: QuorateError) -> bytes:
            return encode_sse(error_body(error, path=scope["path"], request_id=request_id), event="error")

        heartbeat_s = self._services.settings.heartbeat_s
        async with (
            Hangup(scope, receive) as hangup,
            EventStream(send, headers, hangup, heartbeat_s=heartbeat_s, error_events=told) as stream,
        ):
            try:
                await self._follow(events, stream, request_id)
            except asyncio.CancelledError:
                if hangup.gone or not self._services.draining:
                    raise
                hangup.over = True  # from here on the server closes the connection of who reads too slowly
                await stream.end()

    async def _follow(self, events: WriteEvents, stream: EventStream, request_id: str) -> None:
        """Write the events to their end, or until the gateway ends."""
        try:
            if not await _finished(events(stream), self._services.ending):
                await stream.write(_GOES_ON)
        except QuorateError as error:
            await stream.fail(error)
        except Exception:  # noqa: BLE001 - the response has begun; the caller gets a plain error in it
            _log.exception("request %s met a fault of ours", request_id)
            await stream.fail(internal_error())
        await stream.end()


async def _finished(work: Coroutine[Any, Any, None], ending: asyncio.Event) -> bool:
    """Do the work; return `False` if the gateway began to end before it was done."""
    async with background(work) as working, background(ending.wait()) as ended:
        await asyncio.wait((working, ended), return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            await working
        return working.done()


def _cut_off() -> Overloaded:
    return Overloaded(
        "the gateway shut down before the answer was complete; look whether it was done, or ask another one",
        retry_after_s=1,
    )


def _query(request: Request, route: Route) -> Any:
    pairs = request.query_params.multi_items()
    values = dict(pairs)
    if len(values) < len(pairs):
        twice = next(name for name, _ in pairs if sum(name == other for other, _ in pairs) > 1)
        raise InvalidRequest(f"the query says {twice!r} twice", param=twice)
    try:
        return msgspec.convert(values, route.query, strict=False)
    except msgspec.ValidationError as error:
        raise _does_not_fit(error, "query") from None


def _decode(data: bytes, kind: type[msgspec.Struct]) -> msgspec.Struct:
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.ValidationError as error:
        raise _does_not_fit(error, "body") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRequest(f"the body is not JSON: {error}") from None


def _does_not_fit(error: msgspec.ValidationError, where: str) -> InvalidRequest:
    message, _, path = str(error).partition(" - at `")
    param = path.rstrip("`").removeprefix("$.") or None
    return InvalidRequest(f"{message} at {path.rstrip('`') or '$'} of the {where}", param=param)
