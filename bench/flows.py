"""What a flow costs beyond its steps, how many a second there can be, and what other engines need for the same.

The flow is one step, three at once, one more, all empty; every kind is measured in turn in each round of one run,
ours on the event loop of the gateway.
"""

import asyncio
import shutil
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import uvloop

from bench.flow_engines import Engine, EngineEnded, engines
from bench.flow_folder import folder_rows
from bench.flow_http import endpoint_rows
from bench.flow_journal import postgres_for_benches
from bench.machine import for_this_machine
from bench.report import Row, p50
from quorate.config import configure
from quorate.config.flows_setup import open_flows
from quorate.core.clock import SystemClock
from quorate.flows.executor import Executor, StepContext
from quorate.flows.flow_compiler import FlowCompiler
from quorate.flows.flows import Flows
from quorate.flows.language.read import read_flow_text
from quorate.flows.outcome import RunStatus
from quorate.flows.plan import Durability, FlowPlan
from quorate.model import new_call
from quorate.source.section import Section

AT_ONCE = 32
ROUNDS = 3
ALONE = 60
SECONDS = 1.5
#: Of other engines, which are slower: flows measured alone, and at once, in each round.
ENGINE_ALONE = 3
ENGINE_FLOWS = 32
#: Prefect's own temporary server came to a stand with 32 at once on two cores: its flows go one after the other.
ENGINE_AT_ONCE = {"DBOS": AT_ONCE, "Prefect": 1}
_PREFECT_FLOWS = 5
#: Kind -> added milliseconds at most, flows a second at least.
TARGETS_MS = {"fast": 0.15, "SQLite": 1.0}
TARGETS_PER_S = {"SQLite": 1500.0, "PostgreSQL": 400.0}

FLOW = """
name: five
steps:
  - {name: a, executor: empty}
  - {name: b, executor: empty, depends_on: [a]}
  - {name: c, executor: empty, depends_on: [a]}
  - {name: d, executor: empty, depends_on: [a]}
  - {name: e, executor: empty, depends_on: [b, c, d]}
"""


class Empty(Executor[Section, int]):
    """Does nothing."""

    name = "empty"
    summary = "Nothing."
    config = Section
    result = int

    async def run(self, config: Section, step: StepContext) -> int:
        del config, step
        return 1


#: Does it once.
Once = Callable[[], Awaitable[object]]


def run() -> Iterable[Row]:
    return for_this_machine(_measured)


def _measured() -> Iterable[Row]:
    folder = Path(tempfile.mkdtemp(prefix="quorate-bench-"))
    try:
        with postgres_for_benches() as url, engines(folder) as others:
            return [*uvloop.run(_run(folder, url, others)), *folder_rows(folder), *endpoint_rows(folder)]
    finally:
        shutil.rmtree(folder)


async def _run(folder: Path, postgres: str | None, others: Mapping[str, Engine]) -> list[Row]:
    sites = await _sites(folder, postgres)
    kinds: dict[str, Once] = {"asyncio": _bare, **{kind: _flow(*site) for kind, site in sites.items()}}
    alone: dict[str, list[float]] = {kind: [] for kind in [*kinds, *others]}
    at_once: dict[str, list[float]] = {kind: [] for kind in [*kinds, *others]}
    for once in kinds.values():
        await once()
    for _ in range(ROUNDS):  # interleaved, so that what else the machine does falls on all
        for kind, once in kinds.items():
            alone[kind].append(p50([await _timed_ms(once) for _ in range(ALONE)]))
            at_once[kind].append(await _per_second(once))
        for kind, engine in others.items():
            try:
                alone_ms = p50(await asyncio.to_thread(engine.alone_ms, ENGINE_ALONE))
                per_s = await asyncio.to_thread(engine.per_second, _flows_of(kind), ENGINE_AT_ONCE[kind])
            except EngineEnded as error:
                print(f"{kind}: {error}", file=sys.stderr)
            else:
                alone[kind].append(alone_ms)
                at_once[kind].append(per_s)
    for flows, _, _ in sites.values():
        await flows.close()
    return _rows(alone, at_once)


def _rows(alone: Mapping[str, list[float]], at_once: Mapping[str, list[float]]) -> list[Row]:
    bare_ms = p50(alone["asyncio"])
    rows = [Row(name="bare asyncio: 5 empty coroutines, 1 -> 3 -> 1, p50", value=bare_ms, unit="ms")]
    measured = [kind for kind in alone if kind != "asyncio" and alone[kind]]
    for kind in measured:
        added = p50(alone[kind]) - bare_ms
        rows.append(
            Row(name=f"{kind}: added by a 5-step flow, p50", value=added, unit="ms", target=TARGETS_MS.get(kind))
        )
    for kind in measured:
        target = TARGETS_PER_S.get(kind)
        name = f"{kind}: 5-step flows, {ENGINE_AT_ONCE.get(kind, AT_ONCE)} at once"
        rows.append(Row(name=name, value=p50(at_once[kind]), unit="per s", target=target, at_least=True))
    if len(at_once.get("DBOS", ())) == ROUNDS:  # not Prefect's: one at a time and 32 at once are no ratio
        times = p50([ours / theirs for ours, theirs in zip(at_once["SQLite"], at_once["DBOS"], strict=True)])
        rows.append(Row(name="SQLite over DBOS: 5-step flows a second", value=times, unit="times"))
    return rows


def _flows_of(engine: str) -> int:
    return _PREFECT_FLOWS if engine == "Prefect" else ENGINE_FLOWS


#: Flows, the flow, and what its runs survive.
_Site = tuple[Flows, FlowPlan, Durability]


async def _sites(folder: Path, postgres: str | None) -> dict[str, _Site]:
    (folder / "flows").mkdir()
    journals = {"SQLite": f"sqlite:///{folder / 'durable.db'}", "SQLite strict": f"sqlite:///{folder / 'strict.db'}"}
    if postgres is not None:
        journals["PostgreSQL"] = postgres
    sites = {"fast": _site(folder, f"sqlite:///{folder / 'none.db'}", Durability.FAST)}
    for kind, url in journals.items():
        sites[kind] = _site(folder, url, Durability.STRICT if "strict" in kind else Durability.DURABLE)
    return sites


def _site(folder: Path, journal: str, durability: Durability) -> _Site:
    built = configure(overrides={"flows.files": str(folder / "files"), "flows.journal": journal})
    flows = open_flows(built, SystemClock(), folder=folder / "flows")
    flows.executors.add(Empty())
    return flows, FlowCompiler(flows.executors, None).compile(read_flow_text(FLOW, "five.yaml")), durability


def _flow(flows: Flows, plan: FlowPlan, durability: Durability) -> Once:
    inputs: dict[str, Any] = {}

    async def once() -> None:
        result = await flows.run(plan, inputs, new_call(), durability=durability)
        assert result.status is RunStatus.SUCCEEDED, result.errors

    return once


async def _bare() -> None:
    async def step() -> int:
        return 1

    await step()
    async with asyncio.TaskGroup() as group:
        for _ in range(3):
            group.create_task(step())
    await step()


async def _timed_ms(once: Once) -> float:
    began_s = time.perf_counter()
    await once()
    return (time.perf_counter() - began_s) * 1000


async def _per_second(once: Once) -> float:
    began_s = time.perf_counter()

    async def many() -> int:
        done = 0
        while time.perf_counter() < began_s + SECONDS:
            await once()
            done += 1
        return done

    done = await asyncio.gather(*(many() for _ in range(AT_ONCE)))
    return sum(done) / (time.perf_counter() - began_s)
