"""The expected calibration error: how far a score is from being the chance that the answer is right."""

import numpy as np
from numpy.typing import NDArray

from quorate.analytics.intervals import Resamples
from quorate.analytics.report import Rate

ECE_BINS = 10


def calibration_error(scores: NDArray[np.float64], right: NDArray[np.bool_], resamples: Resamples) -> Rate:
    """Return the ECE of `scores` as chances of `right`, both of shape (rows, panels), rows being those of `resamples`.

    Ten bins of about equal numbers of panels (equal mass), equal scores always in one bin: the mean distance between a
    bin's mean score and its share of right answers, weighted by its panels (Naeini et al. 2015 with the bins of Nguyen
    and O'Connor 2015). 0: calibrated; 1: always sure and always wrong. The bootstrap overestimates an error near 0, so
    the interval is widened to hold the value where it does not.
    """
    bins = equal_mass_bins(scores)
    rate = resamples.of_levels(bins.astype(np.float64), [np.ones_like(right), scores, right], _error)
    low, high = min(rate.low, rate.value), max(rate.high, rate.value)
    return Rate(value=rate.value, low=low, high=high, count=rate.count)


def equal_mass_bins(scores: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the bin of each score, 0 to 9: about as many scores in each, equal scores together."""
    levels, at, counts = np.unique(scores, return_inverse=True, return_counts=True)
    middle = (np.cumsum(counts) - counts / 2) / scores.size
    bin_of_level = np.minimum((middle * ECE_BINS).astype(np.intp), ECE_BINS - 1)
    bins: NDArray[np.intp] = bin_of_level[at].reshape(scores.shape) if len(levels) else at
    return bins


def _error(columns: NDArray[np.float64]) -> NDArray[np.float64]:
    panels, scores, right = columns
    error: NDArray[np.float64] = np.abs(scores - right).sum(axis=1) / panels.sum(axis=1)
    return error
