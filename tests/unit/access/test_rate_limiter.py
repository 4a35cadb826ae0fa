"""Limits of keys, tenants and models, counted in this process and in Redis alike."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest

from quorate.access.admission import UNLIMITED, Admission
from quorate.access.permission import Scope
from quorate.access.principal import Principal
from quorate.access.rate_limiter import RateLimiter
from quorate.access.refusal import LimitReached, LimitTooSmall
from quorate.core.clock import SystemClock
from quorate.core.errors import NotFound
from quorate.core.ids import KeyId, TenantId
from quorate.model.allowance import Allowance

Make = Callable[..., RateLimiter]


def principal(
    key: str = "key_1", tenant: str = "acme", *, own: Allowance | None = None, tenants: Allowance | None = None
) -> Principal:
    return Principal(
        tenant=TenantId(tenant),
        scopes=frozenset({Scope.CHAT}),
        key_id=KeyId(key),
        allowance=own or Allowance(),
        tenant_allowance=tenants or Allowance(),
    )


ONE, TWO = principal(), principal("key_2")


@pytest.fixture(params=["memory", "redis"])
async def make(request: pytest.FixtureRequest) -> AsyncIterator[Make]:
    """Makes limiters of one kind; those of Redis are of one Redis, like those of several workers."""
    url = request.getfixturevalue("redis_url") if request.param == "redis" else None
    async with AsyncExitStack() as stack:

        def build(**limits: object) -> RateLimiter:
            limiter = RateLimiter(clock=SystemClock(), redis_url=url, **limits)  # pyright: ignore[reportArgumentType] - as the test says
            stack.push_async_callback(limiter.close)
            return limiter

        yield build


async def outcome(attempt: Awaitable[Admission]) -> Admission | LimitReached | LimitTooSmall:
    try:
        return await attempt
    except (LimitReached, LimitTooSmall) as refusal:
        return refusal


async def admitted(limiter: RateLimiter, times: int, who: Principal = ONE, model: str = "m", tokens: int = 1) -> int:
    outcomes = await asyncio.gather(*(outcome(limiter.admit(who, model, tokens)) for _ in range(times)))
    return sum(isinstance(each, Admission) for each in outcomes)


def told(headers: tuple[tuple[bytes, bytes], ...]) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in headers}


async def test_nothing_configured_is_no_work_and_no_header(make: Make) -> None:
    limiter = make()
    admission = await limiter.admit(ONE, "m", 100)
    assert admission is UNLIMITED
    assert admission.headers == ()
    await limiter.settle(admission, 100)


async def test_of_200_at_once_exactly_ten_pass(make: Make) -> None:
    assert await admitted(make(per_key=Allowance(requests_per_minute=10)), 200) == 10


async def test_of_200_at_once_exactly_ten_find_a_place(make: Make) -> None:
    assert await admitted(make(per_key=Allowance(concurrent_requests=10)), 200) == 10


async def test_of_200_at_once_as_many_pass_as_there_are_tokens_for(make: Make) -> None:
    assert await admitted(make(per_key=Allowance(tokens_per_minute=100)), 200, tokens=10) == 10


async def test_keys_count_apart_and_their_tenant_together(make: Make) -> None:
    limiter = make(per_key=Allowance(requests_per_minute=3), per_tenant=Allowance(requests_per_minute=5))
    assert await admitted(limiter, 9) == 3
    assert await admitted(limiter, 9, TWO) == 2
    assert await admitted(limiter, 9, principal("key_3", "other")) == 3


async def test_a_model_counts_for_everybody_and_alone(make: Make) -> None:
    limiter = make(models={"scarce": Allowance(requests_per_minute=2)})
    assert await admitted(limiter, 3, ONE, "scarce") == 2
    assert await admitted(limiter, 3, principal("key_3", "other"), "scarce") == 0
    assert await admitted(limiter, 3, ONE, "plenty") == 3


async def test_own_allowances_replace_the_configured_ones(make: Make) -> None:
    limiter = make(per_key=Allowance(requests_per_minute=1), per_tenant=Allowance(requests_per_minute=1))
    more = principal(own=Allowance(requests_per_minute=3), tenants=Allowance(tokens_per_minute=1_000_000))
    assert await admitted(limiter, 5, more) == 3


async def test_the_headers_say_what_is_left(make: Make) -> None:
    limiter = make(per_key=Allowance(requests_per_minute=10, tokens_per_minute=1000))
    await limiter.admit(ONE, "m", 100)
    headers = told((await limiter.admit(ONE, "m", 100)).headers)
    assert headers["x-ratelimit-limit-requests"] == "10"
    assert headers["x-ratelimit-remaining-requests"] == "8"
    assert headers["x-ratelimit-limit-tokens"] == "1000"
    assert headers["x-ratelimit-remaining-tokens"] == "800"
    assert headers["x-ratelimit-reset-requests"].startswith(("1m", "2m0s"))


async def test_a_refusal_says_when_and_what_is_left(make: Make) -> None:
    limiter = make(per_key=Allowance(requests_per_minute=1, tokens_per_minute=1000))
    await limiter.admit(ONE, "m", 10)
    with pytest.raises(LimitReached, match="1 requests per minute are the limit of this key; try again in") as caught:
        await limiter.admit(ONE, "m", 10)
    assert caught.value.retry_after_s is not None
    assert 0 < caught.value.retry_after_s <= 120
    headers = told(limiter.headers_for(caught.value))
    assert headers["x-ratelimit-remaining-requests"] == "0"
    assert headers["x-ratelimit-remaining-tokens"] == "990"
    assert limiter.headers_for(NotFound("no")) == ()


async def test_a_refused_request_takes_nothing_anywhere(make: Make) -> None:
    limiter = make(
        per_key=Allowance(requests_per_minute=10, concurrent_requests=5),
        per_tenant=Allowance(tokens_per_minute=100, concurrent_requests=5),
    )
    await limiter.admit(ONE, "m", 95)
    for _ in range(20):
        with pytest.raises(LimitReached, match="tokens per minute are the limit of this tenant"):
            await limiter.admit(ONE, "m", 50)
    assert await admitted(limiter, 4) == 4


async def test_more_tokens_than_a_minute_has_are_not_worth_a_retry(make: Make) -> None:
    limiter = make(per_key=Allowance(tokens_per_minute=100))
    with pytest.raises(LimitTooSmall, match="may take 101; ask for fewer") as caught:
        await limiter.admit(ONE, "m", 101)
    assert (caught.value.http_status, caught.value.retryable) == (429, False)
    assert told(caught.value.headers)["x-ratelimit-remaining-tokens"] == "100"


async def remaining(limiter: RateLimiter) -> int:
    """What is left before this look, which takes one token."""
    return int(told((await limiter.admit(ONE, "m", 1)).headers)["x-ratelimit-remaining-tokens"]) + 1


async def test_settling_gives_back_what_was_not_used(make: Make) -> None:
    limiter = make(per_key=Allowance(tokens_per_minute=1000))
    admission = await limiter.admit(ONE, "m", 900)
    await limiter.settle(admission, 100)
    assert await remaining(limiter) == 900


async def test_settling_charges_what_was_used_beyond(make: Make) -> None:
    limiter = make(per_key=Allowance(tokens_per_minute=1000))
    admission = await limiter.admit(ONE, "m", 100)
    await limiter.settle(admission, 950)
    assert await remaining(limiter) == 50
    with pytest.raises(LimitReached):
        await limiter.admit(ONE, "m", 100)


async def test_settling_twice_changes_nothing(make: Make) -> None:
    limiter = make(per_key=Allowance(tokens_per_minute=1000, concurrent_requests=2))
    first, _ = await limiter.admit(ONE, "m", 100), await limiter.admit(ONE, "m", 100)
    await limiter.settle(first, 50)
    await limiter.settle(first, 50)
    assert await admitted(limiter, 5) == 1


async def test_a_place_is_free_again_when_its_request_is_settled(make: Make) -> None:
    limiter = make(per_tenant=Allowance(concurrent_requests=2))
    first = await limiter.admit(ONE, "m", 1)
    await limiter.admit(TWO, "m", 1)
    with pytest.raises(LimitReached, match="2 requests at once are the limit of this tenant"):
        await limiter.admit(ONE, "m", 1)
    await limiter.settle(first, 1)
    await limiter.admit(ONE, "m", 1)


async def test_a_cancelled_request_gives_its_place_back(make: Make) -> None:
    limiter = make(per_key=Allowance(concurrent_requests=1, tokens_per_minute=1000))

    async def request() -> None:
        admission = await limiter.admit(ONE, "m", 500)
        inside.set()
        try:
            await asyncio.sleep(60)
        finally:
            await limiter.settle(admission, 0)

    inside = asyncio.Event()
    task = asyncio.create_task(request())
    await inside.wait()
    assert await admitted(limiter, 3) == 0
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await admitted(limiter, 3) == 1


async def test_redis_counts_for_all_workers(redis_url: str) -> None:
    limits = Allowance(requests_per_minute=10)
    first = RateLimiter(clock=SystemClock(), per_key=limits, redis_url=redis_url)
    second = RateLimiter(clock=SystemClock(), per_key=limits, redis_url=redis_url)
    try:
        passed = await asyncio.gather(admitted(first, 100), admitted(second, 100))
        assert sum(passed) == 10
        assert first.degraded == second.degraded == 0
    finally:
        await first.close()
        await second.close()


async def test_a_crowd_waits_for_redis_and_does_not_take_it_for_absent(redis_url: str) -> None:
    limiter = RateLimiter(clock=SystemClock(), per_key=Allowance(requests_per_minute=10), redis_url=redis_url)
    try:
        assert await admitted(limiter, 1000) == 10  # more than its connections answer in the time one answer may take
        assert limiter.degraded == 0
    finally:
        await limiter.close()
