"""Windows and what is told about them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.access.bound import WINDOW_S, Bounds, Standing, Unit, Window, bounds_of
from quorate.access.limit_headers import duration, limit_headers
from quorate.access.local_counts import LocalCounts
from quorate.access.local_windows import LocalWindows
from quorate.access.refusal import LimitReached
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


def requests(amount: int) -> Bounds:
    return bounds_of("key", "key/k", Allowance(requests_per_minute=amount))


@given(amount=st.integers(1, 20), pauses=st.lists(st.floats(0, 40, allow_nan=False), min_size=1, max_size=60))
def test_no_calendar_minute_ever_holds_more_than_the_limit(amount: int, pauses: list[float]) -> None:
    clock = ManualClock()
    counted, windows = LocalWindows(clock), requests(amount).windows
    passed: dict[int, int] = {}
    for pause_s in pauses:
        if not isinstance(counted.take(windows, 1), Window):
            minute = int(clock.monotonic() // 60)
            passed[minute] = passed.get(minute, 0) + 1
        clock.advance(pause_s)
    assert all(count <= amount for count in passed.values())


def test_around_the_end_of_a_minute_there_is_no_second_helping() -> None:
    clock = ManualClock()
    counted, windows = LocalWindows(clock), requests(10).windows

    def let_through() -> int:
        return sum(not isinstance(counted.take(windows, 1), Window) for _ in range(20))

    clock.advance(59)
    assert let_through() == 10
    clock.advance(2)  # a fixed window would begin again here, and let ten more through
    assert let_through() == 1
    clock.advance(120)
    assert let_through() == 10


def test_what_is_given_back_goes_to_its_own_minute() -> None:
    clock = ManualClock()
    counted, windows = LocalWindows(clock), bounds_of("key", "key/k", Allowance(tokens_per_minute=100)).windows
    (name,) = (window.name for window in windows)

    def holds() -> tuple[int, int]:
        (count,) = counted.counts(windows)
        return count.previous, count.current

    counted.take(windows, 8)
    first = counted.latest_minute
    clock.advance(60)
    counted.take(windows, 2)
    counted.adjust(name, -5, first)
    assert holds() == (3, 2)
    counted.adjust(name, -9, counted.latest_minute)
    assert holds() == (3, 0)
    counted.adjust(name, 4, first)
    assert holds() == (3, 4)
    counted.adjust(name, -4, first - 1)
    counted.adjust("unknown", -4, counted.latest_minute)
    assert holds() == (3, 4)
    clock.advance(180)
    assert holds() == (0, 0)


def test_what_one_window_has_no_room_for_is_charged_to_none() -> None:
    counted = LocalWindows(ManualClock())
    wide = bounds_of("key", "key/k", Allowance(requests_per_minute=100, tokens_per_minute=50)).windows
    tight = bounds_of("tenant", "tenant/t", Allowance(requests_per_minute=1)).windows
    left = counted.take((*wide, *tight), 10)
    assert left == [Standing(left=each, reset_s=120) for each in (99, 40, 0)]
    assert counted.take((*wide, *tight), 10) is tight[0]
    assert [count.current for count in counted.counts((*wide, *tight))] == [1, 10, 1]


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
    assert limit_headers((), ()) == ()
    assert {window.unit for window in wide.windows} == set(Unit)
