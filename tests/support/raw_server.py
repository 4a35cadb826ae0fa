"""A loopback server that sends exactly the bytes it is told to, when it is told to, and says what it saw."""

import asyncio
import json
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One request, read whole."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(slots=True, eq=False, kw_only=True)
class Connection:
    """A live connection of one client."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    closed: asyncio.Event = field(default_factory=asyncio.Event)

    async def request(self) -> Received | None:
        """The next request; None when the client has gone."""
        try:
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            first, *lines = head.strip().split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            body = await self.reader.readexactly(int(headers.get("content-length", "0")))
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        method, path, _ = first.split(" ")
        return Received(method=method, path=path, headers=headers, body=body)

    async def send(self, *pieces: bytes) -> None:
        """Each piece in a write of its own, with a turn of the loop between them."""
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()
            await asyncio.sleep(0)

    async def gone(self) -> None:
        """Wait until the client closes."""
        while await self.reader.read(65536):
            pass

    def reset(self) -> None:
        """Cut the connection without ceremony."""
        self.writer.transport.abort()


Handler = Callable[[Connection, Received], Awaitable[object]]


@dataclass(slots=True, kw_only=True)
class RawServer:
    """A live server; `handler` is called for each request of each connection."""

    handler: Handler
    scheme: str = "http"
    port: int = 0
    connections: list[Connection] = field(default_factory=list[Connection])
    requests: list[Received] = field(default_factory=list[Received])

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    @property
    def open_connections(self) -> int:
        return sum(not connection.closed.is_set() for connection in self.connections)

    async def all_closed(self) -> None:
        await asyncio.gather(*(connection.closed.wait() for connection in self.connections))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(reader=reader, writer=writer)
        self.connections.append(connection)
        try:
            while (received := await connection.request()) is not None:
                self.requests.append(received)
                await self.handler(connection, received)
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            connection.closed.set()
            writer.close()


@asynccontextmanager
async def raw_server(handler: Handler, *, tls: ssl.SSLContext | None = None) -> AsyncGenerator[RawServer]:
    server = RawServer(handler=handler, scheme="http" if tls is None else "https")
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=tls)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
        for connection in server.connections:
            connection.reset()
        await server.all_closed()
        await asyncio.sleep(0)


def head(status: int = 200, reason: str = "OK", **headers: str) -> bytes:
    """The status line and headers; `content_type="..."` becomes `content-type: ...`."""
    lines = [f"HTTP/1.1 {status} {reason}", *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def whole(body: bytes, status: int = 200, reason: str = "OK", **headers: str) -> bytes:
    """A complete response of known length."""
    return head(status, reason, content_length=str(len(body)), **headers) + body


def chunk(data: bytes) -> bytes:
    """One chunk of a chunked body; the empty one ends it."""
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


STREAM_HEAD = head(content_type="text/event-stream", transfer_encoding="chunked")


def events(*values: object) -> bytes:
    """Server-sent events: text as it is, anything else as JSON."""
    return b"".join(
        b"data: " + (value if isinstance(value, str) else json.dumps(value)).encode() + b"\n\n" for value in values
    )


def streamed(data: bytes, *, size: int | None = None) -> Iterable[bytes]:
    """The pieces of a chunked response to `data`, `size` bytes to a chunk (all in one if None)."""
    yield STREAM_HEAD
    for start in range(0, len(data), size or max(1, len(data))):
        yield chunk(data[start : start + (size or len(data))])
    yield chunk(b"")


def always(*pieces: bytes) -> Handler:
    """Answers every request with the same bytes."""

    async def handler(connection: Connection, received: Received) -> None:
        await connection.send(*pieces)

    return handler
