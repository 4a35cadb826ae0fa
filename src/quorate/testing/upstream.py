"""A small OpenAI-compatible provider on the loopback interface, for integration tests: it does what it is told."""

import asyncio
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, islice, repeat
from types import TracebackType
from typing import Any, Self, assert_never, cast

import msgspec
from aiohttp import web

from quorate.testing.upstream_behaviour import Behaviour, Cut, Fail, Raw, Respond, Stall, StallAt
from quorate.wire.sse import END, encode_sse


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A request as it came in; `at_s` is the loop's time, `connection` tells connections apart."""

    path: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]
    at_s: float
    connection: int

    @property
    def model(self) -> str:
        """The model that the body names."""
        return str(self.body.get("model", ""))

    @property
    def stream(self) -> bool:
        """Whether a stream was asked for."""
        return self.body.get("stream") is True


@dataclass(frozen=True, slots=True, kw_only=True)
class Disconnect:
    """A client closed its connection before the answer was complete; `at_s` is the loop's time."""

    request: Received
    at_s: float


class Upstream:
    """An OpenAI-compatible server at `base_url`, from `async with Upstream(...)` until its end.

    The behaviours are played one after another, the last one again and again; `by_model` overrides them for requests
    that name a model. `requests` are those that came in (wait for one with `received`), `disconnects` the answers that
    a client did not wait for (wait for one with `disconnected`), `connections` counts those that ever carried a
    request, `open_connections` those open now.
    """

    def __init__(self, *script: Behaviour, by_model: Mapping[str, Behaviour] | None = None) -> None:
        self._behaviours = chain(script, repeat(script[-1] if script else Respond()))
        self._by_model = dict(by_model or {})
        self._runner: web.AppRunner | None = None
        self._port = 0
        self._connections: dict[object, int] = {}
        self._changed = asyncio.Condition()
        self._closing = False
        self.requests: list[Received] = []
        self.disconnects: list[Disconnect] = []

    @property
    def base_url(self) -> str:
        """`http://127.0.0.1:PORT/v1`."""
        return f"http://127.0.0.1:{self._port}/v1"

    @property
    def connections(self) -> int:
        """How many connections have carried a request."""
        return len(self._connections)

    @property
    def open_connections(self) -> int:
        """How many connections are open now."""
        server = None if self._runner is None else self._runner.server
        return 0 if server is None else len(server.connections)

    async def received(self, count: int = 1) -> Received:
        """Wait until `count` requests have come in; return the last of these."""
        async with self._changed:
            await self._changed.wait_for(lambda: len(self.requests) >= count)
        return self.requests[count - 1]

    async def disconnected(self, count: int = 1) -> Disconnect:
        """Wait until `count` clients have hung up; return the last of these."""
        async with self._changed:
            await self._changed.wait_for(lambda: len(self.disconnects) >= count)
        return self.disconnects[count - 1]

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_get("/v1/models", self._models)
        app.router.add_post("/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing = True
        if self._runner is not None:
            await self._runner.cleanup()

    async def _models(self, request: web.Request) -> web.Response:
        del request
        names = [*self._by_model] or ["loopback"]
        return web.json_response({"object": "list", "data": [{"id": name, "object": "model"} for name in names]})

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        received = await self._receive(request)
        behaviour = self._by_model.get(received.model)
        if behaviour is None:
            behaviour = next(self._behaviours)
        try:
            return await _play(behaviour, received, request)
        except (asyncio.CancelledError, ConnectionError):
            if self._closing:  # the server ends this answer, not the client
                raise
            async with self._changed:
                self.disconnects.append(Disconnect(request=received, at_s=asyncio.get_running_loop().time()))
                self._changed.notify_all()
            raise

    async def _receive(self, request: web.Request) -> Received:
        text = await request.read()
        body = cast("object", msgspec.json.decode(text)) if text else None
        received = Received(
            path=request.path,
            headers=dict(request.headers),
            body=cast("dict[str, Any]", body) if isinstance(body, dict) else {},
            at_s=asyncio.get_running_loop().time(),
            connection=self._connections.setdefault(request.protocol, len(self._connections)),
        )
        async with self._changed:
            self.requests.append(received)
            self._changed.notify_all()
        return received


async def _play(behaviour: Behaviour, received: Received, request: web.Request) -> web.StreamResponse:
    match behaviour:
        case Respond():
            await asyncio.sleep(behaviour.delay_s)
            if received.stream:
                chunks = _stream(behaviour, received)
                return await _send(request, chunks, gap_s=behaviour.gap_s, headers=behaviour.headers)
            return web.json_response(_whole(behaviour, received), headers=behaviour.headers)
        case Fail():
            await asyncio.sleep(behaviour.delay_s)
            return _error(behaviour)
        case Stall():
            return await _stall(behaviour, received, request)
        case Cut():
            chunks = _stream(Respond(pieces=behaviour.pieces), received)
            response = await _send(request, islice(chunks, len(behaviour.pieces)), gap_s=behaviour.gap_s, end=False)
            if request.transport is not None:
                request.transport.close()
            return response
        case Raw():
            return await _send(
                request,
                behaviour.chunks,
                gap_s=behaviour.gap_s,
                status=behaviour.status,
                headers={"content-type": behaviour.content_type, **behaviour.headers},
            )
        case _:
            assert_never(behaviour)


async def _send(
    request: web.Request,
    chunks: Iterable[bytes],
    *,
    gap_s: float = 0.0,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    end: bool = True,
) -> web.StreamResponse:
    response = web.StreamResponse(status=status, headers={"content-type": "text/event-stream", **(headers or {})})
    await response.prepare(request)
    for position, chunk in enumerate(chunks):
        if position and gap_s:
            await asyncio.sleep(gap_s)
        await response.write(chunk)
    if end:
        await response.write_eof()
    return response


async def _stall(stall: Stall, received: Received, request: web.Request) -> web.StreamResponse:
    never = asyncio.Event()
    if stall.at is not StallAt.HEADERS:
        count = 1 if stall.at is StallAt.MIDDLE else 0
        await _send(request, islice(_stream(Respond(), received), count), end=False)
    await never.wait()
    raise RuntimeError("unreachable: a stalled answer ends with its connection")


def _error(fail: Fail) -> web.Response:
    error = {"message": fail.message, "type": fail.error_type, "param": None, "code": fail.code}
    body = json.dumps({"error": error}).encode() if fail.body is None else fail.body
    return web.Response(status=fail.status, body=body, headers={"content-type": "application/json", **fail.headers})


def _whole(respond: Respond, received: Received) -> dict[str, Any]:
    text = "".join(respond.pieces) or respond.text
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": respond.finish_reason}
    body = {**_head(received, "chat.completion"), "choices": [choice], **respond.extra}
    return body if respond.usage is None else {**body, "usage": dict(respond.usage)}


def _stream(respond: Respond, received: Received) -> Iterator[bytes]:
    head = {**_head(received, "chat.completion.chunk"), **respond.extra}
    for text in respond.pieces or (respond.text,):
        yield _event(head, [{"index": 0, "delta": {"role": "assistant", "content": text}, "finish_reason": None}])
    if respond.finish_reason is not None:
        yield _event(head, [{"index": 0, "delta": {}, "finish_reason": respond.finish_reason}])
    options = received.body.get("stream_options")
    if respond.usage is not None and isinstance(options, dict) and "include_usage" in options:
        yield _event({**head, "usage": dict(respond.usage)}, [])
    if respond.done:
        yield END


def _head(received: Received, kind: str) -> dict[str, Any]:
    return {"id": "chatcmpl-loopback", "object": kind, "created": 1767225600, "model": received.model}


def _event(head: Mapping[str, Any], choices: list[dict[str, Any]]) -> bytes:
    return encode_sse(json.dumps({**head, "choices": choices}).encode())
