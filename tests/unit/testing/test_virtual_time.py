"""Virtual time: no real waiting, the order of events as it would be, and a deadlock that is told."""

import asyncio
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.model import new_call
from quorate.testing import VirtualClock, VirtualLoop, run_virtual


def test_hours_take_no_time_and_clocks_agree() -> None:
    async def main() -> tuple[float, float, float]:
        call = new_call(clock=VirtualClock(), timeout_s=10_000)
        began = call.clock.now()
        await asyncio.sleep(3600)
        return call.at_s, (call.clock.now() - began).total_seconds(), call.deadline.remaining_s() or 0.0

    before = time.monotonic()
    assert run_virtual(main()) == (3600.0, 3600.0, 6400.0)
    assert time.monotonic() - before < 5


# asyncio fires timers up to its resolution of a nanosecond early, so the delays are whole microseconds.
@given(st.lists(st.integers(0, 10**9).map(lambda number: number / 1e6), min_size=1, max_size=20))
def test_sleepers_wake_in_the_order_of_their_times(delays: list[float]) -> None:
    woken: list[float] = []

    async def sleeper(delay_s: float) -> None:
        await asyncio.sleep(delay_s)
        woken.append(delay_s)
        assert asyncio.get_running_loop().time() >= delay_s

    async def main() -> float:
        async with asyncio.TaskGroup() as group:
            for delay_s in delays:
                group.create_task(sleeper(delay_s))
        return asyncio.get_running_loop().time()

    assert run_virtual(main()) == pytest.approx(max(delays), abs=1e-6)
    assert woken == pytest.approx(sorted(delays))


def test_timeouts_are_virtual() -> None:
    async def main() -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(50):
                await asyncio.Event().wait()
        return asyncio.get_running_loop().time()

    assert run_virtual(main()) == pytest.approx(50.0)


def test_a_deadlock_is_told() -> None:
    async def main() -> None:
        await asyncio.Event().wait()

    with pytest.raises(RuntimeError, match="nobody will do"):
        run_virtual(main())


def test_threads_are_waited_for_when_nothing_else_is_due() -> None:
    async def main() -> int:
        return await asyncio.to_thread(lambda: 7)

    assert run_virtual(main()) == 7


def test_errors_and_results_come_out() -> None:
    async def fails() -> None:
        await asyncio.sleep(1)
        raise ValueError("as told")

    with pytest.raises(ValueError, match="as told"):
        run_virtual(fails())


def test_each_loop_begins_at_zero() -> None:
    loop = VirtualLoop()
    try:
        assert loop.time() == 0.0
        loop.run_until_complete(asyncio.sleep(5))
        assert loop.time() == 5.0
    finally:
        loop.close()
