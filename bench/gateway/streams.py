"""Streams: 20 tokens, 5 ms apart, the first after 20 ms; what the gateway adds to the first one and to the whole."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from bench.gateway.job import Report
from bench.gateway.process import cpu_s
from bench.gateway.targets import Target, alone, load, settled_cpu_s
from bench.report import Row, p50

CONCURRENCIES = (64, 256)
_MAX_LITELLM = 64


def measure(targets: Sequence[Target], *, rounds: int, seconds: float) -> Iterable[Row]:
    reports: dict[tuple[str, int], list[Report]] = defaultdict(list)
    cpu: dict[tuple[str, int], list[float]] = defaultdict(list)
    for number in range(rounds):
        for concurrency in CONCURRENCIES:
            for target in targets:
                if target.name == "litellm" and (concurrency > _MAX_LITELLM or number):
                    continue  # one round says enough: it takes a multiple of the time
                body = target.body("stream", stream=True)
                before_s = cpu_s(target.pid)
                # The callers begin spread over the time of one stream: in step they would measure each other.
                job = target.job(body, stream=True, concurrency=concurrency, seconds=seconds, spread_s=0.12)
                with alone(target, targets):
                    report = load(job)
                    after_s = settled_cpu_s(target)
                reports[target.name, concurrency].append(report)
                cpu[target.name, concurrency].append((after_s - before_s) / max(1, report.requests) * 1e6)
    for concurrency in CONCURRENCIES:
        yield from _rows(reports, cpu, concurrency)


def _rows(
    reports: dict[tuple[str, int], list[Report]], cpu: dict[tuple[str, int], list[float]], concurrency: int
) -> Iterable[Row]:
    direct = reports["direct", concurrency]
    first, total = p50([report.first_p50_ms for report in direct]), p50([report.p50_ms for report in direct])
    yield Row(name=f"{concurrency} streams, direct: first token p50", value=first, unit="ms", note="reference")
    yield Row(name=f"{concurrency} streams, direct: total p50", value=total, unit="ms", note="reference")
    for (name, at), mine in reports.items():
        if at != concurrency or name == "direct":
            continue
        limit = 2.0 if name == "quorate" and concurrency == 64 else None
        added_first = p50([report.first_p50_ms for report in mine]) - first
        added_total = p50([report.p50_ms for report in mine]) - total
        head = f"{name}, {concurrency} streams"
        failed = sum(report.failed for report in mine)
        yield Row(name=f"{head}: added to the first token, p50", value=added_first, unit="ms", target=limit)
        yield Row(name=f"{head}: added to the whole, p50", value=added_total, unit="ms", note=f"{failed} failed")
        rate = f"{p50([report.per_s for report in mine]):,.0f} streams/s"
        yield Row(name=f"{head}: CPU per stream", value=p50(cpu[name, at]), unit="us", note=rate)
