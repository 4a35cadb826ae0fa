"""Waiting for what no event tells: another process, another thread, the inside of a model."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")
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


def seen(look: Callable[[], T | None], *, limit_s: float = _LIMIT_S, every_s: float = 0.02) -> T:
    """Return what a look finds, as soon as that is something; raises `TimeoutError`. Without an event loop."""
    until_s = time.monotonic() + limit_s
    while not (found := look()):
        if time.monotonic() > until_s:
            raise TimeoutError(f"nothing was seen within {limit_s:g} s: {found!r}")
        time.sleep(every_s)
    return found
