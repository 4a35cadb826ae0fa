"""Quantiles of the latest times: what "slow" means for a model just now."""

import math
from bisect import bisect_left, insort
from collections import deque

#: So many times are remembered: enough for a p99, and forgotten within minutes where there is traffic.
WINDOW = 500


class LatencyWindow:
    """The latest `size` times in seconds, and exact quantiles of them; a live object.

    Adding costs a search and a move within a short list (below 1 us at 500 times), reading a quantile one look.
    """

    __slots__ = ("_recent", "_size", "_sorted")

    def __init__(self, size: int = WINDOW) -> None:
        self._size = size
        self._recent: deque[float] = deque()
        self._sorted: list[float] = []

    def __len__(self) -> int:
        return len(self._recent)

    def add(self, seconds: float) -> None:
        """Remember a time, and forget the oldest if there are too many."""
        if len(self._recent) == self._size:
            del self._sorted[bisect_left(self._sorted, self._recent.popleft())]
        self._recent.append(seconds)
        insort(self._sorted, seconds)

    def quantile(self, share: float) -> float:
        """Return the least remembered time that `share` (above 0, at most 1) of them do not exceed.

        There must be at least one.
        """
        return self._sorted[math.ceil(share * len(self._sorted)) - 1]
