"""CPU time that a request costs the process between caller and upstream, at several concurrencies."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from bench.gateway.targets import Target, alone, load, settled_cpu_s
from bench.report import Row, p50
from bench.transport import bare_exchange_us

CONCURRENCIES = (1, 64, 256)
_WARM_UP_S = 0.4
_LIMITED = 64
_TARGETS = {_LIMITED: 150.0}
_RATIO = 40.0
_MAX_LITELLM = 64


def measure(targets: Sequence[Target], *, rounds: int, seconds: float) -> Iterable[Row]:
    machine = [bare_exchange_us()]
    cpu: dict[tuple[str, int], list[float]] = defaultdict(list)
    per_s: dict[tuple[str, int], list[float]] = defaultdict(list)
    failed = 0
    for number in range(rounds):
        for concurrency in CONCURRENCIES:
            for target in targets:
                if target.name == "litellm" and concurrency > _MAX_LITELLM and number:
                    continue  # it needs seconds to answer what waits when the time is over; one round says enough
                body = target.body("instant")
                with alone(target, targets):
                    if number == 0:
                        load(target.job(body, concurrency=concurrency, seconds=_WARM_UP_S))
                    before_s = settled_cpu_s(target)
                    report = load(target.job(body, concurrency=concurrency, seconds=seconds))
                    spent_s = settled_cpu_s(target) - before_s
                cpu[target.name, concurrency].append(spent_s / max(1, report.requests) * 1e6)
                per_s[target.name, concurrency].append(report.per_s)
                failed += report.failed if target.name == "quorate" else 0
    machine.append(bare_exchange_us())
    bare_us = p50(machine)
    for (name, concurrency), spent in cpu.items():
        rate = f"{p50(per_s[name, concurrency]):,.0f} requests/s"
        if name == "direct":
            rps = p50(per_s[name, concurrency])
            # What the same hardware and neighbours make of the least that an HTTP server can do in this language.
            note = f"reference; the upstream's own CPU per request: {p50(spent):.0f} us"
            yield Row(name=f"direct, c={concurrency}", value=rps, unit="1/s", note=note)
            continue
        limit = _TARGETS.get(concurrency) if name == "quorate" else None
        yield Row(
            name=f"{name}: CPU per request, c={concurrency}", value=p50(spent), unit="us", target=limit, note=rate
        )
    exchanges = p50(cpu["quorate", _LIMITED]) / bare_us
    yield Row(name=f"quorate: CPU per request, c={_LIMITED}, over bare sockets", value=exchanges, unit="x")
    yield Row(name="quorate: failed requests", value=failed, unit="", target=0)
    for concurrency in CONCURRENCIES:
        if ("litellm", concurrency) in cpu:
            ratio = p50(cpu["litellm", concurrency]) / p50(cpu["quorate", concurrency])
            limit = _RATIO if concurrency == _LIMITED else None
            name = f"CPU of litellm over quorate, c={concurrency}"
            yield Row(name=name, value=ratio, unit="x", target=limit, at_least=True)
