"""Windows and what is told about them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.access.bound import WINDOW_S, Unit, bounds_of
from quorate.access.limit_headers import duration, limit_headers
from quorate.access.local_counts import LocalCounts
from quorate.access.refusal import LimitReached
from quorate.access.window_storage import WindowStorage
from quorate.core.clock import ManualClock
from quorate.model.allowance import Allowance


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, b"0ms"),
        (-1, b"0ms"),
        (0.0001, b"1ms"),
        (0.12, b"120ms"),
        (1, b"1s"),
        (1.5, b"1.500s"),
        (59.9999, b"1m0s"),
        (60, b"1m0s"),
        (61.2, b"1m2s"),
        (360, b"6m0s"),
    ],
)
def test_durations_as_openai_writes_them(seconds: float, text: bytes) -> None:
    assert duration(seconds) == text


@given(
    amount=st.integers(1, 50),
    steps=st.lists(st.tuples(st.integers(1, 20), st.floats(0, 70, allow_nan=False)), min_size=1, max_size=40),
)
def test_the_wait_is_long_enough_and_no_longer(amount: int, steps: list[tuple[int, float]]) -> None:
    clock = ManualClock()
    counts = LocalCounts(clock)
    bounds = bounds_of("key", "key/k", Allowance(tokens_per_minute=amount))
    for cost, pause_s in steps:
        asked = min(cost, amount)
        try:
            counts.take(bounds, asked)
        except LimitReached as refusal:
            wait_s = refusal.retry_after_s
            assert wait_s is not None
            assert 0 < wait_s <= 2 * WINDOW_S
            clock.advance(max(0.0, wait_s - 0.01))
            if wait_s > 0.02:
                with pytest.raises(LimitReached):
                    counts.take(bounds, asked)
            clock.advance(0.011)
            counts.take(bounds, asked)
        clock.advance(pause_s)


@given(amount=st.integers(1, 20), pauses=st.lists(st.floats(0, 40, allow_nan=False), min_size=1, max_size=60))
def test_no_calendar_minute_ever_holds_more_than_the_limit(amount: int, pauses: list[float]) -> None:
    clock = ManualClock()
    storage = WindowStorage(clock, window_s=60)
    passed: dict[int, int] = {}
    for pause_s in pauses:
        if storage.acquire_sliding_window_entry("k", amount, 60):
            minute = int(clock.monotonic() // 60)
            passed[minute] = passed.get(minute, 0) + 1
        clock.advance(pause_s)
    assert all(count <= amount for count in passed.values())


def test_around_the_end_of_a_minute_there_is_no_second_helping() -> None:
    clock = ManualClock()
    storage = WindowStorage(clock, window_s=60)
    clock.advance(59)
    assert sum(storage.acquire_sliding_window_entry("k", 10, 60) for _ in range(20)) == 10
    clock.advance(2)  # a fixed window would begin again here, and let ten more through
    assert sum(storage.acquire_sliding_window_entry("k", 10, 60) for _ in range(20)) == 1
    clock.advance(120)
    assert sum(storage.acquire_sliding_window_entry("k", 10, 60) for _ in range(20)) == 10


def test_what_is_given_back_goes_to_its_own_minute() -> None:
    clock = ManualClock()
    storage = WindowStorage(clock, window_s=60)
    first = storage.minute
    storage.incr("k", 60, 8)
    clock.advance(60)
    storage.incr("k", 60, 2)
    storage.adjust("k", -5, first)
    assert storage.get_sliding_window("k", 60) == (3, 60, 2, 120)
    storage.adjust("k", -9, storage.minute)
    assert storage.get("k") == 0
    storage.adjust("k", 4, first)
    assert storage.get("k") == 4
    storage.adjust("k", -4, first - 1)
    storage.adjust("unknown", -4, storage.minute)
    assert storage.get("k") == 4
    assert storage.get("unknown") == 0


def test_the_storage_keeps_the_library_s_promises() -> None:
    clock = ManualClock()
    storage = WindowStorage(clock, window_s=60)
    assert storage.check()
    assert storage.incr("a", 60) == 1
    assert storage.incr("b", 60, 3) == 3
    assert storage.get_expiry("a") == clock.now().timestamp() + 60
    storage.clear_sliding_window("a", 60)
    assert (storage.get("a"), storage.get("b")) == (0, 3)
    assert storage.reset() == 1
    assert storage.get("b") == 0
    storage.incr("b", 60)
    clock.advance(180)
    assert storage.get_sliding_window("b", 60)[:3] == (0, 60, 0)


def test_headers_are_those_of_the_tightest_window() -> None:
    clock = ManualClock()
    counts = LocalCounts(clock)
    wide = bounds_of("key", "key/k", Allowance(requests_per_minute=100, tokens_per_minute=50))
    tight = bounds_of("tenant", "tenant/t", Allowance(requests_per_minute=3))
    both = type(wide)(windows=(*wide.windows, *tight.windows))
    assert counts.take(both, 10).headers == (
        (b"x-ratelimit-limit-requests", b"3"),
        (b"x-ratelimit-remaining-requests", b"2"),
        (b"x-ratelimit-reset-requests", b"2m0s"),
        (b"x-ratelimit-limit-tokens", b"50"),
        (b"x-ratelimit-remaining-tokens", b"40"),
        (b"x-ratelimit-reset-tokens", b"2m0s"),
    )
    assert limit_headers([]) == ()
    assert {window.unit for window in wide.windows} == set(Unit)
