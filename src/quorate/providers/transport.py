"""How bytes reach a provider: one request, one response, each phase with its own time limit."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

import msgspec

from quorate.core.clock import Deadline
from quorate.core.errors import DeadlineExceeded, Failure, QuorateError, Unavailable


class HttpRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One request, ready to be sent. Headers may hold a key, so neither they nor the body show in `repr`."""

    url: str
    method: str = "POST"
    headers: Mapping[str, str] = msgspec.field(default_factory=dict[str, str])
    body: bytes = b""

    def __repr__(self) -> str:
        return f"HttpRequest(url={self.url!r}, method={self.method!r})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("url", self.url), ("method", self.method)]


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseLimits:
    """Seconds each phase of a request may take; `None` for no limit.

    `connect_s`: look-up, connection and TLS, waiting for a free connection included. `headers_s`: from the connection
    to the response's headers; an answer that is not streamed is made in this time. `first_token_s`: from the headers
    to the first piece of the answer, however many heartbeats come before it (`None`: `headers_s` for the first sign of
    life, and between heartbeats). `idle_s`: between two pieces of the body. `total_s`: all of it. The call's own
    deadline cuts each of them short.
    """

    connect_s: float | None = 10.0
    headers_s: float | None = 60.0
    first_token_s: float | None = None
    idle_s: float | None = 30.0
    total_s: float | None = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TransportSettings:
    """How connections are made.

    `proxy` is an http URL, which may hold a name and a password and so does not show in `repr`; names are then looked
    up by the proxy, so the outbound gate sees the URL only. `trust_env` takes proxies from the environment. `ca_file`
    replaces the system's certificate authorities. `max_response_bytes` counts decompressed bytes. `max_connections` 0
    means no limit; `keepalive_s` is how long an idle one is kept. `give_redirects`: a redirect is a response like any
    other, for whoever asked to look at; else it is refused. It is never followed.
    """

    proxy: str | None = field(default=None, repr=False)
    trust_env: bool = False
    ca_file: str | None = None
    verify: bool = True
    max_response_bytes: int = 64 * 1024 * 1024
    max_connections: int = 0
    keepalive_s: float = 30.0
    user_agent: str = "quorate"
    give_redirects: bool = False


class HttpResponse(Protocol):
    """A response whose headers have arrived. Iterate for its chunks as they come, or `read()` all of it."""

    @property
    def status(self) -> int:
        """The HTTP status; a redirect only where the settings let it through."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers, looked up without regard to case."""
        ...

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Decompressed chunks, none of them empty, until the body ends."""
        ...

    async def read(self) -> bytes:
        """Return the rest of the body."""
        ...

    async def pour(self, into: Callable[[bytes], bool]) -> bool:
        """Give `into` each chunk in the moment it arrives, until it returns `False` or the body ends.

        Returns whether the body may go on. What `into` raises comes out here. Cheaper than to iterate: no task wakes
        for a chunk.
        """
        ...

    def began(self) -> None:
        """Say that the first piece of the answer was read: `idle_s` holds from now on, not `first_token_s`."""
        ...

    def linger(self, seconds: float) -> None:
        """Say that the answer is whole: iterate at most `seconds` more, and whatever goes wrong only ends it."""
        ...


def _ignore() -> None:
    return None


class Transport(Protocol):
    """Sends requests. Every error that comes out is a `QuorateError`."""

    def send(
        self, request: HttpRequest, limits: PhaseLimits, deadline: Deadline, *, on_sent: Callable[[], None] = _ignore
    ) -> AbstractAsyncContextManager[HttpResponse]:
        """Send, and enter the context with the response as soon as its headers are there.

        `on_sent` is called when a connection stands and the request is about to be written: from then on the provider
        may be working, and charging, for it. Leaving the context before the body has ended closes the connection at
        once. Nothing is ever sent twice and no redirect is followed. A request that a kept connection swallowed (the
        provider closed it at that moment) is `Unavailable`, for the layers above to send again.
        """
        ...

    async def close(self) -> None:
        """Close all connections."""
        ...


class Phase(StrEnum):
    """What is being waited for, as error messages name it."""

    CONNECT = "connection"
    HEADERS = "response headers"
    FIRST_TOKEN = "first token"  # noqa: S105 - a token of text, not a secret
    IDLE = "next part of the answer"
    TOTAL = "end of the answer"


class WaitLimit(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """How long one wait may last, and why: `phase` is `None` when the call's deadline is what comes first."""

    seconds: float | None
    phase: Phase | None
    limit_s: float | None = None

    @property
    def over(self) -> bool:
        """Whether there is no time left for the wait."""
        return self.seconds is not None and self.seconds <= 0

    def error(self) -> QuorateError:
        """Return what to raise when the wait lasted too long."""
        if self.phase is None:
            return DeadlineExceeded("the call's deadline passed while the provider was answering; allow more time")
        failure = Failure.TRANSIENT if self.phase is Phase.CONNECT else Failure.SILENCE
        return Unavailable(f"no {self.phase.value} within {self.limit_s:g} s", failure=failure)


class PhaseTimer:
    """Gives each wait of one request its limit: the least of the phase's, what is left of the total, and of the call.

    Made when the request begins; the first token's time runs from `headers_arrived`.
    """

    __slots__ = ("_call", "_first_token_at", "_limits", "_monotonic", "_total_at")

    def __init__(self, limits: PhaseLimits, deadline: Deadline) -> None:
        self._limits = limits
        self._call = deadline
        self._monotonic = deadline.clock.monotonic
        total_s = limits.total_s
        self._total_at = None if total_s is None else self._monotonic() + total_s
        self._first_token_at: float | None = None

    def headers_arrived(self) -> None:
        """Begin the first token's time."""
        if self._limits.first_token_s is not None:
            self._first_token_at = self._monotonic() + self._limits.first_token_s

    def limit(self, phase: Phase, waited_s: float = 0.0) -> WaitLimit:
        """Return the limit for a wait in `phase` that begins now, or began `waited_s` ago."""
        named = self._named(phase)
        now = self._monotonic()
        at = None if named is None else now - waited_s + named
        if phase is Phase.FIRST_TOKEN and self._first_token_at is not None:
            at = self._first_token_at
        due: Phase | None = phase
        total, call = self._total_at, self._call.at
        if total is not None and (at is None or total < at):
            at, due, named = total, Phase.TOTAL, self._limits.total_s
        if call is not None and (at is None or call <= at):
            at, due, named = call, None, None
        return WaitLimit(seconds=None if at is None else max(0.0, at - now), phase=due, limit_s=named)

    def _named(self, phase: Phase) -> float | None:
        limits = self._limits
        match phase:
            case Phase.CONNECT:
                return limits.connect_s
            case Phase.HEADERS:
                return limits.headers_s
            case Phase.FIRST_TOKEN:
                return limits.headers_s if limits.first_token_s is None else limits.first_token_s
            case Phase.IDLE:
                return limits.idle_s
            case Phase.TOTAL:
                return None
