"""The one place that starts a task outside a task group, and never lets it outlive its context."""

import asyncio
import concurrent.futures
from collections.abc import AsyncGenerator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Generic, TypeVar

T = TypeVar("T")


@asynccontextmanager
async def background(work: Coroutine[Any, Any, T]) -> AsyncGenerator[asyncio.Task[T]]:
    """Run `work` beside the body. On leaving, it is cancelled if it still runs, and awaited in any case.

    For generators, where a `TaskGroup` would wrap the consumer's own exceptions. The task's error is raised by awaiting
    the task in the body; one that nobody awaited is dropped with the context.
    """
    task = asyncio.create_task(work)
    try:
        yield task
    finally:
        await _settle(task)


async def uninterrupted(work: Coroutine[Any, Any, T]) -> tuple[T, asyncio.CancelledError | None]:
    """Return what `work` gives, with the last interruption that came meanwhile, if any: `work` never hears of it.

    For what must not stop halfway and ends soon, such as keeping a result. Raise the interruption when it is done. An
    error of the work's own is raised in place of one.
    """
    task = asyncio.create_task(work)
    interrupted: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait((task,))
        except asyncio.CancelledError as error:
            interrupted = error
    return task.result(), interrupted


class Standby:
    """A live object: work that may begin beside its owner's, at most once, e.g. by a timer. `settle` it in any case."""

    __slots__ = ("_task",)

    def __init__(self) -> None:
        self._task: asyncio.Task[None] | None = None

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Begin."""
        self._task = asyncio.create_task(work)

    def cancel(self) -> None:
        """Cancel the work if it runs, without waiting for its end."""
        if self._task is not None:
            self._task.cancel()

    async def settle(self) -> None:
        """Cancel the work if it runs, and wait until it has ended; an error of its own is dropped."""
        if self._task is not None:
            await _settle(self._task)


async def _settle(task: asyncio.Task[Any]) -> None:
    interrupted: asyncio.CancelledError | None = None
    task.cancel()
    while not task.done():
        try:
            await asyncio.wait((task,))
        except asyncio.CancelledError as error:
            interrupted = error
    if not task.cancelled():
        task.exception()
    if interrupted is not None:
        raise interrupted


class Elsewhere(Generic[T]):
    """A live object: a coroutine on the loop of another thread.

    `asyncio.run_coroutine_threadsafe` would do, but for its cancellation: that returns before the work has ended, and
    whoever cleans up then meets generators that still run.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, T]) -> None:
        self._loop = loop
        self._future = concurrent.futures.Future[T]()
        self._work = work
        self._task: asyncio.Task[T] | None = None
        loop.call_soon_threadsafe(self._begin)

    def result(self) -> T:
        """Wait for the result; an interruption of the wait cancels the work and is raised when that has ended."""
        try:
            return self._future.result()
        except BaseException:
            if not self._future.done():
                self._loop.call_soon_threadsafe(self._cancel)
                concurrent.futures.wait((self._future,))
            raise

    def _begin(self) -> None:
        self._task = self._loop.create_task(self._work)
        self._task.add_done_callback(self._end)

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def _end(self, task: asyncio.Task[T]) -> None:
        if task.cancelled():
            self._future.cancel()
            self._future.set_running_or_notify_cancel()
        elif (error := task.exception()) is not None:
            self._future.set_exception(error)
        else:
            self._future.set_result(task.result())
