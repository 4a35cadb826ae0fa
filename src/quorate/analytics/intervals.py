"""95 % intervals: Wilson's for a share of independent prompts, the bootstrap over prompts for everything else."""

import math

import numpy as np
from numpy.typing import NDArray

from quorate.analytics.report import Rate

_Z95 = 1.959963984540054
_RESAMPLES = 1_000
_CHUNK = 100
_PERCENTILES = (2.5, 97.5)


def wilson(successes: float, count: int) -> Rate:
    """Return a share with Wilson's 95 % interval (Wilson 1927); no prompts give the whole of [0, 1]."""
    if not count:
        return Rate(value=0.0, low=0.0, high=1.0, count=0)
    share = successes / count
    spread = _Z95**2 / count
    centre = (share + spread / 2) / (1 + spread)
    half = _Z95 * math.sqrt(share * (1 - share) / count + spread / (4 * count)) / (1 + spread)
    return Rate(
        value=share, low=max(min(centre - half, share), 0.0), high=min(max(centre + half, share), 1.0), count=count
    )


class Resamples:
    """Bootstrap resamples of a number of prompts, drawn once and used for every figure about them.

    Prompts are drawn, not panels, because the panels of one prompt depend on each other. Memory: 2,000 bytes per
    prompt.
    """

    def __init__(self, prompts: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        share = np.full(prompts, 1 / prompts)
        draws = (rng.multinomial(prompts, share, size=_CHUNK) for _ in range(_RESAMPLES // _CHUNK))
        self._weights = [drawn.astype(np.int16) for drawn in draws]
        self._prompts = prompts

    def ratio(self, tops: NDArray[np.float64], bottoms: NDArray[np.float64]) -> Rate | None:
        """Return sum(tops) / sum(bottoms), one of each per prompt, shape (prompts,); None if the bottom is zero."""
        total = float(bottoms.sum())
        if total <= 0.0:
            return None
        sums = self._sums(np.stack([tops, bottoms], axis=1))
        kept = sums[sums[:, 1] > 0]
        low, high = _interval(kept[:, 0] / kept[:, 1])
        return Rate(value=float(tops.sum()) / total, low=low, high=high, count=int((bottoms > 0).sum()))

    def mean(self, values: NDArray[np.float64]) -> Rate:
        """Return the mean of one value per prompt, shape (prompts,)."""
        low, high = _interval(self._sums(values[:, None])[:, 0] / self._prompts)
        return Rate(value=float(values.mean()), low=low, high=high, count=self._prompts)

    def auc(self, scores: NDArray[np.float64], right: NDArray[np.bool_]) -> Rate | None:
        """Return the area under the ROC curve of `scores` against `right`, both of shape (prompts, panels).

        Ties count half. None if all are right or all are wrong.
        """
        if right.all() or not right.any():
            return None
        levels = np.unique(scores)
        at_level = scores[:, :, None] == levels
        positive = (at_level & right[:, :, None]).sum(axis=1).astype(np.float64)
        negative = (at_level & ~right[:, :, None]).sum(axis=1).astype(np.float64)
        areas = _areas(self._sums(positive), self._sums(negative))
        low, high = _interval(areas[~np.isnan(areas)])
        value = float(_areas(positive.sum(axis=0)[None, :], negative.sum(axis=0)[None, :])[0])
        return Rate(value=value, low=low, high=high, count=self._prompts)

    def _sums(self, table: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the column sums of each resample, shape (resamples, columns)."""
        return np.concatenate([weights.astype(np.float64) @ table for weights in self._weights])


def _areas(positive: NDArray[np.float64], negative: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the area of each row of two histograms over ascending scores (Mann-Whitney with half for ties)."""
    below = np.cumsum(negative, axis=1) - negative / 2
    pairs = positive.sum(axis=1) * negative.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return (positive * below).sum(axis=1) / np.where(pairs > 0, pairs, np.nan)


def _interval(values: NDArray[np.float64]) -> tuple[float, float]:
    low, high = np.percentile(values, _PERCENTILES)
    return float(low), float(high)
