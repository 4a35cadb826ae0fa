"""What the gateway adds to a request at a steady, modest rate: 100 requests per second over a 20 ms upstream."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from bench.gateway.job import Report
from bench.gateway.targets import Target, load
from bench.report import Row, p50

RATE = 100.0


def measure(targets: Sequence[Target], *, rounds: int, seconds: float) -> Iterable[Row]:
    reports: dict[str, list[Report]] = defaultdict(list)
    for _ in range(rounds):
        for target in targets:
            body = target.body("wait20")
            reports[target.name].append(load(target.job(body, loop="open", rate=RATE, concurrency=8, seconds=seconds)))
    direct50, direct99 = _medians(reports["direct"])
    yield Row(name="open loop, 100/s, 20 ms upstream, direct p50", value=direct50, unit="ms", note="reference")
    yield Row(name="open loop, 100/s, 20 ms upstream, direct p99", value=direct99, unit="ms", note="reference")
    for name, mine in reports.items():
        if name == "direct":
            continue
        value50, value99 = _medians(mine)
        ours = name == "quorate"
        failed = sum(report.failed for report in mine)
        note = f"{failed} failed" if failed else ""
        added50, added99 = value50 - direct50, value99 - direct99
        yield Row(name=f"{name}: added p50", value=added50, unit="ms", target=0.6 if ours else None, note=note)
        yield Row(name=f"{name}: added p99", value=added99, unit="ms", target=5 if ours else None)


def _medians(reports: Sequence[Report]) -> tuple[float, float]:
    return p50([report.p50_ms for report in reports]), p50([report.p99_ms for report in reports])
