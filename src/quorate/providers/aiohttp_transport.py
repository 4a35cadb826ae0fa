"""The transport over aiohttp: pooled connections, phase limits, the outbound gate, nothing followed or sent twice."""

import asyncio
import io
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import lru_cache
from types import SimpleNamespace
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver
from yarl import URL

from quorate.core.clock import Deadline
from quorate.core.errors import Failure, Malformed, Rejected, Unavailable
from quorate.core.net import Blocked, OutboundGate, origin_of
from quorate.providers.aiohttp_errors import RAISED, provider_error
from quorate.providers.gated_resolver import GatedResolver
from quorate.providers.transport import HttpRequest, Phase, PhaseLimits, PhaseTimer, TransportSettings, WaitLimit

#: All waiting is limited by `PhaseTimer`; aiohttp's own limits (5 minutes in total by default) would only interfere.
_NO_LIMITS = aiohttp.ClientTimeout(total=None, connect=None, sock_connect=None, sock_read=None)
#: aiohttp warns when larger bodies are passed as bytes.
_LARGEST_BYTES_BODY = 1024 * 1024
_MAX_HEADER_BYTES = 32 * 1024
#: How long looked-up and checked addresses are used again.
_DNS_CACHE_S = 10


class AiohttpTransport:
    """A `Transport` with one pool of connections, made on the event loop that first uses it.

    Name look-ups are shared: one that is under way when its call is cancelled is finished in the background, for
    whoever asks next, or until `close()`. `resolver` replaces the system's name look-up; the gate checks its answers.
    """

    def __init__(
        self,
        gate: OutboundGate,
        settings: TransportSettings | None = None,
        *,
        resolver: AbstractResolver | None = None,
    ) -> None:
        self._gate = gate
        self._settings = settings or TransportSettings()
        self._resolver = resolver
        # The rules are pure and the URLs few; checked anew, each request would pay a fifteenth of its CPU time for it.
        self._checked = lru_cache(maxsize=256)(self._check)
        self._session: aiohttp.ClientSession | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False

    @asynccontextmanager
    async def send(
        self,
        request: HttpRequest,
        limits: PhaseLimits,
        deadline: Deadline,
        *,
        on_sent: Callable[[], None] = lambda: None,
    ) -> AsyncGenerator["AiohttpResponse"]:
        """Send `request`; see `Transport.send`."""
        deadline.require("the request was sent")
        timer = PhaseTimer(limits, deadline)
        url = self._checked(request.url)
        raw = await _Attempt(timer, on_sent).start(await self._ready(), request, url)
        timer.headers_arrived()
        response = AiohttpResponse(raw, timer, self._settings.max_response_bytes)
        whole = False
        try:
            if not self._settings.give_redirects:
                _refuse_redirect(raw)
            yield response
            whole = True
        finally:
            response.leave(keep=whole)

    async def close(self) -> None:
        """Close all connections; requests under way fail, later ones are refused."""
        self._closed = True
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _check(self, text: str) -> URL:
        """Return the URL as the connector will read it, checked in both spellings.

        The operator's trust is about the URL as written; the address it spells out may show only after
        normalisation (digits of other scripts).
        """
        try:
            origin = self._gate.check_url(text)
            url = URL(text)
            if url.raw_host is not None and url.raw_host.replace(".", "").isdigit():
                self._gate.check_address(origin, url.raw_host.rstrip("."))
        except (Blocked, ValueError) as error:
            raise provider_error(error, in_body=False) from None
        return url

    async def _ready(self) -> aiohttp.ClientSession:
        """Return the session of the running loop; one that a finished loop left behind is replaced."""
        loop = asyncio.get_running_loop()
        if self._session is None or self._loop is not loop:
            tls = await self._tls()
            if self._session is None or self._loop is not loop:
                left, self._session, self._loop = self._session, self._make_session(tls), loop
                if left is not None:
                    await left.close()
        if self._closed:
            await self.close()
            raise Unavailable("the transport was closed")
        return self._session

    async def _tls(self) -> ssl.SSLContext | bool:
        path = self._settings.ca_file
        if path is None or not self._settings.verify:
            return self._settings.verify
        try:
            return await asyncio.to_thread(ssl.create_default_context, cafile=path)
        except OSError as error:
            raise Rejected(
                f"ca_file {path!r} cannot be read as certificates: {error}", failure=Failure.BLOCKED
            ) from None

    def _make_session(self, tls: ssl.SSLContext | bool) -> aiohttp.ClientSession:
        settings = self._settings
        connector = aiohttp.TCPConnector(
            limit=settings.max_connections,
            keepalive_timeout=settings.keepalive_s,
            ttl_dns_cache=_DNS_CACHE_S,
            ssl=tls,
            resolver=GatedResolver(self._gate, inner=self._resolver, also_trusted=_without_credentials(settings.proxy)),
        )
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=_NO_LIMITS,
            trust_env=settings.trust_env,
            proxy=settings.proxy,
            headers={"User-Agent": settings.user_agent},
            skip_auto_headers=("Content-Type",),
            trace_configs=[_trace_connections()],
            max_line_size=_MAX_HEADER_BYTES,
            max_field_size=_MAX_HEADER_BYTES,
        )


def _without_credentials(proxy: str | None) -> tuple[str, ...]:
    """Return the proxy's URL as the gate compares it; the connection takes name and password from the whole URL."""
    if proxy is None:
        return ()
    try:
        url = str(URL(proxy).with_user(None))
        origin_of(url)
    except (Blocked, ValueError):
        raise Rejected(
            "the proxy's URL cannot be used: it has to be http(s)://host:port", failure=Failure.BLOCKED
        ) from None
    return (url,)


class _Attempt:
    """The time from the call until the response's headers: first the connection's limit, then the headers'."""

    def __init__(self, timer: PhaseTimer, on_sent: Callable[[], None]) -> None:
        self._timer = timer
        self._on_sent = on_sent
        self._limit: WaitLimit = timer.limit(Phase.CONNECT)
        self._timeout = asyncio.timeout(self._limit.seconds)

    async def start(self, session: aiohttp.ClientSession, request: HttpRequest, url: URL) -> aiohttp.ClientResponse:
        body = request.body
        try:
            async with self._timeout:
                return await session.request(
                    request.method,
                    url,
                    data=io.BytesIO(body) if len(body) > _LARGEST_BYTES_BODY else body,
                    headers=request.headers,
                    allow_redirects=False,
                    trace_request_ctx=self,
                )
        except TimeoutError as error:
            if self._timeout.expired():
                raise self._limit.error() from None
            raise provider_error(error, in_body=False) from error
        except RAISED as error:
            raise provider_error(error, in_body=False) from error

    def connected(self) -> None:
        self._limit = self._timer.limit(Phase.HEADERS)
        seconds = self._limit.seconds
        self._timeout.reschedule(None if seconds is None else asyncio.get_running_loop().time() + seconds)
        self._on_sent()


def _trace_connections() -> aiohttp.TraceConfig:
    """Return the hooks that tell an attempt when its connection stands."""

    async def connected(session: aiohttp.ClientSession, context: SimpleNamespace, params: object) -> None:
        del session, params
        attempt = context.trace_request_ctx
        if isinstance(attempt, _Attempt):
            attempt.connected()

    trace = aiohttp.TraceConfig()
    trace.on_connection_create_end.append(connected)
    trace.on_connection_reuseconn.append(connected)
    return trace


def _refuse_redirect(response: aiohttp.ClientResponse) -> None:
    if not 300 <= response.status < 400:  # noqa: PLR2004 - RFC 9110 section 15.4
        return
    where = urlsplit(response.headers.get("Location", ""))
    target = f"{where.scheme}://{where.hostname}" if where.hostname else "another path of the same server"
    raise Rejected(
        f"HTTP {response.status}: the provider redirects to {target!r}; redirects are not followed, correct base_url",
        failure=Failure.BLOCKED,
        upstream_status=response.status,
    )


class AiohttpResponse:
    """The `HttpResponse` of one request; a live object that belongs to the `send` that made it."""

    __slots__ = ("_limit_bytes", "_linger_until", "_phase", "_raw", "_read_bytes", "_timer")

    def __init__(self, raw: aiohttp.ClientResponse, timer: PhaseTimer, limit_bytes: int) -> None:
        self._raw = raw
        self._timer = timer
        self._limit_bytes = limit_bytes
        self._read_bytes = 0
        self._phase = Phase.FIRST_TOKEN
        self._linger_until: float | None = None

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self._raw.status

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers, looked up without regard to case."""
        return self._raw.headers

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        chunk = await (self._next() if self._linger_until is None else self._next_if_any(self._linger_until))
        if not chunk:
            raise StopAsyncIteration
        self._read_bytes += len(chunk)
        if self._read_bytes > self._limit_bytes:
            raise Malformed(f"the answer is larger than {self._limit_bytes} bytes")
        return chunk

    async def read(self) -> bytes:
        """Return the rest of the body."""
        chunks: list[bytes] = []
        async for chunk in self:
            chunks.append(chunk)
            self.began()
        return b"".join(chunks)

    async def pour(self, into: Callable[[bytes], bool]) -> bool:
        """Give `into` each chunk until it returns `False`; return whether the body may go on."""
        async for chunk in self:
            if not into(chunk):
                return True
        return False

    def began(self) -> None:
        """The first piece of the answer was read."""
        self._phase = Phase.IDLE

    def linger(self, seconds: float) -> None:
        """The answer is whole; iterate at most `seconds` more."""
        self._linger_until = asyncio.get_running_loop().time() + seconds

    def leave(self, *, keep: bool) -> None:
        """Give the connection back if it may be kept and the body has ended, else close it now."""
        raw = self._raw
        if keep and raw.content.at_eof():
            raw.release()
            return
        connection = raw.connection
        if connection is not None and connection.transport is not None:
            connection.transport.abort()  # close() would first send what the provider has not read yet
        raw.close()

    async def _next(self) -> bytes:
        limit = self._timer.limit(self._phase)
        timeout = asyncio.timeout(limit.seconds)
        try:
            async with timeout:
                return await self._raw.content.readany()
        except TimeoutError as error:
            if timeout.expired():
                raise limit.error() from None
            raise provider_error(error, in_body=True) from error
        except RAISED as error:
            raise provider_error(error, in_body=True) from error

    async def _next_if_any(self, until: float) -> bytes:
        try:
            async with asyncio.timeout_at(until):
                return await self._raw.content.readany()
        except RAISED:
            return b""
