"""A client that reads and leaves exactly when it is told to, and writes whatever bytes it is told to."""

import asyncio
import json
import uuid
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit


@dataclass(slots=True, kw_only=True)
class Reply:
    """A live response; `status` 0: the connection ended before there was one."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict[str, str])
    body: bytes = b""

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def events(self) -> list[Any]:
        """The data of a stream's events; the end mark as it is."""
        lines = [line[6:] for line in self.body.decode().splitlines() if line.startswith("data: ")]
        return [line if line == "[DONE]" else json.loads(line) for line in lines]

    @property
    def text(self) -> str:
        """The text of a streamed chat completion."""
        chunks: list[Any] = [event for event in self.events if event != "[DONE]" and event.get("choices")]
        return "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"])


class RawClient:
    """A live connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, key: str) -> None:
        self._reader = reader
        self.writer = writer
        self._key = key
        self._chunked = False
        self._left = 0

    async def send(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        request_id: str = "",
        headers: dict[str, str] | None = None,
    ) -> str:
        """Write a request and return its id; a body that is no bytes is sent as JSON."""
        request_id = request_id or f"test-{uuid.uuid4().hex}"
        data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        given = {"host": "localhost", "x-request-id": request_id, "content-length": str(len(data))}
        if body is not None:
            given["content-type"] = "application/json"
        if self._key:
            given["authorization"] = f"Bearer {self._key}"
        lines = "".join(f"{name}: {value}\r\n" for name, value in {**given, **(headers or {})}.items())
        await self.write(f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode("latin-1") + data)
        return request_id

    async def write(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def head(self) -> Reply:
        """Read the status and the headers."""
        try:
            head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        except (asyncio.IncompleteReadError, ConnectionError):
            return Reply()
        first, *lines = head.strip().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        self._chunked = headers.get("transfer-encoding") == "chunked"
        self._left = int(headers.get("content-length", "0"))
        return Reply(status=int(first.split(" ")[1]), headers=headers)

    async def piece(self) -> bytes:
        """Read the next part of the body; empty at its end. Raises `IncompleteReadError` if it is cut."""
        if not self._chunked:
            data = await self._reader.readexactly(self._left)
            self._left = 0
            return data
        size = int(await self._reader.readuntil(b"\r\n"), 16)
        return (await self._reader.readexactly(size + 2))[:-2]

    async def reply(self) -> Reply:
        """Read a whole response."""
        reply = await self.head()
        while reply.status and (piece := await self.piece()):
            reply.body += piece
        return reply

    async def ask(self, method: str, path: str, body: object = None, **more: Any) -> Reply:
        """Send a request and read its response."""
        await self.send(method, path, body, **more)
        return await self.reply()

    def leave(self) -> None:
        """Cut the connection."""
        self.writer.transport.abort()


@asynccontextmanager
async def client(url: str, key: str = "", *, limit: int = 2**20) -> AsyncGenerator[RawClient]:
    """A connection to the server at `url`; requests carry `key`. At most twice `limit` bytes are read ahead."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port, limit=limit)
    try:
        yield RawClient(reader, writer, key)
    finally:
        writer.transport.abort()
        await asyncio.sleep(0)
