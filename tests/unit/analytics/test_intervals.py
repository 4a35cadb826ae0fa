import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.analytics.intervals import Resamples
from quorate.analytics.wilson import wilson


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


def test_panels_and_repeats_of_one_prompt_are_drawn_together() -> None:
    """Twenty rows of each prompt say the same: they are 50 observations and not 1,000."""
    rng = np.random.default_rng(2)
    of_prompt = (rng.random(50) < 0.5).astype(np.float64)
    values, prompts = np.repeat(of_prompt, 20), [str(number) for number in range(50) for _ in range(20)]
    clustered, naive = Resamples(prompts, 0).mean(values), Resamples(1_000, 0).mean(values)
    once = Resamples(50, 0).mean(of_prompt)
    assert clustered.value == naive.value == once.value
    assert clustered.count == 50
    assert clustered.high - clustered.low == pytest.approx(once.high - once.low, rel=0.02)
    assert clustered.high - clustered.low > 3.5 * (naive.high - naive.low)  # sqrt(20) = 4.5


def test_the_clustered_interval_covers_and_the_naive_one_does_not() -> None:
    rng = np.random.default_rng(8)
    covered = {"clustered": 0, "naive": 0}
    for seed in range(60):
        chance = rng.beta(0.5, 0.5, 40)  # prompts differ much, so panels of one prompt are alike
        right = (rng.random((40, 12)) < chance[:, None]).astype(np.float64)
        prompts = np.repeat(np.arange(40), 12).tolist()
        for name, resamples in (("clustered", Resamples(prompts, seed)), ("naive", Resamples(480, seed))):
            rate = resamples.mean(right.ravel())
            covered[name] += rate.low <= 0.5 <= rate.high
    assert covered["clustered"] >= 51  # 95 % of 60 are 57
    assert covered["naive"] <= 42


def test_areas_of_repeated_rows_are_as_wide_as_those_of_one_row_with_all_panels() -> None:
    rng = np.random.default_rng(3)
    scores = rng.choice([0.2, 0.6, 1.0], size=(60, 4))
    right = rng.random((60, 4)) < scores
    whole = Resamples(60, 1).auc(scores, right)
    rows = Resamples(np.repeat(np.arange(60), 4).tolist(), 1).auc(scores.reshape(-1, 1), right.reshape(-1, 1))
    assert whole == rows


def test_a_table_of_scores_and_a_list_of_panels_give_the_same_area() -> None:
    rng = np.random.default_rng(6)
    few = rng.integers(0, 60, (80, 3)) / 60
    right = rng.random((80, 3)) < few
    padding = np.linspace(2, 3, 30).reshape(10, 3)  # more scores than a table holds, all of them right
    many, more = np.vstack([few, padding]), np.vstack([right, np.ones((10, 3), dtype=np.bool_)])
    listed = Resamples(90, 0).auc(many, more)
    tabled = Resamples(90, 0).auc(np.minimum(many, 2.0), more)
    assert listed is not None
    assert tabled is not None
    assert (listed.value, listed.low, listed.high) == pytest.approx((tabled.value, tabled.low, tabled.high))
