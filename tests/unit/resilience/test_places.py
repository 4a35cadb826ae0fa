"""Places and the queue for them: never too many, none lost, nobody starved."""

import asyncio
import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.core.errors import DeadlineExceeded, QueueFull
from quorate.core.ids import TenantId
from quorate.model import Call, new_call
from quorate.resilience.places import Places, PlacesPolicy
from quorate.testing import VirtualClock, run_virtual


def places(limit: int = 1, *, queue: int = 100) -> Places:
    return Places("up", PlacesPolicy(max_concurrent=limit, queue=queue))


def call(tenant: str = "acme", timeout_s: float | None = None) -> Call:
    return new_call(clock=VirtualClock(), tenant=TenantId(tenant), timeout_s=timeout_s)


async def settle() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


def test_one_more_than_the_limit_waits_until_one_is_done() -> None:
    async def scenario() -> None:
        found = places(2)
        assert found.try_take()
        assert found.try_take()
        assert not found.try_take()
        waiter = asyncio.create_task(found.take(call()))
        await settle()
        assert (found.in_use, found.waiting, waiter.done()) == (2, 1, False)
        found.free()
        await waiter
        assert (found.in_use, found.waiting) == (2, 0)

    run_virtual(scenario())


def test_nobody_overtakes_who_waits() -> None:
    async def scenario() -> None:
        found = places(1)
        assert found.try_take()
        waiter = asyncio.create_task(found.take(call()))
        await settle()
        found.free()
        assert not found.try_take()
        await waiter

    run_virtual(scenario())


def test_who_cannot_make_the_deadline_is_refused_at_once() -> None:
    async def scenario() -> None:
        found = places(1)
        assert found.try_take()
        found.served(10)
        with pytest.raises(QueueFull) as caught:
            await found.take(call(timeout_s=9))
        assert caught.value.retry_after_s == 10
        assert asyncio.get_running_loop().time() == 0
        assert found.waiting == 0
        waiter = asyncio.create_task(found.take(call(timeout_s=11)))
        await settle()
        with pytest.raises(QueueFull, match=r"20\.0 s"):
            await found.take(call(timeout_s=15))
        found.free()
        await waiter

    run_virtual(scenario())


def test_the_deadline_ends_a_wait() -> None:
    async def scenario() -> None:
        found = places(1)
        assert found.try_take()
        with pytest.raises(DeadlineExceeded):
            await found.take(call(timeout_s=5))
        assert asyncio.get_running_loop().time() == 5
        assert (found.in_use, found.waiting) == (1, 0)

    run_virtual(scenario())


@pytest.mark.parametrize("queue", [0, 3])
def test_a_full_queue_refuses(queue: int) -> None:
    async def scenario() -> None:
        found = places(1, queue=queue)
        assert found.try_take()
        waiters = [asyncio.create_task(found.take(call())) for _ in range(queue)]
        await settle()
        with pytest.raises(QueueFull) as caught:
            await found.take(call())
        assert caught.value.retry_after_s is not None
        assert caught.value.retryable
        for waiter in waiters:
            found.free()
            await waiter

    run_virtual(scenario())


def test_a_tenant_with_a_thousand_waiting_does_not_starve_another() -> None:
    async def scenario() -> None:
        found = places(1, queue=1000)
        order = list[str]()

        async def ask(tenant: str) -> None:
            await found.take(call(tenant))
            order.append(tenant)
            try:
                await asyncio.sleep(1)
            finally:
                found.free()

        assert found.try_take()
        crowd = [asyncio.create_task(ask("crowd")) for _ in range(1000)]
        await settle()
        small = [asyncio.create_task(ask("small")) for _ in range(3)]
        await settle()
        found.free()
        await asyncio.gather(*small)
        assert Counter(order)["crowd"] <= 4
        refused = [each for each in crowd if each.done() and isinstance(each.exception(), QueueFull)]
        assert len(refused) == 3  # a full queue makes room by its crowd's latest
        for each in crowd:
            each.cancel()
        await asyncio.gather(*crowd, return_exceptions=True)
        assert (found.in_use, found.waiting) == (0, 0)

    run_virtual(scenario())


def test_a_wider_limit_lets_in_who_waits() -> None:
    async def scenario() -> None:
        found = Places("up", PlacesPolicy(max_concurrent=20, adaptive=True))
        for _ in range(10):
            assert found.try_take()
        waiters = [asyncio.create_task(found.take(call())) for _ in range(5)]
        await settle()
        for _ in range(11):
            found.limit.succeeded(found.in_use)
        found.free()
        await settle()
        assert (found.in_use, found.waiting) == (11, 3)
        for waiter in waiters:
            waiter.cancel()
        await asyncio.gather(*waiters, return_exceptions=True)

    run_virtual(scenario())


@given(st.integers(0, 2**32), st.integers(1, 4), st.integers(0, 8))
def test_places_are_never_lost_nor_too_many_whoever_is_cancelled_when(seed: int, limit: int, queue: int) -> None:
    rng = random.Random(seed)

    async def scenario() -> None:
        found = places(limit, queue=queue)

        async def ask(tenant: str, timeout_s: float | None) -> None:
            await found.take(call(tenant, timeout_s))
            try:
                assert found.in_use <= limit
                await asyncio.sleep(rng.choice([0, 1, 2, 3]))
                found.served(1)
            finally:
                found.free()

        tasks = list[asyncio.Task[None]]()
        for _ in range(40):
            match rng.randrange(4):
                case 0 | 1:
                    tasks.append(asyncio.create_task(ask(rng.choice("abc"), rng.choice([None, 1, 5]))))
                case 2 if tasks:
                    rng.choice(tasks).cancel()
                case _:
                    await asyncio.sleep(rng.choice([0, 0, 1]))
            assert 0 <= found.in_use <= limit
            assert found.waiting <= queue + 1
        await asyncio.gather(*tasks, return_exceptions=True)
        assert (found.in_use, found.waiting) == (0, 0)
        errors = [task.exception() for task in tasks if not task.cancelled()]
        assert all(error is None or isinstance(error, QueueFull | DeadlineExceeded) for error in errors)

    run_virtual(scenario())
