"""Uvicorn's server with a shutdown that loses nothing: not ready first, then what runs is finished, then exit 0."""

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress
from types import FrameType

import uvicorn

from quorate.server.services import Services

#: How long what holds up no drain may take to end after it: last words of streams, answers on their way.
_LAST_WORDS_S = 2.0
#: How long callers who read slowly are waited for, who have to be told that they are cut off.
_TOLD_S = 0.5
#: How long requests that were cut off have to say what they cost.
_RECORDED_S = 1.0
_LOOK_EVERY_S = 0.02


class DrainingServer(uvicorn.Server):
    """A live server of one process.

    The first SIGTERM or SIGINT begins the drain: `/readyz` says no, new calls get 503, those under way have `drain_s`
    seconds, streams that only follow something end. A second one ends it at once.
    """

    def __init__(
        self, config: uvicorn.Config, services: Services, *, on_started: Callable[[], None] | None = None
    ) -> None:
        super().__init__(config)
        self._services = services
        self._on_started = on_started
        self._drain_until_s: float | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer, and say so."""
        await super().startup(sockets)
        if self._on_started is not None:
            self._on_started()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to drain, or stop."""
        del sig, frame
        if self._services.draining:
            self.should_exit = self.force_exit = True
        self._services.draining = True

    async def on_tick(self, counter: int) -> bool:
        """Return whether to stop; asked ten times a second."""
        services = self._services
        if services.draining:
            services.ending.set()
            now_s = services.clock.monotonic()
            if self._drain_until_s is None:
                self._drain_until_s = now_s + services.settings.drain_s
            self.should_exit = self.should_exit or not services.busy or now_s >= self._drain_until_s
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close all connections; what still runs is cut off, told so, and leaves its record before this returns.

        In uvicorn's place, which would give it some seconds more.
        """
        for listening in (*self.servers, *(sockets or ())):
            listening.close()
        for connection in tuple(self.server_state.connections):
            connection.shutdown()  # at once if it is idle, else after its answer
        await self._emptied(self._left_s())
        for task in tuple(self.server_state.tasks):
            task.cancel()
        await self._emptied(_TOLD_S)
        for connection in tuple(self.server_state.connections):
            connection.transport.abort()
        await self._emptied(_RECORDED_S)
        for task in tuple(self.server_state.tasks):
            task.cancel()  # once more: what settles with a database that hangs leaves its record without
        await self._emptied(_RECORDED_S)

    def _left_s(self) -> float:
        """Return for how long what still runs may go on."""
        if self.force_exit or self._drain_until_s is None:
            return 0.0
        return min(_LAST_WORDS_S, self._drain_until_s - self._services.clock.monotonic())

    async def _emptied(self, timeout_s: float) -> None:
        """Wait until every request is over and every connection closed, for at most `timeout_s`."""
        state = self.server_state
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while state.tasks or state.connections:  # noqa: ASYNC110 - uvicorn tells in no other way
                    await asyncio.sleep(_LOOK_EVERY_S)
