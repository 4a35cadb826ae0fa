"""Pieces of the answer on their way to a caller who reads along."""

import asyncio
from collections.abc import AsyncGenerator

from quorate.model import Delta

#: Pieces that may wait for a slow reader before the branch that makes them has to wait.
_WAITING = 64


class Live:
    """One branch at most may speak: the first to `claim` it. A full queue makes the speaker wait (back-pressure).

    `told` says whether any text has gone out.
    """

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Delta | None] = asyncio.Queue(_WAITING)
        self.owner: str | None = None
        self.told = False
        self._closed = False

    def claim(self, branch: str) -> bool:
        """Return whether `branch` is the one that speaks. Decided at once, without a wait, so that two never begin."""
        if self.owner is None:
            self.owner = branch
        return self.owner == branch

    def release(self) -> None:
        """Let the answer of somebody else go out, because the owner's attempt came to nothing before it `told` text."""
        self.owner = None

    async def send(self, delta: Delta) -> None:
        """Pass a piece on."""
        self.told = self.told or bool(delta.text.strip())
        await self._queue.put(delta)

    def close(self) -> None:
        """Say that no more will come. Never waits: a reader of a full queue finds out when it has emptied it."""
        self._closed = True
        if not self._queue.full():
            self._queue.put_nowait(None)

    async def pieces(self) -> AsyncGenerator[Delta]:
        """Yield the pieces until `close`."""
        while not (self._closed and self._queue.empty()):
            delta = await self._queue.get()
            if delta is not None:
                yield delta
