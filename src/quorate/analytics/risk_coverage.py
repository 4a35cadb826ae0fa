"""The risk-coverage curve: how often answers are wrong when only those with a high score are given."""

import math

import numpy as np
from numpy.typing import NDArray

from quorate.analytics.intervals import Resamples
from quorate.analytics.report import CoveragePoint, Rate, RiskCoverage

_MOST_POINTS = 20


def risk_coverage(scores: NDArray[np.float64], right: NDArray[np.bool_], resamples: Resamples) -> RiskCoverage:
    """Return the curve of `scores` against `right`, both of shape (rows, panels), rows being those of `resamples`.

    The area is that of Geifman and El-Yaniv (2017), over all coverages; where scores are equal, any order of them is
    as likely, so the area does not depend on the order of ties. The curve has 20 points at most. Cost: 1,000 resamples
    of all panels.
    """
    error = 1.0 - float(right.mean())
    return RiskCoverage(
        aurc=resamples.of_levels(scores, [np.ones_like(right), ~right], _area),
        least=least_area(error),
        error=error,
        points=tuple(_point(scores, right, threshold, resamples) for threshold in _thresholds(scores)),
    )


def least_area(error: float) -> float:
    """Return the area that no score can go below when the share `error` of the answers is wrong."""
    return error + (1.0 - error) * math.log1p(-error) if error < 1.0 else 1.0


def _area(columns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the area for sums per ascending score: columns[0] are all panels, columns[1] the wrong ones.

    From N answers with E errors on, a score with n answers and rate r of errors adds the integral of
    (E + r t) / (N + t) for t from 0 to n, that is r n + (E - r N) ln((N + n) / N).
    """
    panels, wrong = columns[0][:, ::-1], columns[1][:, ::-1]
    before = np.cumsum(panels, axis=1) - panels
    errors = np.cumsum(wrong, axis=1) - wrong
    rate = np.divide(wrong, panels, out=np.zeros_like(wrong), where=panels > 0)
    grown = np.divide(panels, before, out=np.zeros_like(panels), where=before > 0)
    added = wrong + (errors - rate * before) * np.log1p(grown)
    area: NDArray[np.float64] = np.maximum(added.sum(axis=1) / panels.sum(axis=1), 0.0)
    return area


def _thresholds(scores: NDArray[np.float64]) -> list[float]:
    """Return the scores, highest first; if there are many, those at about equal steps of coverage."""
    levels = np.unique(scores)[::-1]
    if len(levels) > _MOST_POINTS:
        steps = np.arange(1, _MOST_POINTS + 1) / _MOST_POINTS
        ordered = np.sort(scores, axis=None)[::-1]
        levels = np.unique(ordered[np.ceil(steps * ordered.size).astype(np.intp) - 1])[::-1]
    return [float(level) for level in levels]


def _point(
    scores: NDArray[np.float64], right: NDArray[np.bool_], threshold: float, resamples: Resamples
) -> CoveragePoint:
    answered = scores >= threshold
    error = resamples.ratio((answered & ~right).sum(axis=1).astype(np.float64), answered.sum(axis=1).astype(np.float64))
    return CoveragePoint(
        threshold=threshold,
        coverage=float(answered.mean()),
        error=error or Rate(value=0.0, low=0.0, high=1.0, count=0),
    )
