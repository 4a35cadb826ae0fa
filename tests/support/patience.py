"""Waiting for what no event tells: another process, another thread, the inside of a model."""

import asyncio
from collections.abc import Awaitable, Callable

_LIMIT_S = 60.0


async def until(condition: Callable[[], bool], *, every_s: float = 0.005) -> None:
    """Return when the condition holds; looks again and again, and raises `TimeoutError` in the end."""
    async with asyncio.timeout(_LIMIT_S):
        while not condition():  # noqa: ASYNC110 - that nothing tells is what this is for
            await asyncio.sleep(every_s)


async def until_it(condition: Callable[[], Awaitable[bool]], *, every_s: float = 0.01) -> None:
    """The same for a condition that is asked for."""
    async with asyncio.timeout(_LIMIT_S):
        while not await condition():  # noqa: ASYNC110 - idem
            await asyncio.sleep(every_s)
