"""Who may execute now: places of a run, of what is in it, and of a step, first come, first served."""

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from contextlib import asynccontextmanager
from typing import Any


class StepPlaces:
    """The places of steps that allow only so many executions at once in this process; a live object.

    They are the same for all runs of a flow. There is one for each such step, for as long as the process lives.
    """

    def __init__(self) -> None:
        self._known: dict[str, asyncio.Semaphore] = {}

    def of(self, key: str, concurrency: int) -> asyncio.Semaphore:
        """Return those of one step of one flow."""
        if (places := self._known.get(key)) is None:
            places = self._known[key] = asyncio.Semaphore(concurrency)
        return places


class Place:
    """A place for one step while it is executed; a live object. Whoever took it frees it.

    `outer` are the places of what the step is in, from the inside out: groups, its flow, flows around that, the run.
    The step's own place is taken before those: who waits for an inner one holds none further out.
    """

    __slots__ = ("_has", "_of_step", "outer")

    def __init__(self, outer: tuple[asyncio.Semaphore, ...], of_step: asyncio.Semaphore | None) -> None:
        self.outer = outer
        self._of_step = of_step
        self._has = False

    def take(self) -> Coroutine[Any, Any, object]:
        """Wait for it; an interruption leaves none taken, and nothing to free."""
        if self._of_step is not None:
            return self._take_all(self._of_step)
        if len(self.outer) != 1:
            return self._take_outer()
        self._has = True
        return self.outer[0].acquire()

    async def _take_all(self, of_step: asyncio.Semaphore) -> None:
        await of_step.acquire()
        try:
            await self._take_outer()
        except BaseException:
            of_step.release()
            raise

    def free(self) -> None:
        """Give it back."""
        if self._has:
            for places in self.outer:
                places.release()
        if self._of_step is not None:
            self._of_step.release()

    @asynccontextmanager
    async def lent(self) -> AsyncGenerator[None]:
        """Let others have it meanwhile: who sleeps, or waits for steps below, executes nothing."""
        self._free_outer(len(self.outer))
        self._has = False
        yield
        # Not after an interruption: whoever is interrupted must not wait for its turn again.
        await self._take_outer()

    async def _take_outer(self) -> None:
        taken = 0
        try:
            for places in self.outer:
                await places.acquire()
                taken += 1
        except BaseException:
            self._free_outer(taken)
            raise
        self._has = True

    def _free_outer(self, count: int) -> None:
        for places in self.outer[:count]:
            places.release()
