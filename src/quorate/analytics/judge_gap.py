"""Means over tasks with bootstrap intervals: of rates, and of differences of rates."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from quorate.analytics.intervals import Resamples
from quorate.analytics.judge_report import Gap
from quorate.analytics.report import Rate


def floats(values: Sequence[float]) -> NDArray[np.float64]:
    """Return one value per task, shape (tasks,)."""
    return np.array(values, dtype=np.float64)


def mean_rate(resamples: Resamples, values: Sequence[float]) -> Rate:
    """Return the mean of one rate per task, with its interval."""
    return resamples.mean(floats(values))


def mean_gap(resamples: Resamples, values: Sequence[float]) -> Gap:
    """Return the mean of one difference per task, with its interval."""
    found = resamples.mean(floats(values))
    return Gap(value=found.value, low=found.low, high=found.high, count=found.count)
