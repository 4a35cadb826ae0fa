"""The one place that starts a task outside a task group, and never lets it outlive its context."""

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

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
