"""A transport without sockets: it notes what would have been sent and gives the answer it was told."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec

from quorate.core.clock import Deadline
from quorate.providers.dialect import Target
from quorate.providers.endpoint import Endpoint
from quorate.providers.openai import OpenAIDialect
from quorate.providers.price import Price
from quorate.providers.relay import RelayEndpoint
from quorate.providers.relayed_stream import RelayedStream
from quorate.providers.transport import HttpRequest, HttpResponse, PhaseLimits

#: 1 and 10 micro-USD a token.
PRICE = Price(input_microusd_per_mtok=1_000_000, output_microusd_per_mtok=10_000_000)


@dataclass(slots=True, kw_only=True)
class FakeResponse:
    """A live response; an exception among the chunks is raised in its place."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    chunks: tuple[bytes | Exception, ...] = ()
    began_after: int | None = None
    lingered: list[float] = field(default_factory=list[float])
    given: int = 0
    _left: AsyncIterator[bytes] | None = None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self.chunks:
            if isinstance(chunk, Exception):
                raise chunk
            self.given += 1
            yield chunk

    async def pour(self, into: Callable[[bytes], bool]) -> bool:
        self._left = self._left or aiter(self)
        async for chunk in self._left:
            if not into(chunk):
                return True
        self._left = None
        return False

    async def read(self) -> bytes:
        return b"".join([chunk async for chunk in self])

    def began(self) -> None:
        self.began_after = self.given

    def linger(self, seconds: float) -> None:
        self.lingered.append(seconds)


@dataclass(slots=True, kw_only=True)
class FakeTransport:
    """A live transport: gives `answers` one after another, then the last again; an exception is raised."""

    answers: tuple[FakeResponse | Exception, ...]
    requests: list[HttpRequest] = field(default_factory=list[HttpRequest])

    @asynccontextmanager
    async def send(
        self,
        request: HttpRequest,
        limits: PhaseLimits,
        deadline: Deadline,
        *,
        on_sent: Callable[[], None] = lambda: None,
    ) -> AsyncGenerator[HttpResponse]:
        answer = self.answers[min(len(self.requests), len(self.answers) - 1)]
        self.requests.append(request)
        if isinstance(answer, Exception):
            raise answer
        on_sent()
        yield answer

    async def close(self) -> None:
        return


class Left(Exception):
    """The caller left."""


async def pass_on(
    stream: RelayedStream, *, leave_after: int | None = None, first: Callable[[], None] = lambda: None
) -> list[bytes]:
    """What a stream passes on until it ends, or the caller leaves after so many chunks."""
    told: list[bytes] = []
    try:
        await pass_on_to(told, stream, leave_after=leave_after, first=first)
    except Left:
        assert len(told) == leave_after
    return told


async def pass_on_to(
    told: list[bytes],
    stream: RelayedStream,
    *,
    leave_after: int | None = None,
    first: Callable[[], None] = lambda: None,
) -> None:
    """As `pass_on`, for a stream that may fail: `told` has what came before. Every other chunk has to be waited for."""

    def now(events: bytes) -> bool:
        if len(told) % 2:
            return False
        told.append(events)
        if len(told) == leave_after:
            raise Left
        return True

    async def later(events: bytes) -> None:
        await asyncio.sleep(0)
        told.append(events)
        if len(told) == leave_after:
            raise Left

    await stream.pass_on(now, later, first=first)


def relay_to(*answers: FakeResponse | Exception, **fields: Any) -> tuple[RelayEndpoint, FakeTransport]:
    """A relay to an endpoint called `m` whose provider calls it `gpt-up`."""
    transport = FakeTransport(answers=answers)
    dialect = fields.pop("dialect", OpenAIDialect())
    given: dict[str, Any] = {
        "name": "m",
        "provider": "up",
        "target": Target(model_id="gpt-up", base_url="http://up.test/v1"),
        "price": PRICE,
        **fields,
    }
    endpoint = Endpoint(dialect=dialect, transport=transport, **given)
    return RelayEndpoint(endpoint, dialect), transport


def fields_of(body: bytes) -> dict[str, msgspec.Raw]:
    """The top level of a body, as the gateway reads it."""
    return msgspec.json.decode(body, type=dict[str, msgspec.Raw])
