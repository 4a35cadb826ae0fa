"""95 % intervals by the bootstrap over prompts; for a share of independent ones, `wilson.py` has a formula."""

from collections.abc import Callable, Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from quorate.analytics.report import Rate

_RESAMPLES = 1_000
_CHUNK = 100
_PERCENTILES = (2.5, 97.5)
#: Above this many scores a table of them is slower than a sorted list of panels.
_FEW_LEVELS = 64


class Resamples:
    """Bootstrap resamples of prompts, drawn once and used for every figure about them.

    `prompts` names the prompt of each row (rows are recordings: a prompt that was asked several times has several); a
    number means that many rows of different prompts. Prompts are drawn, never rows or panels: those of one prompt
    depend on each other, and drawing them by themselves would make intervals too narrow (the cluster bootstrap: Field
    and Welsh 2007). Memory: 2,000 bytes per prompt.
    """

    def __init__(self, prompts: int | Sequence[Hashable], seed: int) -> None:
        known: dict[Hashable, int] = {}
        names = range(prompts) if isinstance(prompts, int) else prompts
        self._prompt_of_row = np.array([known.setdefault(name, len(known)) for name in names], dtype=np.intp)
        self._prompts = len(known)
        rng = np.random.default_rng(seed)
        share = np.full(self._prompts, 1 / self._prompts)
        draws = (rng.multinomial(self._prompts, share, size=_CHUNK) for _ in range(_RESAMPLES // _CHUNK))
        self._weights = [drawn.astype(np.int16) for drawn in draws]

    @property
    def prompts(self) -> int:
        """How many different prompts there are."""
        return self._prompts

    def ratio(self, tops: NDArray[np.float64], bottoms: NDArray[np.float64]) -> Rate | None:
        """Return sum(tops) / sum(bottoms), one of each per row, shape (rows,); None if the bottom is zero."""
        total = float(bottoms.sum())
        if total <= 0.0:
            return None
        sums = self._sums(np.stack([tops, bottoms], axis=1))
        kept = sums[sums[:, 1] > 0]
        low, high = _interval(kept[:, 0] / kept[:, 1])
        count = len(np.unique(self._prompt_of_row[bottoms > 0]))
        return Rate(value=float(tops.sum()) / total, low=low, high=high, count=count)

    def mean(self, values: NDArray[np.float64]) -> Rate:
        """Return the mean of one value per row, shape (rows,)."""
        rate = self.ratio(values.astype(np.float64), np.ones(len(values)))
        return rate or Rate(value=0.0, low=0.0, high=1.0, count=0)

    def auc(self, scores: NDArray[np.float64], right: NDArray[np.bool_]) -> Rate | None:
        """Return the area under the ROC curve of `scores` against `right`, both of shape (rows, panels).

        Ties count half. None if all are right or all are wrong.
        """
        if right.all() or not right.any():
            return None

        def areas(columns: NDArray[np.float64]) -> NDArray[np.float64]:
            return _areas(columns[0], columns[1])

        return self.of_levels(scores, [right, ~right], areas)

    def of_levels(
        self,
        scores: NDArray[np.float64],
        values: Sequence[NDArray[np.generic]],
        figure: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    ) -> Rate:
        """Return a figure of sums per score, with its interval.

        `figure` gets the sums of each of `values` (shape (rows, panels), as `scores`) over the panels of each score,
        ascending: an array of shape (values, resamples, scores). It returns one number for each resample, NaN where
        there is none. Scores that are equal are one: nothing depends on the order of ties.
        """
        levels, at = np.unique(scores, return_inverse=True)
        at = at.reshape(scores.shape)
        point = np.stack([_summed(at.ravel(), _flat(each), len(levels)) for each in values])
        sums = [self._by_level(at, each.astype(np.float64), len(levels)) for each in values]
        found = np.concatenate([figure(np.stack(chunk)) for chunk in zip(*sums, strict=True)])
        low, high = _interval(found[~np.isnan(found)])
        return Rate(value=float(figure(point[:, None, :])[0]), low=low, high=high, count=self._prompts)

    def _by_level(self, at: NDArray[np.intp], values: NDArray[np.float64], levels: int) -> list[NDArray[np.float64]]:
        """Return the sums per level of each resample, in chunks of shape (resamples, levels)."""
        prompt = np.broadcast_to(self._prompt_of_row[:, None], at.shape).ravel()
        if levels <= _FEW_LEVELS:
            table = _summed(prompt * levels + at.ravel(), values.ravel(), self._prompts * levels)
            return self._weighted(table.reshape(self._prompts, levels))
        order = np.argsort(at.ravel(), kind="stable")
        starts = np.searchsorted(at.ravel()[order], np.arange(levels))
        prompt, ordered = prompt[order], values.ravel()[order]
        return [np.add.reduceat(weights[:, prompt] * ordered, starts, axis=1) for weights in self._weights]

    def _sums(self, table: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the column sums of each resample, shape (resamples, columns), of one line for each row."""
        columns = [_summed(self._prompt_of_row, column, self._prompts) for column in table.T]
        return np.concatenate(self._weighted(np.stack(columns, axis=1)))

    def _weighted(self, table: NDArray[np.float64]) -> list[NDArray[np.float64]]:
        return [weights.astype(np.float64) @ table for weights in self._weights]


def _summed(place: NDArray[np.intp], values: NDArray[np.float64], places: int) -> NDArray[np.float64]:
    """Return the sum of the values of each place."""
    return np.bincount(place, values, places).astype(np.float64)


def _flat(values: NDArray[np.generic]) -> NDArray[np.float64]:
    return values.astype(np.float64).ravel()


def _areas(positive: NDArray[np.float64], negative: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the area of each row of two histograms over ascending scores (Mann-Whitney with half for ties)."""
    below = np.cumsum(negative, axis=1) - negative / 2
    pairs = positive.sum(axis=1) * negative.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return (positive * below).sum(axis=1) / np.where(pairs > 0, pairs, np.nan)


def _interval(values: NDArray[np.float64]) -> tuple[float, float]:
    low, high = np.percentile(values, _PERCENTILES)
    return float(low), float(high)
