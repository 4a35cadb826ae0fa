"""Watching a run while it runs."""

import asyncio
from collections import deque

import msgspec

from quorate.model.event import Event


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """One event; `seq` is its number in the journal, `None` for one that is not kept (pieces of text, starts)."""

    event: Event
    seq: int | None = None


class Watch:
    """An async iterator over the events of one run from now on; a live object. It ends when the run has ended.

    Somebody who reads slowly loses events that are not kept (`lost` counts them), never the ends of steps. Leave it
    with `close`.
    """

    def __init__(self, *, room: int = 256) -> None:
        self._room = room
        self._waiting: deque[Seen] = deque()
        self._bell = asyncio.Event()
        self._closed = False
        self.lost = 0

    def tell(self, seen: Seen, *, is_kept: bool) -> None:
        """Pass an event on, unless it may be lost and too much waits."""
        if self._closed:
            return
        if not is_kept and len(self._waiting) >= self._room:
            self.lost += 1
            return
        self._waiting.append(seen)
        self._bell.set()

    def close(self) -> None:
        """There is nothing more to come: what waits can still be read."""
        self._closed = True
        self._bell.set()

    @property
    def is_over(self) -> bool:
        """Whether nothing more comes and nothing waits."""
        return self._closed and not self._waiting

    def __aiter__(self) -> "Watch":
        return self

    async def __anext__(self) -> Seen:
        while not self._waiting:
            if self._closed:
                raise StopAsyncIteration
            self._bell.clear()
            await self._bell.wait()
        return self._waiting.popleft()
