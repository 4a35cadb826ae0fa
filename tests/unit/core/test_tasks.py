import asyncio
import threading
from concurrent.futures import CancelledError

import pytest

from quorate.core.tasks import Elsewhere, Standby, background, uninterrupted


async def test_work_that_still_runs_is_cancelled_and_awaited() -> None:
    ended: list[str] = []

    async def work() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0)
            ended.append("work")

    async with background(work()):
        await asyncio.sleep(0)
    assert ended == ["work"]


async def test_work_that_must_not_stop_halfway_hears_of_no_interruption() -> None:
    going, may_end, seen = asyncio.Event(), asyncio.Event(), list[object]()

    async def work() -> str:
        going.set()
        await may_end.wait()
        return "whole"

    async def wait() -> None:
        seen.extend(await uninterrupted(work()))

    waiting = asyncio.create_task(wait())
    await going.wait()
    for reason in ("first", "last"):
        waiting.cancel(reason)
        await asyncio.sleep(0)
    assert not waiting.done()
    may_end.set()
    await waiting
    assert seen[0] == "whole"
    assert isinstance(seen[1], asyncio.CancelledError)
    assert seen[1].args == ("last",)


async def test_an_error_of_work_that_must_not_stop_halfway_is_raised() -> None:
    async def work() -> None:
        raise ValueError("x")

    with pytest.raises(ValueError, match="x"):
        await uninterrupted(work())


async def test_work_on_standby_that_never_began_needs_no_end() -> None:
    standby = Standby()
    standby.cancel()
    await standby.settle()


async def test_work_on_standby_is_cancelled_and_awaited() -> None:
    ended: list[str] = []

    async def work() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0)
            ended.append("work")

    standby = Standby()
    standby.start(work())
    await asyncio.sleep(0)
    await standby.settle()
    assert ended == ["work"]


async def test_its_result_is_awaited_in_the_body() -> None:
    async def work() -> int:
        return 7

    async with background(work()) as task:
        assert await task == 7


async def test_the_bodys_own_error_comes_out_unwrapped() -> None:
    with pytest.raises(KeyError):
        async with background(asyncio.sleep(60)):
            raise KeyError


async def test_an_error_nobody_awaited_is_dropped() -> None:
    async def work() -> None:
        raise ValueError

    async with background(work()) as task:
        await asyncio.sleep(0)
    assert task.done()


async def test_a_cancellation_while_it_settles_is_kept() -> None:
    ended: list[str] = []

    async def stubborn() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.02)
            ended.append("stubborn")

    async def outer() -> None:
        async with background(stubborn()):
            await asyncio.sleep(0)
        ended.append("outer")

    task = asyncio.ensure_future(outer())
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == ["stubborn"]


def test_work_on_another_threads_loop_gives_its_result_its_error_or_its_cancellation() -> None:
    async def answer() -> int:
        return 42

    async def fail() -> None:
        raise ValueError("no")

    async def give_up() -> None:
        raise asyncio.CancelledError

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        assert Elsewhere(loop, answer()).result() == 42
        with pytest.raises(ValueError, match="no"):
            Elsewhere(loop, fail()).result()
        with pytest.raises(CancelledError):
            Elsewhere(loop, give_up()).result()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
