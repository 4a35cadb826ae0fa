"""Uvicorn's server with a shutdown that loses nothing: not ready first, then what runs is finished, then exit 0."""

import asyncio
import socket
from collections.abc import Callable
from types import FrameType

import uvicorn

from quorate.server.services import Services

#: How long requests that are cut off have to say what they cost.
_CUT_OFF_S = 1.0


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
            self.should_exit = self.should_exit or not services.in_flight or now_s >= self._drain_until_s
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close all connections; what still runs is cancelled, and leaves its record before this returns."""
        await super().shutdown(sockets)
        left = tuple(self.server_state.tasks)
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=_CUT_OFF_S)
