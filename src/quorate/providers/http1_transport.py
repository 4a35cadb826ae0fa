"""Our own HTTP/1.1 client on asyncio and llhttp: what a request costs here is paid once for each model asked."""

import asyncio
from collections.abc import Callable
from functools import lru_cache
from types import TracebackType
from typing import TYPE_CHECKING

from quorate.core.clock import Deadline
from quorate.core.errors import Unavailable
from quorate.core.net import Blocked, OutboundGate
from quorate.providers.http1_connect import TlsContexts
from quorate.providers.http1_errors import RAISED, TransportClosed, provider_error
from quorate.providers.http1_names import GatedNames, Resolver, SystemResolver
from quorate.providers.http1_pool import ConnectionPool
from quorate.providers.http1_request import encode_head
from quorate.providers.http1_response import Http1Response
from quorate.providers.http1_target import HttpTarget, read_target
from quorate.providers.transport import HttpRequest, Phase, PhaseLimits, PhaseTimer, TransportSettings

if TYPE_CHECKING:
    from quorate.providers.http1_connection import Connection


def _ignore() -> None:
    return None


class Http1Transport:
    """A `Transport` with one pool of connections, made on the event loop that first uses it.

    It knows no proxies: `settings.proxy` and `trust_env` are not its to obey. `resolver` replaces the system's name
    look-up; the gate checks its answers. Cost: about a third of aiohttp's CPU time (`bench/transport.py`).
    """

    def __init__(
        self, gate: OutboundGate, settings: TransportSettings | None = None, *, resolver: Resolver | None = None
    ) -> None:
        self._gate = gate
        self._resolver = resolver or SystemResolver()
        self._pool: ConnectionPool | None = None
        self._closed = False
        self.settings = settings or TransportSettings()
        self._tls = TlsContexts(self.settings)
        # The rules are pure and the URLs few; checked anew, each request would pay a third of its CPU time for it.
        self.target: Callable[[str], HttpTarget] = lru_cache(maxsize=256)(self._target)

    def send(
        self, request: HttpRequest, limits: PhaseLimits, deadline: Deadline, *, on_sent: Callable[[], None] = _ignore
    ) -> "Exchange":
        """Send `request`; see `Transport.send`."""
        return Exchange(self, request, limits, deadline, on_sent)

    async def close(self) -> None:
        """Close all connections; requests under way fail, later ones are refused."""
        self._closed = True
        pool, self._pool = self._pool, None
        if pool is None:
            return
        if pool.loop is asyncio.get_running_loop():
            await pool.close()
        else:
            pool.abandon()

    def pool(self) -> ConnectionPool:
        """Return the pool of the running loop; one that a finished loop left behind is replaced."""
        if self._closed:
            raise Unavailable("the transport was closed")
        loop = asyncio.get_running_loop()
        pool = self._pool
        if pool is None or pool.loop is not loop:
            if pool is not None:
                pool.abandon()
            pool = self._pool = ConnectionPool(loop, self.settings, GatedNames(self._gate, self._resolver), self._tls)
        return pool

    def _target(self, url: str) -> HttpTarget:
        return read_target(url, self._gate)


class Exchange:
    """One request and its response: the context that `send` returns. A live object, entered once."""

    __slots__ = ("_connection", "_deadline", "_limits", "_on_sent", "_pool", "_request", "_transport")

    def __init__(
        self,
        transport: Http1Transport,
        request: HttpRequest,
        limits: PhaseLimits,
        deadline: Deadline,
        on_sent: Callable[[], None],
    ) -> None:
        self._transport = transport
        self._request = request
        self._limits = limits
        self._deadline = deadline
        self._on_sent = on_sent
        self._connection: Connection | None = None
        self._pool: ConnectionPool | None = None

    async def __aenter__(self) -> Http1Response:
        self._deadline.require("the request was sent")
        timer = PhaseTimer(self._limits, self._deadline)
        transport, request = self._transport, self._request
        try:
            target = transport.target(request.url)
            head = encode_head(request, target, transport.settings.user_agent)
            pool = self._pool = transport.pool()
            connection = self._connection = pool.take(target) or await pool.open(target, timer)
            limit = timer.limit(Phase.HEADERS)
            self._on_sent()
            connection.send(head, request.body, bodiless=request.method == "HEAD")
            await connection.wait(limit)
            return self._begun(connection, timer)
        except BaseException as error:
            self._leave(keep=False)
            if isinstance(error, RAISED):
                raise provider_error(error, in_body=False) from _cause(error)
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave(keep=kind is None)

    def _begun(self, connection: "Connection", timer: PhaseTimer) -> Http1Response:
        """Return the response whose head has come; raise what came in its place."""
        if not connection.response.has_head:
            raise connection.failure or TransportClosed
        if not connection.response.complete:
            timer.headers_arrived()
        settings = self._transport.settings
        response = Http1Response(connection, timer, settings.max_response_bytes)
        if not settings.give_redirects:
            response.require_no_redirect()
        return response

    def _leave(self, *, keep: bool) -> None:
        if self._pool is not None and self._connection is not None:
            self._pool.leave(self._connection, keep=keep)
            self._connection = None


def _cause(error: Exception) -> Exception | None:
    """Return what is worth knowing beside the message; a refusal says all there is."""
    return None if isinstance(error, (Blocked, ValueError, TypeError)) else error
