"""A response whose headers have arrived, read from its connection as it comes."""

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Mapping
from urllib.parse import urlsplit

from quorate.core.errors import Malformed
from quorate.providers.http1_connection import Connection
from quorate.providers.http1_errors import Undecodable, provider_error, refuse_redirect
from quorate.providers.http1_headers import Headers
from quorate.providers.http1_inflate import Inflater, inflater
from quorate.providers.transport import Phase, PhaseTimer, WaitLimit


class Http1Response:
    """The `HttpResponse` of one request; a live object that belongs to the `send` that made it."""

    __slots__ = (
        "_connection",
        "_inflater",
        "_limit_bytes",
        "_linger_until",
        "_packed_bytes",
        "_phase",
        "_read_bytes",
        "_timer",
        "headers",
        "status",
    )

    def __init__(self, connection: Connection, timer: PhaseTimer, limit_bytes: int) -> None:
        #: The headers, looked up without regard to case.
        self.headers: Mapping[str, str] = Headers(connection.response.fields)
        #: The HTTP status.
        self.status = connection.response.status
        self._connection = connection
        self._timer = timer
        self._limit_bytes = limit_bytes
        self._read_bytes = 0
        self._packed_bytes = 0
        self._phase = Phase.FIRST_TOKEN
        self._linger_until = math.inf
        self._inflater: Inflater | None = None
        if b"content-encoding" in connection.response.fields:
            self._inflater = inflater(self.headers["content-encoding"])

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        chunk = self._take() or await self._next()
        if not chunk:
            raise StopAsyncIteration
        self.count(chunk)
        return chunk

    async def read(self) -> bytes:
        """Return the rest of the body."""
        if self._inflater is None and self._connection.response.complete:  # the usual case: all of it in one packet
            chunk = self._connection.take()
            self.count(chunk)
            return chunk
        chunks: list[bytes] = []
        async for chunk in self:
            chunks.append(chunk)
            self.began()
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    async def pour(self, into: Callable[[bytes], bool]) -> bool:
        """Give `into` each chunk in the moment it arrives; see `HttpResponse.pour`."""
        tap = _Pouring(self, into)
        while chunk := self._take() or await self._next(tap):
            self.count(chunk)
            if not into(chunk):
                return True
        if tap.error is not None:
            raise tap.error
        return tap.ended

    def began(self) -> None:
        """The first piece of the answer was read; a wait that goes on meanwhile has the limit of the next one."""
        if self._phase is not Phase.IDLE:
            self._phase = Phase.IDLE
            self._connection.shorten(self._timer.limit(Phase.IDLE))

    def linger(self, seconds: float) -> None:
        """The answer is whole; iterate at most `seconds` more."""
        self._linger_until = asyncio.get_running_loop().time() + seconds

    def require_no_redirect(self) -> None:
        """Raise `Rejected` for a redirect, naming no more of its target than scheme and host."""
        if 300 <= self.status < 400:  # noqa: PLR2004 - RFC 9110 section 15.4
            where = urlsplit(self.headers.get("location", ""))
            raise refuse_redirect(self.status, f"{where.scheme}://{where.hostname}" if where.hostname else "")

    def count(self, chunk: bytes) -> None:
        """Count a chunk that was read; raises `Malformed` for more than is allowed."""
        self._read_bytes += len(chunk)
        if self._read_bytes > self._limit_bytes:
            raise self._too_large()

    def _too_large(self) -> Malformed:
        return Malformed(f"the answer is larger than {self._limit_bytes} bytes")

    def _take(self) -> bytes:
        """Return what has arrived, decompressed; empty if nothing has."""
        inflate = self._inflater
        if inflate is None:
            return self._connection.take()
        try:
            if piece := inflate.pull():
                return piece
            packed = self._connection.take()
            self._packed_bytes += len(packed)
            if self._packed_bytes > self._limit_bytes:  # there are compressed bodies without end and without content
                raise self._too_large()
            inflate.push(packed)
            return inflate.pull()
        except Undecodable as error:
            if self._linger_until < math.inf:
                return b""
            raise provider_error(error, in_body=True) from error

    async def _next(self, tap: "_Pouring | None" = None) -> bytes:
        """Wait for the next piece that the tap does not take; empty at the body's end, and when the tap has ended."""
        connection = self._connection
        until = self._linger_until
        lingering = until < math.inf
        while not (connection.response.complete or connection.failure is not None):
            limit = None if lingering else self._timer.limit(self._phase)
            if limit is not None and limit.over:  # by the wait itself a steady flow of nothing would never be ended
                raise limit.error()
            if tap is None or lingering or self._inflater is not None:
                await connection.wait(limit, until)
            else:
                connection.tap = tap
                try:
                    await connection.wait(limit)
                finally:
                    connection.tap = None
                if tap.ended:
                    return b""
            if chunk := self._take():
                return chunk
            if asyncio.get_running_loop().time() >= until:
                return b""
        if not lingering:
            self._require_end()
        return b""

    def _require_end(self) -> None:
        """Raise what kept the body from being whole."""
        failure = self._connection.failure
        if failure is None and self._inflater is not None and not self._inflater.ended:
            failure = Undecodable("it ends in the middle")
        if failure is not None:
            raise provider_error(failure, in_body=True) from failure

    def limit(self, waited_s: float) -> WaitLimit:
        """Return the limit of a wait that began so long ago."""
        return self._timer.limit(self._phase, waited_s)


class _Pouring:
    """The `Tap` of one `pour`; a live object. `ended`: no more is taken, by its wish or after its error."""

    __slots__ = ("_count", "_into", "ended", "error", "limit")

    def __init__(self, response: Http1Response, into: Callable[[bytes], bool]) -> None:
        self._count = response.count
        self._into = into
        self.limit = response.limit
        self.ended = False
        self.error: BaseException | None = None

    def take(self, data: bytes) -> bool:
        """Pass on what has arrived; an error is kept for whoever waits: it is not the event loop's."""
        try:
            self._count(data)
            self.ended = not self._into(data)
        except BaseException as error:  # noqa: BLE001 - see above
            self.ended, self.error = True, error
        return not self.ended
