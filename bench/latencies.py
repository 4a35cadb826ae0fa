"""Latencies with long tails, and how they were fitted to recorded ones.

The constants are quantiles, rounded to three digits, of 2,306 requests with about 550 tokens of prompt and 150 of
answer, to 19 routes (a provider and a size of model), recorded for the public LLMPerf leaderboard. The times between
two quantiles are drawn log-linearly. To fit another recording, or the same one again, name a file with the columns
`ttft_s` and `e2e_s`, and `provider` and `size` for telling routes apart: CSV, or Parquet where pyarrow is installed.

    python -m bench.latencies FILE
    QUORATE_BENCH_LATENCIES=FILE python -m bench hedging
"""

import csv
import importlib
import math
import os
import random
import sys
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

SHARES = (0.001, 0.05, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975, 0.99, 0.995, 0.999)
#: A route with fewer requests says nothing of its tail.
_ENOUGH = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Latencies:
    """Quantiles at `SHARES` of the seconds to the first token and to the whole answer."""

    name: str
    first_token_s: Sequence[float]
    whole_s: Sequence[float]


#: All requests as if they had gone to one route: a broad tail.
ALL = Latencies(
    name="all routes",
    first_token_s=(0.173, 0.19, 0.294, 0.457, 0.725, 3.0, 5.73, 8.33, 14.2, 18.9, 70.0),
    whole_s=(0.718, 0.858, 2.0, 2.99, 4.73, 7.7, 12.3, 12.7, 19.1, 27.5, 80.8),
)
#: The route whose p99 of the time to the first token is the highest multiple of its median: quick, with rare stalls.
STALLS = Latencies(
    name="one route with stalls",
    first_token_s=(0.388, 0.42, 0.457, 0.55, 0.603, 0.657, 0.704, 0.91, 53.3, 100.0, 100.0),
    whole_s=(1.25, 1.42, 1.51, 1.59, 1.68, 1.77, 1.91, 2.21, 54.3, 102.0, 102.0),
)


def cases() -> tuple[Latencies, Latencies]:
    """Return the committed fits, or those of the file that `QUORATE_BENCH_LATENCIES` names."""
    file = os.environ.get("QUORATE_BENCH_LATENCIES")
    return (ALL, STALLS) if file is None else fitted(Path(file))


def draw(quantiles: Sequence[float], rng: random.Random) -> float:
    """Return a time in seconds."""
    share = min(max(rng.random(), SHARES[0]), SHARES[-1])
    above = min(bisect_right(SHARES, share), len(SHARES) - 1)
    low, high = SHARES[above - 1], SHARES[above]
    part = (share - low) / (high - low)
    return math.exp((1 - part) * math.log(quantiles[above - 1]) + part * math.log(quantiles[above]))


def fitted(file: Path) -> tuple[Latencies, Latencies]:
    """Return the fits of all requests in a file and of the route with the longest tail."""
    rows = _read(file)
    routes: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
    for row in rows:
        route = (str(row.get("provider", "")), str(row.get("size", "")))
        routes[route].append((float(str(row["ttft_s"])), float(str(row["e2e_s"]))))
    everything = [times for route in routes.values() for times in route]
    longest = max((route for route in routes.values() if len(route) >= _ENOUGH), key=_tail, default=everything)
    return _fit(ALL.name, everything), _fit(STALLS.name, longest)


def _tail(times: Sequence[tuple[float, float]]) -> float:
    first = [first_s for first_s, _ in times]
    return _quantile(first, 0.99) / _quantile(first, 0.5)


def _fit(name: str, times: Sequence[tuple[float, float]]) -> Latencies:
    first, whole = zip(*times, strict=True)
    return Latencies(
        name=name,
        first_token_s=tuple(_rounded(_quantile(first, share)) for share in SHARES),
        whole_s=tuple(_rounded(_quantile(whole, share)) for share in SHARES),
    )


def _quantile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])


def _rounded(value: float) -> float:
    return float(f"{value:.3g}")


def _read(file: Path) -> Sequence[Mapping[str, object]]:
    if file.suffix == ".parquet":
        try:
            parquet = importlib.import_module("pyarrow.parquet")
        except ImportError:
            sys.exit(f"{str(file)!r} is a Parquet file and pyarrow is not installed; name a CSV file")
        found: list[dict[str, object]] = parquet.read_table(file).to_pylist()
        return found
    with file.open(newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m bench.latencies FILE")
    for fit in fitted(Path(sys.argv[1])):
        print(fit)
