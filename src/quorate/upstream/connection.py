"""One HTTP/1.1 connection: reads requests, plays responses, notices who leaves."""

import asyncio
import socket
import struct
from collections import deque
from typing import TYPE_CHECKING, cast

import httptools
import msgspec

from quorate.upstream.record import Record, SeenRequest
from quorate.upstream.refuse import Format, invalid, refuse
from quorate.upstream.routes import Headers, Routes
from quorate.upstream.steps import End, Response, Step, Until

if TYPE_CHECKING:
    from collections.abc import Iterator

_MAX_PIPELINED = 16
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_CLOSE_AT_ONCE = struct.pack("ii", 1, 0)


class Caps(msgspec.Struct, frozen=True, kw_only=True):
    """The largest body and head of a request, in bytes."""

    body_bytes: int = 64 * 1024 * 1024
    head_bytes: int = 64 * 1024


class _Waiting(msgspec.Struct):
    method: bytes
    path: bytes
    headers: Headers
    body: bytes
    keep_alive: bool


class Connection(asyncio.Protocol):
    """A live object: one connection. Requests that come before their turn wait for it."""

    def __init__(
        self,
        *,
        loop: asyncio.AbstractEventLoop,
        routes: Routes,
        record: Record,
        caps: Caps,
        connections: "set[Connection]",
    ) -> None:
        self._loop = loop
        self._routes = routes
        self._record = record
        self._caps = caps
        self._connections = connections
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._number = 0
        self._queue: deque[_Waiting] = deque()
        self._refused = False
        self._begin_message()
        self._steps: Iterator[Step] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._seen: SeenRequest | None = None
        self._began_s = 0.0
        self._keep_alive = True
        self._held = False

    def _begin_message(self) -> None:
        self._path = b""
        self._headers: Headers = []
        self._body: list[bytes] = []
        self._head_bytes = self._body_bytes = self._fed_bytes = 0
        self._head_done = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        # uvloop's transports are ones by behaviour, not by ancestry.
        self._transport = cast("asyncio.Transport", transport)
        self._connections.add(self)
        self._record.connections += 1
        self._record.open_connections += 1
        self._number = self._record.connections

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop; a response under way was not waited for, unless this side ended it."""
        del exc
        self._transport = None
        self._connections.discard(self)
        self._record.open_connections -= 1
        if self._timer is not None:
            self._timer.cancel()
        if self._steps is not None and not self._refused:
            self._record.disconnect(self._seen)
        self._steps = None
        self._queue.clear()

    def end(self) -> None:
        """Reset the connection from this side."""
        self._refused = True
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Read on."""
        if self._refused:
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._refuse(400, "no other protocol is spoken here")
        except httptools.HttpParserError as error:
            self._refuse(400, f"this is no HTTP request: {error}")
        # Not from the parser's callback, which would take an error of ours for one of the request.
        self._next()
        if not self._head_done:
            self._fed_bytes += len(data)
            self._check_head(self._fed_bytes)

    def pause_writing(self) -> None:
        """Hold the response: the client reads more slowly than it is written."""
        self._held = True

    def resume_writing(self) -> None:
        """Go on."""
        self._held = False
        if self._steps is not None and self._timer is None:
            self._play()

    # Called by the parser.

    def on_message_begin(self) -> None:
        """Forget the last request."""
        self._begin_message()

    def on_url(self, url: bytes) -> None:
        """Take a part of the target."""
        self._path += url
        self._count_head(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header."""
        self._headers.append((name, value))
        self._count_head(len(name) + len(value))

    def on_headers_complete(self) -> None:
        """Answer what can be answered before the body comes."""
        self._head_done = True
        for name, value in self._headers:
            if len(name) == 14 and name.lower() == b"content-length" and int(value) > self._caps.body_bytes:  # noqa: PLR2004 - the length of that name: cheaper than lowering all
                self._too_large()
            elif len(name) == 6 and name.lower() == b"expect" and self._transport is not None:  # noqa: PLR2004 - idem
                self._transport.write(_CONTINUE)

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        self._body_bytes += len(body)
        if self._body_bytes > self._caps.body_bytes:
            self._too_large()
        elif not self._refused:
            self._body.append(body)

    def on_message_complete(self) -> None:
        """Put the request in its place: after those that came before."""
        if self._refused or self._transport is None:
            return
        parser = self._parser
        self._queue.append(
            _Waiting(
                method=parser.get_method(),
                path=self._path.partition(b"?")[0],
                headers=self._headers,
                body=b"".join(self._body),
                keep_alive=parser.should_keep_alive(),
            )
        )
        if len(self._queue) >= _MAX_PIPELINED:
            self._transport.pause_reading()

    def _count_head(self, size: int) -> None:
        self._head_bytes += size
        self._check_head(self._head_bytes)

    def _check_head(self, size: int) -> None:
        if size > self._caps.head_bytes:
            self._refuse(431, f"the head is larger than {self._caps.head_bytes} bytes; send fewer or shorter headers")

    def _too_large(self) -> None:
        self._refuse(413, f"the body is larger than {self._caps.body_bytes} bytes; send a smaller one")

    def _refuse(self, status: int, message: str) -> None:
        """Answer an error and close: what follows cannot be read."""
        if self._refused or self._transport is None:
            return
        self._refused = True
        self._record.refused += 1
        if self._steps is None:
            for step in refuse(invalid(message, status=status), Format.OPENAI, b"connection: close\r\n").steps:
                assert isinstance(step, bytes)
                self._transport.write(step)
        self._transport.close()

    def _answer(self, request: _Waiting) -> None:
        self._began_s = now_s = self._loop.time()
        self._keep_alive = request.keep_alive
        record = self._record
        if record.keeps:
            self._seen = SeenRequest(
                method=request.method.decode("latin-1"),
                path=request.path.decode("latin-1"),
                raw_headers=tuple(request.headers),
                body=request.body,
                at_s=now_s,
                connection=self._number,
            )
            record.requests.append(self._seen)
        response: Response = self._routes.respond(request.method, request.path, request.headers, request.body, now_s)
        if request.path.startswith(b"/v1/"):
            record.request()
            record.refused += response.status >= 400  # noqa: PLR2004 - where error statuses begin
        self._steps = iter(response.steps)
        self._play()

    def _play(self) -> None:
        """Send what is due; come back when more is, or when the client has read."""
        self._timer = None
        transport, steps = self._transport, self._steps
        if transport is None or steps is None:
            return
        while not self._held:
            step = next(steps, None)
            if step is None:
                self._complete(transport)
                return
            if isinstance(step, Until):
                at_s = self._began_s + step.at_s
                if at_s > self._loop.time():
                    self._timer = self._loop.call_at(at_s, self._play)
                    return
            elif isinstance(step, End):
                self._break(transport, step)
                return
            else:
                transport.write(step)

    def _break(self, transport: asyncio.Transport, end: End) -> None:
        self._refused = True
        if end is End.CLOSE:
            transport.close()
            return
        if (sock := transport.get_extra_info("socket")) is not None:
            # With no time to linger, closing sends a reset instead of an orderly end.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _CLOSE_AT_ONCE)
        transport.abort()

    def _complete(self, transport: asyncio.Transport) -> None:
        self._steps = None
        self._seen = None
        if not self._keep_alive:
            self._refused = True
            transport.close()
        elif self._queue:
            if len(self._queue) == _MAX_PIPELINED:
                transport.resume_reading()
            # Not called from here: a thousand pipelined requests must not be a thousand frames deep.
            self._loop.call_soon(self._next)

    def _next(self) -> None:
        if self._queue and self._steps is None and self._transport is not None:
            self._answer(self._queue.popleft())
