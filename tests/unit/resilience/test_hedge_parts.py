"""What hedging decides by: quantiles of the latest times, and a budget that is a share of the traffic."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.resilience.hedge_budget import HedgeBudget
from quorate.resilience.latency_window import LatencyWindow

SHARES = st.floats(0.001, 1)


@given(SHARES, st.floats(0, 50), st.lists(st.booleans(), max_size=400))
def test_hedges_never_exceed_their_share_of_the_requests(share: float, burst: float, wanted: list[bool]) -> None:
    """At no time: it begins empty, and a general slow-down (everybody wants one) changes nothing."""
    budget = HedgeBudget(share, burst=burst)
    hedges = 0
    for requests, wants in enumerate(wanted, 1):
        budget.earn()
        hedges += wants and budget.take()
        assert hedges <= share * requests + 1e-9


@given(SHARES, st.floats(1, 50), st.integers(0, 5000))
def test_after_any_quiet_time_no_more_start_at_once_than_the_burst(share: float, burst: float, quiet: int) -> None:
    budget = HedgeBudget(share, burst=burst)
    for _ in range(quiet):
        budget.earn()
    assert sum(budget.take() for _ in range(200)) <= min(burst, share * quiet + 1e-9)


def test_one_hedge_can_always_be_saved_up() -> None:
    budget = HedgeBudget(0.3, burst=0)
    for _ in range(100):
        budget.earn()
    assert (budget.take(), budget.take()) == (True, False)


@given(st.lists(st.floats(0, 1000), min_size=1, max_size=300), st.integers(1, 60), SHARES)
def test_the_quantile_is_that_of_the_latest_times(times: list[float], size: int, share: float) -> None:
    window = LatencyWindow(size)
    for time_s in times:
        window.add(time_s)
    latest = times[-size:]
    quantile = window.quantile(share)
    assert len(window) == len(latest)
    assert quantile in latest
    assert sum(time_s <= quantile for time_s in latest) >= math.ceil(share * len(latest))
    assert sum(time_s < quantile for time_s in latest) < math.ceil(share * len(latest))


@pytest.mark.parametrize(("share", "expected"), [(0.5, 5), (0.95, 10), (1, 10), (0.05, 1)])
def test_quantiles_of_ten(share: float, expected: float) -> None:
    window = LatencyWindow()
    for number in range(10, 0, -1):
        window.add(number)
    assert window.quantile(share) == expected
