"""Clocks and deadlines."""

from datetime import UTC, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.core.clock import Deadline, ManualClock, SystemClock
from quorate.core.errors import DeadlineExceeded

seconds = st.floats(0, 1e6)


def test_the_system_clock_is_aware_and_monotonic() -> None:
    clock = SystemClock()
    assert clock.now().tzinfo is UTC
    assert clock.monotonic() <= clock.monotonic()
    before_s, now, after_s = clock.unix_s(), clock.now(), clock.unix_s()
    assert before_s - 1e-5 <= now.timestamp() <= after_s + 1e-5


def test_the_manual_clock_moves_when_told() -> None:
    clock = ManualClock()
    began = clock.now()
    clock.advance(1.5)
    assert (clock.now() - began, clock.monotonic()) == (timedelta(seconds=1.5), 1.5)
    assert clock.unix_s() == began.timestamp() + 1.5
    with pytest.raises(ValueError, match="go back"):
        clock.advance(-1)


def test_no_limit_never_passes() -> None:
    deadline = Deadline.after(ManualClock(), None)
    assert deadline.remaining_s() is None
    deadline.require("anything")


@given(seconds, seconds)
def test_what_is_left_is_never_negative(limit_s: float, passed_s: float) -> None:
    clock = ManualClock()
    deadline = Deadline.after(clock, limit_s)
    clock.advance(passed_s)
    assert deadline.remaining_s() == max(0.0, limit_s - passed_s)


@given(st.none() | seconds, st.none() | seconds)
def test_a_cap_is_the_smaller_of_both(limit_s: float | None, cap_s: float | None) -> None:
    remaining_s = Deadline.after(ManualClock(), limit_s).capped(cap_s).remaining_s()
    given_s = [each for each in (limit_s, cap_s) if each is not None]
    assert remaining_s == (min(given_s) if given_s else None)


def test_require_names_what_came_too_late() -> None:
    clock = ManualClock()
    deadline = Deadline.after(clock, 1)
    deadline.require("the first request")
    clock.advance(1)
    with pytest.raises(DeadlineExceeded, match="before the first request; allow more"):
        deadline.require("the first request")
