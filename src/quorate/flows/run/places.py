"""Who may execute now: places of a run and places of a step, first come, first served."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager


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

    The step's own place is taken before the run's: who waits for the first holds none of the second.
    """

    __slots__ = ("_has", "_of_run", "_of_step")

    def __init__(self, of_run: asyncio.Semaphore, of_step: asyncio.Semaphore | None) -> None:
        self._of_run = of_run
        self._of_step = of_step
        self._has = False

    async def take(self) -> None:
        """Wait for it; an interruption leaves none taken."""
        if self._of_step is None:
            await self._of_run.acquire()
        else:
            await self._of_step.acquire()
            try:
                await self._of_run.acquire()
            except BaseException:
                self._of_step.release()
                raise
        self._has = True

    def free(self) -> None:
        """Give it back."""
        if self._has:
            self._of_run.release()
        if self._of_step is not None:
            self._of_step.release()

    @asynccontextmanager
    async def lent(self) -> AsyncGenerator[None]:
        """Let others of the run have it meanwhile: who sleeps, or waits for steps below, executes nothing."""
        self._of_run.release()
        self._has = False
        yield
        # Not after an interruption: whoever is interrupted must not wait for its turn again.
        await self._of_run.acquire()
        self._has = True
