"""One request to several models at once, mode all: what the gateway adds to the slowest of them.

The reference sends the same requests side by side itself and waits for all, so both are off by the same timers.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING

from bench.gateway.process import cpu_s
from bench.gateway.targets import Target, load, settled_cpu_s
from bench.report import Row, p50

if TYPE_CHECKING:
    from bench.gateway.job import Report

_MODELS = {3: ("wait18", "wait19", "wait20"), 5: ("wait16", "wait17", "wait18", "wait19", "wait20")}
_CASES = ((3, 1), (5, 1), (3, 32))


def measure(direct: Target, quorate: Target, *, rounds: int, seconds: float) -> Iterable[Row]:
    reports: dict[tuple[str, int, int], list[Report]] = defaultdict(list)
    cpu: dict[tuple[int, int], list[float]] = defaultdict(list)
    for _ in range(rounds):
        for width, concurrency in _CASES:
            models = _MODELS[width]
            alone = direct.job(*(direct.body(name) for name in models), concurrency=concurrency, seconds=seconds)
            reports["direct", width, concurrency].append(load(alone))
            plan = {"enabled": True, "mode": "all", "models": list(models), "select": "first", "maxConcurrent": 8}
            body = quorate.body(models[-1], parallel=plan)
            before_s = cpu_s(quorate.pid)
            report = load(quorate.job(body, concurrency=concurrency, seconds=seconds))
            cpu[width, concurrency].append((settled_cpu_s(quorate) - before_s) / max(1, report.requests) * 1e6)
            reports["quorate", width, concurrency].append(report)
    for width, concurrency in _CASES:
        alone50 = p50([report.p50_ms for report in reports["direct", width, concurrency]])
        ours = reports["quorate", width, concurrency]
        added = p50([report.p50_ms for report in ours]) - alone50
        limit = 1.0 if (width, concurrency) == (3, 1) else None
        failed = sum(report.failed for report in ours)
        note = f"direct {alone50:.2f} ms; CPU {p50(cpu[width, concurrency]):.0f} us; {failed} failed"
        name = f"fan-out of {width}, c={concurrency}: added to the slowest, p50"
        yield Row(name=name, value=added, unit="ms", target=limit, note=note)
