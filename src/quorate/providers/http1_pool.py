"""The connections of one event loop: kept while idle, shared out fairly when there is a limit."""

import asyncio
from collections import deque
from contextlib import suppress

from quorate.core.net import Origin
from quorate.providers.http1_connect import TlsContexts, connect
from quorate.providers.http1_connection import Connection
from quorate.providers.http1_errors import TransportClosed
from quorate.providers.http1_names import GatedNames
from quorate.providers.http1_target import HttpTarget
from quorate.providers.transport import Phase, PhaseTimer, TransportSettings


class ConnectionPool:
    """A live object. `take` or `open` a connection, then `leave` it.

    The connection that was used last is used first (LIFO), so those that are too many grow old and go. When
    `max_connections` are in use, who asked first is served first.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, settings: TransportSettings, names: GatedNames, tls: TlsContexts
    ) -> None:
        self.loop = loop
        self._most = settings.max_connections
        self._keepalive_s = settings.keepalive_s
        self._names = names
        self._tls = tls
        self._all: set[Connection] = set()
        self._idle: dict[Origin, list[Connection]] = {}
        self._in_use = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._sweep: asyncio.TimerHandle | None = None
        self._emptied: asyncio.Future[None] | None = None
        self._closed = False

    def take(self, target: HttpTarget) -> Connection | None:
        """Return an idle connection to the target if there is one and it is the caller's turn; never waits."""
        if self._most and (self._waiting or self._in_use >= self._most):
            return None
        connection = self._youngest(target.origin)
        if connection is not None:
            self._in_use += 1
        return connection

    async def open(self, target: HttpTarget, timer: PhaseTimer) -> Connection:
        """Return a connection, an idle or a new one, within the connection's limit; raise as `connect` does."""
        limit = timer.limit(Phase.CONNECT)
        timeout = asyncio.timeout(limit.seconds)
        try:
            async with timeout:
                await self._turn()
                try:
                    return self._youngest(target.origin) or await self._connect(target)
                except BaseException:
                    self._next_turn()
                    raise
        except TimeoutError:
            if timeout.expired():
                raise limit.error() from None
            raise

    def leave(self, connection: Connection, *, keep: bool) -> None:
        """Give a connection back; it is closed unless it may be kept and can be."""
        if keep and not self._closed and connection.rest():
            connection.idle_since = self.loop.time()
            self._idle.setdefault(connection.origin, []).append(connection)
            if self._sweep is None:
                self._sweep = self.loop.call_later(self._keepalive_s, self._drop_old)
        else:
            connection.abort()
        self._next_turn()

    async def close(self) -> None:
        """Close all connections; return when they are closed."""
        self.abort()
        if self._all:
            if self._emptied is None:
                self._emptied = self.loop.create_future()
            await asyncio.shield(self._emptied)

    def abort(self) -> None:
        """Begin to close all connections. Requests under way fail."""
        self._closed = True
        if self._sweep is not None:
            self._sweep.cancel()
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_exception(TransportClosed())
        for connection in tuple(self._all):
            connection.abort(TransportClosed())

    def abandon(self) -> None:
        """Close what a loop left behind that runs no more, or is another thread's."""
        try:
            self.loop.call_soon_threadsafe(self.abort)
        except RuntimeError:  # the loop is closed: nothing of it can be called any more
            for connection in self._all:
                connection.shut()
            self._all.clear()
            self._idle.clear()

    async def _connect(self, target: HttpTarget) -> Connection:
        if self._most and len(self._all) >= self._most:
            self._drop_oldest()
        connection = await connect(target, self._names, self._tls, self._lost)
        if self._closed:
            connection.abort()
            raise TransportClosed
        if connection.lost:
            raise ConnectionResetError
        self._all.add(connection)
        return connection

    async def _turn(self) -> None:
        """Wait until one more connection may be in use, and count it."""
        if self._closed:
            raise TransportClosed
        if not self._most or (self._in_use < self._most and not self._waiting):
            self._in_use += 1
            return
        turn = self.loop.create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                with suppress(ValueError):
                    self._waiting.remove(turn)
            elif turn.done() and turn.exception() is None:
                self._next_turn()  # it came at the same moment, and counts
            raise

    def _next_turn(self) -> None:
        self._in_use -= 1
        while self._waiting and (not self._most or self._in_use < self._most):
            turn = self._waiting.popleft()
            if not turn.done():
                self._in_use += 1
                turn.set_result(None)

    def _youngest(self, origin: Origin) -> Connection | None:
        idle = self._idle.get(origin)
        while idle:
            connection = idle.pop()
            if connection.usable and self.loop.time() - connection.idle_since <= self._keepalive_s:
                return connection
            connection.abort()
        return None

    def _drop_oldest(self) -> None:
        idle = [connections for connections in self._idle.values() if connections]
        if idle:
            min(idle, key=lambda connections: connections[0].idle_since).pop(0).abort()

    def _drop_old(self) -> None:
        """Close what has been idle for too long, and look again while anything is."""
        self._sweep = None
        oldest = self.loop.time() - self._keepalive_s
        next_s = float("inf")
        for origin, idle in tuple(self._idle.items()):
            kept = [connection for connection in idle if connection.idle_since > oldest]
            for connection in idle[: len(idle) - len(kept)]:
                connection.abort()
            if kept:
                self._idle[origin] = kept
                next_s = min(next_s, kept[0].idle_since + self._keepalive_s)
            else:
                del self._idle[origin]
        if self._idle:
            self._sweep = self.loop.call_at(next_s, self._drop_old)

    def _lost(self, connection: Connection) -> None:
        self._all.discard(connection)
        idle = self._idle.get(connection.origin)
        if idle and connection in idle:
            idle.remove(connection)
        if self._emptied is not None and not self._all and not self._emptied.done():
            self._emptied.set_result(None)
