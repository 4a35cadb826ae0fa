"""The headline cases: what parallel execution gives against one call after another, and against what is possible.

Simulated latencies, scaled down ten times (which makes the engine's own time ten times as visible). The share is the
measured speed-up over the speed-up that the critical path allows: 1 means nothing was lost.
"""

import asyncio
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench.report import Row, p50
from bench.sleeper import Sleeper
from quorate.model import new_call
from quorate.parallel.ensemble import Ensemble
from quorate.parallel.plan import Member, Plan
from quorate.parallel.resources import Resources
from quorate.wire.chat import user_request

ROUNDS = 3
SCALE = 0.1
NEXT = "{{ prompt }} Build on: {% for answer in answers %}{{ answer.text }} {% endfor %}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """`groups` holds the seconds of the calls of each execution group; groups run one after another."""

    name: str
    groups: Sequence[Sequence[float]]
    claimed: float

    @property
    def sequential_s(self) -> float:
        return sum(sum(group) for group in self.groups)

    @property
    def critical_s(self) -> float:
        return sum(max(group) for group in self.groups)


CASES = (
    Case(name="3-model consensus", groups=((3.5, 3.0, 2.5),), claimed=2.6),
    Case(name="5-step reasoning", groups=((8.0, 6.0, 5.0, 4.0, 2.0),), claimed=3.1),
    Case(name="3-way review", groups=((4.5, 4.0, 3.5),), claimed=2.7),
    Case(name="pipeline of 4 with 2 in parallel", groups=((7.0, 7.0), (5.0,), (6.0,)), claimed=25 / 18),
)


def run() -> Iterable[Row]:
    for case in CASES:
        speedups = [asyncio.run(_speedup(case)) for _ in range(ROUNDS)]
        speedup, allowed = p50(speedups), case.sequential_s / case.critical_s
        yield Row(name=f"{case.name}: speed-up", value=speedup, unit="x", note=f"critical path allows {allowed:.3f}x")
        yield Row(name=f"{case.name}: share of it", value=speedup / allowed, unit="", target=0.98, at_least=True)


async def _speedup(case: Case) -> float:
    models: dict[str, Sleeper] = {}
    members: list[Member] = []
    for number, group in enumerate(case.groups):
        for seconds in group:
            name = f"m{len(models)}"
            models[name] = Sleeper(name, seconds * SCALE)
            members.append(Member(model=name, group=number))
    prompts = dict.fromkeys(range(1, len(case.groups)), NEXT)
    plan = Plan(members=tuple(members), group_prompts=prompts, max_concurrent=5)
    ensemble = Ensemble(name="bench", plan=plan, resources=Resources(resolve=models.__getitem__))
    began_s = time.perf_counter()
    await ensemble.run(user_request("Review this."), new_call())
    return case.sequential_s * SCALE / (time.perf_counter() - began_s)
