"""Isotonic regression: from scores to probabilities that never fall while the score rises."""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """Rising `values` at ascending `scores`: straight lines between them, level beyond the first and the last."""

    scores: tuple[float, ...]
    values: tuple[float, ...]

    def at(self, score: float) -> float:
        """Return the value at a score."""
        after = bisect_right(self.scores, score)
        if after == 0:
            return self.values[0]
        if after == len(self.scores):
            return self.values[-1]
        left, right = self.scores[after - 1], self.scores[after]
        low, high = self.values[after - 1], self.values[after]
        return low + (high - low) * (score - left) / (right - left)


@dataclass(slots=True)
class _Block:
    low: float
    high: float
    right: int
    total: int

    @property
    def value(self) -> float:
        return self.right / self.total


def isotonic(points: Iterable[tuple[float, bool]]) -> Curve:
    """Return the rising curve that is closest (least squares) to scores and whether each was right; one at least.

    Nothing is certain: n points bound every value to [1/(n+2), 1-1/(n+2)], Laplace's rule of succession. Source: pool
    adjacent violators (Ayer et al. 1955), as used for calibration by Zadrozny and Elkan 2002. O(n log n).
    """
    blocks: list[_Block] = []
    count = 0
    for score, group in groupby(sorted(points), key=lambda point: point[0]):
        rights = [right for _, right in group]
        count += len(rights)
        blocks.append(_Block(score, score, sum(rights), len(rights)))
        while len(blocks) > 1 and blocks[-2].value >= blocks[-1].value:
            last = blocks.pop()
            first = blocks[-1]
            blocks[-1] = _Block(first.low, last.high, first.right + last.right, first.total + last.total)
    margin = 1 / (count + 2)
    knots = [(edge, block.value) for block in blocks for edge in sorted({block.low, block.high})]
    return Curve(
        scores=tuple(edge for edge, _ in knots),
        values=tuple(min(max(value, margin), 1 - margin) for _, value in knots),
    )
