"""The upstream as a server: an address, what it saw, and its end."""

import asyncio
from types import TracebackType
from typing import Self

from quorate.core.clock import Clock, SystemClock
from quorate.core.errors import InvalidRequest
from quorate.core.listening import is_loopback
from quorate.upstream.connection import Caps, Connection
from quorate.upstream.record import Record, SeenRequest, Stats
from quorate.upstream.routes import Routes

_BACKLOG = 2048


class UpstreamServer:
    """A live object: a simulated provider at `base_url`, from `async with UpstreamServer()` until its end.

    It speaks OpenAI's and Anthropic's formats. What a model does is read from its name (`behaviour_of`). With
    `api_key`, requests need that key. The last `keep` requests are kept for a test to look at. Any address but a
    loopback one needs `allow_remote`: nothing here is made for a network with strangers in it.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        allow_remote: bool = False,
        api_key: str | None = None,
        keep: int = 256,
        caps: Caps | None = None,
        clock: Clock | None = None,
    ) -> None:
        if not allow_remote and not is_loopback(host):
            raise InvalidRequest(
                f"{host!r} is not a loopback address; allow_remote (--remote) lets others reach it", param="host"
            )
        self._host, self._port = host, port
        self._caps = caps or Caps()
        self._record = Record(keep)
        self._routes = Routes(clock=clock or SystemClock(), record=self._record, api_key=api_key)
        self._server: asyncio.Server | None = None
        self._connections: set[Connection] = set()

    @property
    def host(self) -> str:
        """The address it listens on."""
        return self._host

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._port

    @property
    def url(self) -> str:
        """`http://HOST:PORT`: the base URL for Anthropic's format."""
        return f"http://{f'[{self._host}]' if ':' in self._host else self._host}:{self._port}"

    @property
    def base_url(self) -> str:
        """`http://HOST:PORT/v1`: the base URL for OpenAI's format."""
        return f"{self.url}/v1"

    @property
    def requests(self) -> tuple[SeenRequest, ...]:
        """The last requests, oldest first."""
        return tuple(self._record.requests)

    @property
    def disconnects(self) -> tuple[SeenRequest, ...]:
        """The last requests whose client did not wait for the whole answer."""
        return tuple(self._record.disconnects)

    def stats(self) -> Stats:
        """Return the counts since the start or the last `reset`."""
        return self._record.stats()

    def reset(self) -> None:
        """Forget what was asked: counts begin anew, and faults that happen once happen again."""
        self._routes.reset()

    async def received(self, count: int = 1) -> None:
        """Wait until `count` requests for models have come in since the start or the last `reset`."""
        await self._record.wait(lambda: self._record.total >= count)

    async def disconnected(self, count: int = 1) -> None:
        """Wait until `count` clients have hung up before their answer was complete."""
        await self._record.wait(lambda: self._record.hung_up >= count)

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: Connection(
                loop=loop,
                routes=self._routes,
                record=self._record,
                caps=self._caps,
                connections=self._connections,
            ),
            self._host,
            self._port,
            backlog=_BACKLOG,
        )
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is None:
            return
        self._server.close()
        for connection in tuple(self._connections):
            connection.end()
        while self._connections:  # noqa: ASYNC110 - their ends come with the next turns of the loop, and no event does
            await asyncio.sleep(0)
        await self._server.wait_closed()
        self._server = None
