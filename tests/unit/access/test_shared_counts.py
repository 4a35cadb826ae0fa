"""What is special about Redis: places of workers that died, and Redis that is away."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from quorate.access.bound import bounds_of
from quorate.access.permission import Scope
from quorate.access.principal import Principal
from quorate.access.rate_limiter import RateLimiter
from quorate.access.refusal import LimitReached
from quorate.access.shared_counts import SharedCounts
from quorate.core.clock import ManualClock, SystemClock
from quorate.core.errors import Misconfigured
from quorate.core.ids import KeyId, TenantId
from quorate.model.allowance import Allowance

ONE_PLACE = bounds_of("key", "key/k", Allowance(concurrent_requests=1))
WHO = Principal(tenant=TenantId("acme"), scopes=frozenset({Scope.CHAT}), key_id=KeyId("key_1"))


async def test_a_worker_that_died_gives_its_places_back(redis_url: str) -> None:
    dead, alive = SharedCounts(redis_url, lease_s=0.3), SharedCounts(redis_url, lease_s=30)
    try:
        await dead.take(ONE_PLACE, 1)
        with pytest.raises(LimitReached):
            await alive.take(ONE_PLACE, 1)
        await asyncio.sleep(0.35)
        await alive.take(ONE_PLACE, 1)
    finally:
        await dead.close()
        await alive.close()


async def test_a_long_request_keeps_its_place(redis_url: str) -> None:
    worker, other = SharedCounts(redis_url, lease_s=0.3), SharedCounts(redis_url, lease_s=30)
    try:
        admission = await worker.take(ONE_PLACE, 1)
        for _ in range(3):
            await asyncio.sleep(0.15)
            await worker.renew()
        with pytest.raises(LimitReached):
            await other.take(ONE_PLACE, 1)
        await worker.settle(admission, 1)
        await worker.renew()  # what was given back is not renewed
        await other.take(ONE_PLACE, 1)
    finally:
        await worker.close()
        await other.close()


async def test_cancelled_while_it_is_admitted_keeps_no_place(redis_url: str) -> None:
    counts = SharedCounts(redis_url, lease_s=0.3)
    try:
        for pause_s in (0, 0.0002, 0.0005, 0.001, 0.002):
            task = asyncio.create_task(counts.take(ONE_PLACE, 1))
            await asyncio.sleep(pause_s)
            task.cancel()
            with suppress(asyncio.CancelledError, LimitReached):
                await counts.settle(await task, 0)
        # a command that was under way may have been obeyed after the place was given back: then the lease runs out
        await asyncio.sleep(0.35)
        await counts.take(ONE_PLACE, 1)
    finally:
        await counts.close()


@pytest.fixture
async def silent_redis() -> AsyncIterator[str]:
    """Accepts connections and never says a word."""

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while await reader.read(1000):
                pass
        writer.close()

    server = await asyncio.start_server(listen, "127.0.0.1", 0)
    async with server:
        host, port = server.sockets[0].getsockname()[:2]
        yield f"redis://{host}:{port}/0"


async def test_a_silent_redis_is_neither_a_wall_nor_a_hole(silent_redis: str, caplog: pytest.LogCaptureFixture) -> None:
    clock = ManualClock()
    limiter = RateLimiter(clock=clock, per_key=Allowance(requests_per_minute=10), redis_url=silent_redis)
    try:
        async with asyncio.timeout(5):
            passed = 0
            for _ in range(15):
                with suppress(LimitReached):
                    await limiter.settle(await limiter.admit(WHO, "m", 1), 1)
                    passed += 1
        assert passed == 10
        assert limiter.degraded == 15
        assert caplog.text.count("Redis does not answer") == 1
        clock.advance(2)
        with suppress(LimitReached):
            await limiter.admit(WHO, "m", 1)
        assert caplog.text.count("Redis does not answer") == 1
        clock.advance(60)
        await limiter.admit(WHO, "m", 1)
        assert caplog.text.count("Redis does not answer") == 2
    finally:
        await limiter.close()


async def test_while_redis_is_away_one_request_a_second_finds_out(silent_redis: str) -> None:
    clock = ManualClock()
    limiter = RateLimiter(clock=clock, per_key=Allowance(requests_per_minute=1000), redis_url=silent_redis)
    try:
        await limiter.admit(WHO, "m", 1)
        clock.advance(1)
        probe = asyncio.create_task(limiter.admit(WHO, "m", 1))
        await asyncio.sleep(0)
        async with asyncio.timeout(0.2):
            for _ in range(50):
                await limiter.admit(WHO, "m", 1)
        assert not probe.done()
        await probe
    finally:
        await limiter.close()


async def test_a_redis_that_is_back_counts_again(redis_url: str) -> None:
    clock = ManualClock()
    limiter = RateLimiter(clock=clock, per_key=Allowance(requests_per_minute=2), redis_url=redis_url)
    try:
        limiter._note_away(ConnectionError("gone"))  # pyright: ignore[reportPrivateUsage] - as if it had been away
        await limiter.admit(WHO, "m", 1)
        assert limiter.degraded == 1
        assert limiter.away
        clock.advance(1)
        for _ in range(2):
            await limiter.admit(WHO, "m", 1)
        assert limiter.degraded == 1
        assert not limiter.away
        with pytest.raises(LimitReached):
            await limiter.admit(WHO, "m", 1)
    finally:
        await limiter.close()


async def test_watching_renews_and_ends_when_it_is_cancelled(redis_url: str) -> None:
    limiter = RateLimiter(
        clock=SystemClock(), per_key=Allowance(concurrent_requests=1), redis_url=redis_url, lease_s=0.3
    )
    other = SharedCounts(redis_url, lease_s=30)
    watching = asyncio.create_task(limiter.watch())
    try:
        admission = await limiter.admit(WHO, "m", 1)
        await asyncio.sleep(0.7)
        with pytest.raises(LimitReached):
            await other.take(bounds_of("key", "key/key_1", Allowance(concurrent_requests=1)), 1)
        await limiter.settle(admission, 1)
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching
        await limiter.close()
        await other.close()


async def test_without_redis_there_is_nothing_to_watch() -> None:
    async with asyncio.timeout(1):
        await RateLimiter(clock=SystemClock()).watch()


@pytest.mark.parametrize("url", ["http://h:1", "redis://:hunter2@h:port/0", "localhost:6379"])
def test_a_url_that_is_none_of_redis_is_told_without_its_password(url: str) -> None:
    with pytest.raises(Misconfigured, match=r"redis://host:6379/0") as caught:
        RateLimiter(clock=ManualClock(), redis_url=url)
    assert "hunter2" not in str(caught.value)
    assert caught.value.where == "rate_limits.redis"
