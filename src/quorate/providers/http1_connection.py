"""One connection: the request's bytes out, the response's bytes in, one wait at a time with one timer."""

import asyncio
import math
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol, cast

from quorate.core.net import Origin
from quorate.providers.http1_errors import RAISED, TransportClosed
from quorate.providers.http1_parse import ResponseParser
from quorate.providers.transport import WaitLimit

#: More than this unread, and the provider is made to wait.
HIGH_WATER_BYTES = 256 * 1024
#: How much of a body is handed to the socket at a time.
SLICE_BYTES = 64 * 1024


class Tap(Protocol):
    """Takes pieces of a body while somebody waits for the rest; the waiting goes on."""

    def take(self, data: bytes) -> bool:
        """Take what has arrived; return whether to go on waiting, and taking."""
        ...

    def limit(self, waited_s: float) -> WaitLimit:
        """Return how long the wait may last that began `waited_s` ago, when the last piece was taken."""
        ...


class Connection(asyncio.Protocol):
    """A live object: a connection to `origin`. It is busy from `send` to `rest`, or to `abort`.

    Whatever arrives while it rests ends it: the provider's goodbye, or bytes that nobody asked for. `failure` is what
    went wrong with the response; the body that came before it can still be taken.
    """

    __slots__ = (
        "_busy",
        "_due",
        "_handle",
        "_handle_at",
        "_heard_at",
        "_limit",
        "_loop",
        "_on_lost",
        "_paused",
        "_transport",
        "_unsent",
        "_waiter",
        "_writable",
        "failure",
        "idle_since",
        "origin",
        "response",
        "tap",
    )

    def __init__(
        self, loop: asyncio.AbstractEventLoop, origin: Origin, on_lost: Callable[["Connection"], None]
    ) -> None:
        self.origin = origin
        self.idle_since = 0.0
        self.response = ResponseParser()
        self.failure: Exception | None = None
        self._loop = loop
        self._on_lost = on_lost
        self._transport: asyncio.Transport | None = None
        self._busy = False
        self._paused = False
        self._writable = True
        self._unsent = memoryview(b"")
        self._waiter: asyncio.Future[None] | None = None
        self._limit: WaitLimit | None = None
        self._due = math.inf
        self._handle: asyncio.TimerHandle | None = None
        self._handle_at = math.inf
        #: Asked first when a piece of the body arrives during a wait.
        self.tap: Tap | None = None
        self._heard_at: float | None = None  # when it took the last one, since the wait began

    # --- for the exchange

    @property
    def usable(self) -> bool:
        """Whether a request may be sent, as far as anybody can tell."""
        return self._transport is not None and not self._transport.is_closing()

    @property
    def lost(self) -> bool:
        """Whether it is closed."""
        return self._transport is None

    def send(self, head: bytes, body: bytes, *, bodiless: bool) -> None:
        """Send a request; what the socket does not take at once goes out while the answer is awaited."""
        transport = self._transport
        if transport is None:
            raise TransportClosed
        self._busy = True
        self.failure = None
        self.response.begin(bodiless=bodiless)
        if len(body) <= SLICE_BYTES:
            transport.write(head + body)
            return
        transport.write(head)
        self._unsent = memoryview(body)
        self._pump()

    def wait(self, limit: WaitLimit | None, until: float = math.inf) -> "asyncio.Future[None]":
        """Return what is done when there is news: the head, a piece of the body, its end, a failure.

        When the limit passes first, its error is raised; at `until`, a time of the loop, the wait just ends.
        """
        waiter = self._waiter = self._loop.create_future()
        self._limit = limit
        self._heard_at = None
        if limit is not None and limit.seconds is not None:
            until = self._loop.time() + limit.seconds
        self._due = until
        if until < self._handle_at:
            self._arm(until)
        return waiter

    def shorten(self, limit: WaitLimit) -> None:
        """Have the wait that goes on, if there is one, end by this limit, counted from now, if that is earlier."""
        if self._waiter is None:
            return
        due = math.inf if limit.seconds is None else self._loop.time() + limit.seconds
        if due < self._due:
            self._limit, self._due = limit, due
            if due < self._handle_at:
                self._arm(due)

    def take(self) -> bytes:
        """Return the body that has arrived since the last call; empty if none."""
        data = self.response.take()
        if self._paused:
            self._paused = False
            if self._transport is not None and not self._transport.is_closing():
                self._transport.resume_reading()
        return data

    def rest(self) -> bool:
        """End the exchange; `False` if the connection cannot be used for another one."""
        response = self.response
        if not (response.complete and response.keep_alive and self.usable) or response.size or self._unsent:
            return False
        self._busy = False
        self._due = math.inf
        return True

    def abort(self, failure: Exception | None = None) -> None:
        """Close now, without sending what the provider has not read yet; a wait ends with `failure`."""
        self._unsent = memoryview(b"")
        if failure is not None:
            self._fail(failure)
        if self._transport is not None:
            self._transport.abort()

    def shut(self) -> None:
        """End the connection when its event loop is closed, which could do no more for it."""
        sock = None if self._transport is None else self._transport.get_extra_info("socket")
        if sock is not None:
            with suppress(OSError, TypeError):  # TypeError: uvloop closed it with the loop
                sock.shutdown(socket.SHUT_RDWR)

    # --- for the event loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio; so for the methods below."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:  # noqa: D102
        if not self._busy:
            self.abort()
            return
        response = self.response
        had_head = response.has_head
        try:
            response.feed(data)
        except RAISED as error:
            self.abort(error)
            return
        if self.tap is not None and response.size and not response.complete:
            if self.tap.take(response.take()):
                self._heard_at = self._loop.time()
            else:
                self.tap = None  # more may come before whoever waits has woken
                self._wake()
            return
        if response.size > HIGH_WATER_BYTES and not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()
        if response.size or response.complete or response.has_head is not had_head:
            self._wake()

    def eof_received(self) -> None:  # noqa: D102
        if self._busy:
            self._end(None)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: D102
        self._transport = None
        self._unsent = memoryview(b"")
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        if self._busy:
            self._end(exc)
        self.response.close()
        self._on_lost(self)

    def pause_writing(self) -> None:  # noqa: D102
        self._writable = False

    def resume_writing(self) -> None:  # noqa: D102
        self._writable = True
        self._pump()

    # --- inside

    def _pump(self) -> None:
        while self._unsent and self._writable and self._transport is not None and not self._transport.is_closing():
            piece, self._unsent = self._unsent[:SLICE_BYTES], self._unsent[SLICE_BYTES:]
            self._transport.write(piece)

    def _end(self, error: Exception | None) -> None:
        """Tell the response that no more will come."""
        if self.failure is not None or self.response.complete:
            return
        if error is not None:
            self._fail(error)
            return
        try:
            self.response.eof()
        except RAISED as cut:
            self._fail(cut)
        else:
            self._wake()

    def _fail(self, error: Exception) -> None:
        if self.failure is None and not self.response.complete:
            failure = error if isinstance(error, RAISED) else ConnectionError(str(error))
            self.failure = failure.with_traceback(None)  # it was raised in here: the frames hold what holds the error
            self._wake()

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None:
            self._waiter = None
            self._due = math.inf
            if not waiter.done():
                waiter.set_result(None)

    def _arm(self, due: float) -> None:
        if self._handle is not None:
            self._handle.cancel()
        self._handle_at = due
        self._handle = self._loop.call_at(due, self._on_time)

    def _on_time(self) -> None:
        """One timer serves all waits: it is set again only for an earlier time, and looks here what it is for."""
        self._handle = None
        self._handle_at = math.inf
        if self._due > self._loop.time():
            if self._due < math.inf:
                self._arm(self._due)
            return
        if self._heard_at is not None and self._tapped(self._heard_at):
            return
        waiter, self._waiter, self._due = self._waiter, None, math.inf
        if waiter is None or waiter.done():
            return
        if self._limit is None:
            waiter.set_result(None)
        else:
            waiter.set_exception(self._limit.error())

    def _tapped(self, heard_at: float) -> bool:
        """Go on waiting if pieces came meanwhile: the limit counts from the last one."""
        if self.tap is None or self._waiter is None:
            return False
        now = self._loop.time()
        limit = self._limit = self.tap.limit(now - heard_at)
        if limit.over:
            return False
        if limit.seconds is not None:
            self._due = now + limit.seconds
            self._arm(self._due)
        return True
