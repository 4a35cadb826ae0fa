"""Memory after many requests, and whether it still grows in their second half."""

import statistics
from collections.abc import Iterable

from bench.gateway.process import pss_mb, rss_mb
from bench.gateway.targets import Target, load
from bench.report import Row

_PER = 100_000


def measure(target: Target, *, requests: int, model: str = "instant") -> Iterable[Row]:
    samples: list[float] = []
    job = target.job(target.body(model), concurrency=64, seconds=600, requests=requests)
    report = load(job, lambda: samples.append(rss_mb(target.pid)))
    count = f"{report.requests:,} requests"
    yield Row(
        name=f"memory after {count}: RSS",
        value=rss_mb(target.pid),
        unit="MB",
        target=90,
        note=f"{report.failed} failed",
    )
    yield Row(name=f"memory after {count}: PSS", value=pss_mb(target.pid), unit="MB")
    growth = growth_mb(samples) * _PER / max(1, requests)
    yield Row(name="memory: growth in the second half, per 100,000 requests", value=growth, unit="MB", target=1.0)


def growth_mb(samples: list[float]) -> float:
    """Return what the second half of the run would add over a whole run, by the line through its samples."""
    half = samples[len(samples) // 2 :]
    if len(half) < 2:
        return 0.0
    return statistics.linear_regression(range(len(half)), half).slope * len(samples)
