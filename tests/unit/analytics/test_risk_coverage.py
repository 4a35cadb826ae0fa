"""The area under the risk-coverage curve and the calibration error: bounds, perfect and useless scores, ties."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from quorate.analytics.calibration_error import ECE_BINS, calibration_error, equal_mass_bins
from quorate.analytics.intervals import Resamples
from quorate.analytics.risk_coverage import least_area, risk_coverage

ROWS = st.lists(st.tuples(st.sampled_from([0.0, 0.2, 0.4, 0.6, 0.8, 1.0]), st.booleans()), min_size=1, max_size=40)


def columns(rows: list[tuple[float, bool]]) -> tuple[NDArray[np.float64], NDArray[np.bool_], Resamples]:
    scores = np.array([[score] for score, _ in rows])
    return scores, np.array([[right] for _, right in rows]), Resamples(len(rows), 0)


def random_order_area(rows: list[tuple[float, bool]], seed: int, draws: int = 400) -> float:
    """The mean error of the first k answers over all k, ties in random order."""
    rng = np.random.default_rng(seed)
    areas: list[float] = []
    for _ in range(draws):
        order = sorted(rows, key=lambda row: (-row[0], rng.random()))
        wrong = np.cumsum([not right for _, right in order])
        areas.append(float(np.mean(wrong / np.arange(1, len(order) + 1))))
    return float(np.mean(areas))


@given(ROWS)
def test_the_area_lies_between_the_least_possible_and_one(rows: list[tuple[float, bool]]) -> None:
    curve = risk_coverage(*columns(rows))
    assert curve.least - 1e-9 <= curve.aurc.value <= 1.0 + 1e-9
    assert 0.0 <= curve.aurc.low <= curve.aurc.high <= 1.0 + 1e-9


@given(st.lists(st.booleans(), min_size=1, max_size=40))
def test_a_score_that_says_nothing_has_the_mean_error_as_its_area(rights: list[bool]) -> None:
    curve = risk_coverage(*columns([(0.5, right) for right in rights]))
    assert curve.aurc.value == pytest.approx(1 - sum(rights) / len(rights))
    assert [point.coverage for point in curve.points] == [1.0]


@given(st.lists(st.booleans(), min_size=1, max_size=40))
def test_a_perfect_score_reaches_the_least_area(rights: list[bool]) -> None:
    curve = risk_coverage(*columns([(float(right), right) for right in rights]))
    assert curve.aurc.value == pytest.approx(curve.least, abs=1e-9)
    assert curve.least == pytest.approx(least_area(curve.error))


@pytest.mark.parametrize("error", [0.0, 0.25, 1.0])
def test_the_least_area_of_known_errors(error: float) -> None:
    assert least_area(error) == pytest.approx({0.0: 0.0, 0.25: 0.25 + 0.75 * np.log(0.75), 1.0: 1.0}[error])


def test_the_area_is_the_mean_over_coverages_whatever_the_order_of_ties() -> None:
    rng = np.random.default_rng(4)
    rows = [(score, bool(rng.random() < score)) for score in rng.choice([0.2, 0.5, 0.9], size=600)]
    value = risk_coverage(*columns(rows)).aurc.value
    assert value == pytest.approx(random_order_area(rows, 1), abs=0.004)
    assert risk_coverage(*columns(rows[::-1])).aurc.value == pytest.approx(value)


def test_many_scores_give_the_same_area_as_few_and_a_short_curve() -> None:
    rng = np.random.default_rng(5)
    scores = rng.random((200, 3))
    right = rng.random((200, 3)) < scores
    curve = risk_coverage(scores, right, Resamples(200, 0))
    rounded = risk_coverage(np.round(scores, 2), right, Resamples(200, 0))
    assert curve.aurc.value == pytest.approx(rounded.aurc.value, abs=0.01)
    assert curve.aurc.low == pytest.approx(rounded.aurc.low, abs=0.02)
    assert len(curve.points) == 20
    assert [point.coverage for point in curve.points] == sorted(point.coverage for point in curve.points)
    assert curve.points[-1].coverage == 1.0
    assert curve.points[-1].error.value == pytest.approx(curve.error)


@given(ROWS)
def test_the_calibration_error_lies_in_zero_to_one_within_its_interval(rows: list[tuple[float, bool]]) -> None:
    rate = calibration_error(*columns(rows))
    assert 0.0 <= rate.low <= rate.value <= rate.high <= 1.0


@given(st.lists(st.booleans(), min_size=1, max_size=40))
def test_sure_and_right_has_no_calibration_error_and_sure_and_wrong_all_of_it(rights: list[bool]) -> None:
    assert calibration_error(*columns([(float(right), right) for right in rights])).value == pytest.approx(0.0)
    assert calibration_error(*columns([(float(not right), right) for right in rights])).value == pytest.approx(1.0)


@given(st.sampled_from([0.0, 0.3, 1.0]), st.lists(st.booleans(), min_size=1, max_size=40))
def test_a_constant_score_is_wrong_by_its_distance_from_the_mean(score: float, rights: list[bool]) -> None:
    rate = calibration_error(*columns([(score, right) for right in rights]))
    assert rate.value == pytest.approx(abs(score - sum(rights) / len(rights)))


@given(st.lists(st.floats(0, 1), min_size=1, max_size=200))
def test_bins_rise_with_the_score_and_never_split_equal_ones(scores: list[float]) -> None:
    array = np.array([scores])
    bins = equal_mass_bins(array)[0]
    assert set(bins) <= set(range(ECE_BINS))
    for one, at in zip(scores, bins, strict=True):
        assert all((one < other) <= (at <= there) for other, there in zip(scores, bins, strict=True))
        assert all(at == there for other, there in zip(scores, bins, strict=True) if one == other)


def test_bins_of_different_scores_hold_equally_many() -> None:
    bins = equal_mass_bins(np.linspace(0, 1, 500).reshape(100, 5))
    assert np.bincount(bins.ravel()).tolist() == [50] * ECE_BINS
