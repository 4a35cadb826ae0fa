"""How many runs of a flow go on at once in this process, where no queue counts them."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from quorate.core.errors import QueueFull

#: Who has a place already waits so long for another one: two flows that run each other would wait for ever.
_PATIENCE_S = 600.0


@dataclass(slots=True)
class _Places:
    """The places of one key; a live object. `users` have one or wait for one."""

    free: asyncio.Semaphore
    users: int = 0


class RunPlaces:
    """Places of flows that allow only so many runs at once, by queue key; a live object.

    For runs that are in no journal's queue: those in memory, and those that a step of another flow runs.
    """

    def __init__(self) -> None:
        self._known: dict[str, _Places] = {}

    @asynccontextmanager
    async def one_of(
        self, key: str, most: int, flow: str, *, held: frozenset[str] | None = None
    ) -> AsyncGenerator[None]:
        """Have one of `most` places while the context is entered.

        Without `held`, raise `QueueFull` if none is free. With it, wait: `held` are the keys of the flows around this
        one, whose own places serve for it as well. Who holds one waits ten minutes at most; then `QueueFull`.
        """
        if held is not None and key in held:
            yield
            return
        places = self._known.setdefault(key, _Places(asyncio.Semaphore(most)))
        if held is None and places.free.locked():
            raise _full(flow, most)
        places.users += 1
        try:
            try:
                async with asyncio.timeout(_PATIENCE_S if held else None):
                    await places.free.acquire()
            except TimeoutError:
                raise _full(flow, most) from None
            try:
                yield
            finally:
                places.free.release()
        finally:
            places.users -= 1
            if not places.users:
                del self._known[key]


def _full(flow: str, most: int) -> QueueFull:
    return QueueFull(f"as many runs of the flow {flow!r} as it allows are under way: {most}; try again in a moment")
