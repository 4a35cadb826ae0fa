"""A thousand callers at once: each asks a model that takes 300 ms, again and again, for a minute."""

from collections.abc import Iterable

from bench.gateway.process import cpu_s, rss_mb
from bench.gateway.targets import bench, load, quorate, settled_cpu_s
from bench.report import Row

USERS = 1000
SECONDS = 60.0
_DIRECT_SECONDS = 20.0
_UPSTREAM_MS = 300.0


def run(seconds: float = SECONDS) -> Iterable[Row]:
    with bench() as setting, quorate(setting) as target:
        direct = setting.direct
        reference = load(
            direct.job(direct.body("wait300"), concurrency=USERS, seconds=min(seconds, _DIRECT_SECONDS), spread_s=1.0)
        )
        before_s = cpu_s(target.pid)
        report = load(target.job(target.body("wait300"), concurrency=USERS, seconds=seconds, spread_s=1.0))
        spent_us = (settled_cpu_s(target) - before_s) / max(1, report.requests) * 1e6
        note = f"{report.requests:,} requests in {report.seconds:.0f} s" + (
            f": {report.errors}" if report.errors else ""
        )
        yield Row(name=f"{USERS:,} users: errors", value=report.failed, unit="", target=0, note=note)
        above = report.p99_ms - _UPSTREAM_MS
        name = f"{USERS:,} users: p99 above the upstream's 300 ms"
        yield Row(name=name, value=above, unit="ms", target=50, note=f"direct {reference.p99_ms - _UPSTREAM_MS:.1f} ms")
        yield Row(name=f"{USERS:,} users: p50 above 300 ms", value=report.p50_ms - _UPSTREAM_MS, unit="ms")
        yield Row(name=f"{USERS:,} users: CPU per request", value=spent_us, unit="us")
        yield Row(name=f"{USERS:,} users: RSS", value=rss_mb(target.pid), unit="MB")
