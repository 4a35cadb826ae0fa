"""Ids sort by time, are unique and cannot be guessed."""

import re

from hypothesis import given
from hypothesis import strategies as st

from quorate.core.clock import ManualClock
from quorate.core.ids import new_id


def test_form() -> None:
    assert re.fullmatch(r"run_[0-9a-hjkmnp-tv-z]{26}", new_id("run", ManualClock()))


@given(st.lists(st.integers(1, 10**6), min_size=1, max_size=30))
def test_later_ids_sort_after_earlier_ones(steps_ms: list[int]) -> None:
    clock, made = ManualClock(), list[str]()
    for step_ms in steps_ms:
        clock.advance(step_ms / 1000)
        made.append(new_id("x", clock))
        clock.advance(0.001)
    assert made == sorted(made)


def test_unique_within_a_millisecond() -> None:
    clock = ManualClock()
    assert len({new_id("x", clock) for _ in range(2000)}) == 2000
