"""Work beside a body never outlives it."""

import asyncio

import pytest

from quorate.core.tasks import background


async def test_its_result_and_error_come_from_awaiting_it() -> None:
    async def works() -> int:
        return 7

    async def fails() -> int:
        raise ValueError("as told")

    async with background(works()) as task:
        assert await task == 7
    async with background(fails()) as task:
        with pytest.raises(ValueError, match="as told"):
            await task


async def test_leaving_cancels_and_waits_for_its_clean_up() -> None:
    log: list[str] = []

    async def cleans_up() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            log.append("cleaned up")

    async with background(cleans_up()) as task:
        await asyncio.sleep(0)
    assert log == ["cleaned up"]
    assert task.cancelled()


async def test_an_error_that_nobody_awaits_is_dropped() -> None:
    async def fails() -> None:
        raise ValueError("nobody asked")

    async with background(fails()) as task:
        await asyncio.wait((task,))
    assert isinstance(task.exception(), ValueError)


async def test_being_cancelled_during_the_clean_up_waits_for_it_and_stays_cancelled() -> None:
    log: list[str] = []

    async def slow_to_end() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.02)
            log.append("cleaned up")

    async def owner() -> None:
        async with background(slow_to_end()):
            await asyncio.sleep(0)

    owning = asyncio.create_task(owner())
    await asyncio.sleep(0.01)  # the body is over, the clean-up is not
    owning.cancel()
    with pytest.raises(asyncio.CancelledError):
        await owning
    assert log == ["cleaned up"]


async def test_the_body_s_error_comes_out_unchanged() -> None:
    async def body() -> None:
        async with background(asyncio.sleep(60)):
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        await body()
