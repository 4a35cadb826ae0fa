from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from flow_runs import NOW, outcome
from quorate.core.clock import ManualClock
from quorate.core.ids import TenantId
from quorate.flows.journals.postgres import PostgresJournal
from quorate.flows.journals.sqlite import SqliteJournal
from quorate.flows.step_cache import MemoryStepCache, StepCache, cache_key

SMALL = 5


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture(params=["memory", "sqlite", "postgres"])
async def cache(request: pytest.FixtureRequest, tmp_path: Path, clock: ManualClock) -> AsyncIterator[StepCache]:
    if request.param == "memory":
        yield MemoryStepCache(clock, max_entries=SMALL)
        return
    if request.param == "sqlite":
        journal = SqliteJournal(tmp_path / "flows.db", clock=clock)
    else:
        journal = PostgresJournal(request.getfixturevalue("postgres_url"), clock=clock)
    yield journal.step_cache(max_entries=SMALL)
    await journal.close()


async def test_what_was_put_is_there_until_its_time(cache: StepCache, clock: ManualClock) -> None:
    await cache.put("short", outcome("a", {"text": "Grüße \x00"}), 60)
    await cache.put("long", outcome("b", "x" * 100_000))
    assert await cache.get("short") == outcome("a", {"text": "Grüße \x00"})
    assert await cache.get("other") is None
    clock.advance(59.9)
    assert await cache.get("short") is not None
    clock.advance(0.1)
    assert await cache.get("short") is None
    clock.advance(1e6)
    assert await cache.get("long") == outcome("b", "x" * 100_000)


async def test_a_later_one_replaces_it(cache: StepCache, clock: ManualClock) -> None:
    await cache.put("key", outcome("a", 1), 10)
    await cache.put("key", outcome("a", 2))
    clock.advance(20)
    assert await cache.get("key") == outcome("a", 2)


async def test_it_does_not_grow_without_end(cache: StepCache, clock: ManualClock) -> None:
    for number in range(101):  # a database is tidied with every hundredth
        clock.advance(1)
        await cache.put(f"k{number}", outcome("a", number))
    found = [number for number in range(101) if await cache.get(f"k{number}") is not None]
    assert found == list(range(96, 101))


async def test_bytes_are_bounded_and_the_least_used_goes_first(clock: ManualClock) -> None:
    cache = MemoryStepCache(clock, max_bytes=1000)
    await cache.put("a", outcome("a", "x" * 300))
    await cache.put("b", outcome("b", "x" * 300))
    await cache.get("a")
    await cache.put("c", outcome("c", "x" * 300))
    assert [await cache.get(key) is not None for key in "abc"] == [True, False, True]
    await cache.put("huge", outcome("d", "x" * 2000))
    assert await cache.get("huge") is None
    assert len(cache) == 2
    assert cache.size_bytes <= 1000


def test_keys_tell_tenants_executors_and_configs_apart() -> None:
    config = {"model": "m", "prompt": "p"}
    key = cache_key(TenantId("t1"), "llm", config)
    assert key == cache_key(TenantId("t1"), "llm", dict(reversed(config.items())))
    others = [
        cache_key(TenantId("t2"), "llm", config),
        cache_key(TenantId("t1"), "http", config),
        cache_key(TenantId("t1"), "llm", config | {"prompt": "q"}),
        cache_key(TenantId("t1"), "llm", "a key of the flow"),
    ]
    assert len({key, *others}) == 5
