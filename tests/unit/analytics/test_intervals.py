import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.analytics.intervals import Resamples, wilson


@pytest.mark.parametrize(
    ("successes", "count", "low", "high"),
    [(8, 10, 0.4902, 0.9433), (0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (0, 0, 0.0, 1.0)],
)
def test_wilson_as_published(successes: int, count: int, low: float, high: float) -> None:
    rate = wilson(successes, count)
    assert (rate.low, rate.high) == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))


@given(st.integers(1, 5_000).flatmap(lambda count: st.tuples(st.integers(0, count), st.just(count))))
def test_wilson_contains_the_share(case: tuple[int, int]) -> None:
    rate = wilson(*case)
    assert 0.0 <= rate.low <= rate.value <= rate.high <= 1.0


def test_the_bootstrap_of_a_mean_is_as_wide_as_theory_says() -> None:
    values = np.repeat([0.0, 1.0], 200)
    rate = Resamples(400, 3).mean(values)
    assert rate.value == 0.5
    assert rate.high - rate.low == pytest.approx(2 * 1.96 * 0.5 / 20, rel=0.1)


def test_a_ratio_without_a_bottom_is_undefined() -> None:
    assert Resamples(3, 0).ratio(np.zeros(3), np.zeros(3)) is None


def test_area_counts_wins_and_half_ties() -> None:
    scores = np.array([[0.2], [0.4], [0.4], [0.9]])
    right = np.array([[False], [False], [True], [True]])
    rate = Resamples(4, 0).auc(scores, right)
    assert rate is not None
    assert rate.value == pytest.approx(3.5 / 4)
    assert Resamples(4, 0).auc(scores, np.ones((4, 1), dtype=np.bool_)) is None


@given(st.lists(st.tuples(st.sampled_from([0.0, 0.25, 0.5, 1.0]), st.booleans()), min_size=2, max_size=30))
def test_area_equals_counting_pairs(rows: list[tuple[float, bool]]) -> None:
    scores, right = np.array([[score] for score, _ in rows]), np.array([[flag] for _, flag in rows])
    rate = Resamples(len(rows), 0).auc(scores, right)
    wins = [
        (good > bad) + 0.5 * (good == bad) for good, is_good in rows if is_good for bad, is_bad in rows if not is_bad
    ]
    assert (rate is None) == (not wins)
    if rate is not None:
        assert rate.value == pytest.approx(sum(wins) / len(wins))
        assert rate.low <= rate.high
