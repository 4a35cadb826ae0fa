"""Noticing that the caller left, and ending the work that nobody waits for."""

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from quorate.core.tasks import background
from quorate.server.inbound import Receive, Scope

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

#: Where a connection of ours (`GuardedProtocol`) keeps whom to tell when it is lost: its `Listeners`.
SCOPE_KEY = "quorate.on_lost"


class Listeners:
    """Whom to tell when a connection is lost; a live object."""

    __slots__ = ("_told", "lost")

    def __init__(self) -> None:
        self._told: set[Callable[[], None]] = set()
        self.lost = False

    def add(self, leave: Callable[[], None]) -> None:
        """Call `leave` when the connection is lost; at once if it is."""
        self._told.add(leave)
        if self.lost:
            leave()

    def discard(self, leave: Callable[[], None]) -> None:
        """Call it no more."""
        self._told.discard(leave)

    def lose(self) -> None:
        """Tell them all."""
        self.lost = True
        for leave in tuple(self._told):
            leave()


class Hangup:
    """Cancels the current task when the caller leaves, while the context is entered; a live object.

    `gone` tells afterwards that it was the caller. Set `over` when the whole answer has been sent: whoever leaves then
    has everything. The connection itself calls back where the server is ours; under any
    other server a task waits for `http.disconnect`, at some microseconds per request.
    """

    __slots__ = ("_listeners", "_receive", "_task", "_watcher", "gone", "over")

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self._listeners: Listeners | None = scope.get(SCOPE_KEY)
        self._receive = receive
        self._task: asyncio.Task[Any] | None = None
        self._watcher: AbstractAsyncContextManager[Any] | None = None
        self.gone = False
        self.over = False

    async def __aenter__(self) -> Self:
        self._task = asyncio.current_task()
        if self._listeners is not None:
            self._listeners.add(self._leave)
        else:
            self._watcher = background(self._watch())
            await self._watcher.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if self._listeners is not None:
            self._listeners.discard(self._leave)
        if self._watcher is not None:
            await self._watcher.__aexit__(None, None, None)
        if self.gone and self._task is not None:
            left = self._task.uncancel()
            return left == 0 and kind is not None and issubclass(kind, asyncio.CancelledError)
        return False

    def _leave(self) -> None:
        if not self.gone and not self.over and self._task is not None:
            self.gone = True
            self._task.cancel()

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._leave()
