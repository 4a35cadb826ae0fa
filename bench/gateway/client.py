"""A lean HTTP/1.1 client connection: it must cost next to nothing beside what it measures."""

import asyncio
import re
import time
from typing import TYPE_CHECKING, cast

import httptools

if TYPE_CHECKING:
    from collections.abc import Callable

FIRST_TEXT = re.compile(rb'"content":"[^"]')
LAST_EVENT = b"[DONE]"
_TAIL_BYTES = 64


class Connection(asyncio.Protocol):
    """A live object: one connection with at most one request under way.

    `on_done` is called when the response is complete or the connection is lost. After that `error` is empty for a
    complete answer with status 200 (and `[DONE]` if it is a stream), and `first_s` is the clock's reading
    at the first text of a stream.
    """

    def __init__(self, *, stream: bool = False) -> None:
        self._stream = stream
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._busy = False
        self._tail = b""
        self.on_done: Callable[[Connection], None] = lambda _: None
        self.error = ""
        self.first_s = 0.0
        self.sent_s = 0.0
        self.due_s = 0.0
        self.body_bytes = 0

    @property
    def alive(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def send(self, request: bytes) -> None:
        assert self._transport is not None
        self._busy = True
        self.error, self._tail, self.first_s, self.body_bytes = "", b"", 0.0, 0
        self.sent_s = time.perf_counter()
        self._transport.write(request)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._transport = None
        if self._busy:
            self._end("disconnected")

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._end(f"malformed: {error}")
            self.close()

    def on_body(self, body: bytes) -> None:
        self.body_bytes += len(body)
        if self._stream:
            if not self.first_s and FIRST_TEXT.search(body):
                self.first_s = time.perf_counter()
            self._tail = (self._tail + body)[-_TAIL_BYTES:]

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        if status != 200:
            self._end(f"status {status}")
        elif self._stream and LAST_EVENT not in self._tail:
            self._end("cut stream")
        else:
            self._end("")

    def _end(self, error: str) -> None:
        if self._busy:
            self._busy = False
            self.error = error
            self.on_done(self)


async def connect(host: str, port: int, *, stream: bool = False) -> Connection:
    loop = asyncio.get_running_loop()
    _, connection = await loop.create_connection(lambda: Connection(stream=stream), host, port)
    return connection
