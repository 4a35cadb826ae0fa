"""What resilience and money cost on the path of a call: gateways that differ in nothing but what guards them, in turn.

`none`: no breaker and no rate limit. `breaker`: that of every endpoint. `all`: a breaker, an adaptive limit on
concurrency, rate limits of key and tenant, fallbacks, a deadline in each request. `budgets`: all that, and a budget of
each key that is reserved and settled for every request, in memory and in the database (SQLite).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from bench.gateway.process import cpu_s
from bench.gateway.targets import MODELS, Bench, Target, alone, bench, load, quorate, settled_cpu_s
from bench.report import Row, p50

ROUNDS, SECONDS, CONCURRENCY = 5, 1.5, 64
_LARGE = 1_000_000_000
_ALLOWANCE = {"requests_per_minute": _LARGE, "tokens_per_minute": _LARGE}
_BUDGETS = {"each-key": {"each": "key", "limit": 1_000_000, "window": "month"}}


def run() -> Iterable[Row]:
    with bench() as setting, ExitStack() as stack:
        targets = [
            replace(stack.enter_context(quorate(setting, **sections)), name=name)
            for name, sections in _gateways(setting).items()
        ]
        spent: dict[str, list[float]] = defaultdict(list)
        failed = 0
        for _ in range(ROUNDS):
            for target in targets:
                with alone(target, targets):
                    before_s = cpu_s(target.pid)
                    report = load(target.job(_body(target), concurrency=CONCURRENCY, seconds=SECONDS))
                    spent[target.name].append((settled_cpu_s(target) - before_s) / max(1, report.requests) * 1e6)
                failed += report.failed
        bare_us = p50(spent["none"])
        yield Row(name="guards: none, CPU per request", value=bare_us, unit="us", note="reference")
        for name, times in spent.items():
            if name != "none":
                added_us = p50(times) - bare_us
                note = f"{added_us / bare_us:+.1%}"
                yield Row(name=f"guards: {name}, CPU added per request", value=added_us, unit="us", note=note)
        yield Row(name="guards: failed requests", value=failed, unit="", target=0)


def _body(target: Target) -> Any:
    more = {"timeout": 30} if target.name not in {"none", "breaker"} else {}
    return target.body("instant", **more)


def _gateways(setting: Bench) -> Mapping[str, dict[str, Any]]:
    base_url = f"{setting.direct.url}/v1"
    models = {
        name: {"provider": "upstream", "model": model, "price": {"input": 1, "output": 2}}
        for name, model in MODELS.items()
    }
    guarded = {
        "rate_limits": {"per_key": _ALLOWANCE, "per_tenant": _ALLOWANCE},
        "providers": {
            "upstream": {
                "type": "openai",
                "base_url": base_url,
                "concurrency": {"max_concurrent": 1000, "adaptive": True},
            }
        },
        "models": models | {"instant": models["instant"] | {"fallbacks": ["wait20"]}},
    }
    return {
        "none": {"defaults": {"breaker": False}, "rate_limits": {}},
        "breaker": {"rate_limits": {}},
        "all": guarded,
        "budgets in memory": guarded | {"budgets": _BUDGETS, "storage": {"budgets": "memory"}},
        "budgets in the database": guarded | {"budgets": _BUDGETS},
    }
