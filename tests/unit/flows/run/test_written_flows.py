"""Written flows, compiled as a gateway does: any order of ends and any crash give what doing them in order gives."""

import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, cast

from hypothesis import given, settings
from hypothesis import strategies as st

from flow_journal import KeptJournal
from marked_flows import Documents, MarkedFlows, one_by_one
from quorate.core.ids import RunId
from quorate.flows.outcome import FlowResult, RunStatus, StepOutcome, StepStatus
from quorate.flows.plan import Durability, StepPlan
from quorate.model import new_call
from quorate.testing import VirtualClock, run_virtual
from random_flows import named_document

#: Compiling a flow takes its time.
SEEDS = st.integers(0, 150).map(lambda seed: f"random_{seed}")
_SOME = 0.4
FEW = settings(max_examples=15, deadline=None)


@dataclass
class _Site:
    """A runner over a journal in memory, in virtual time; live. `ran` are the paths that were executed."""

    order: int
    journal: KeptJournal = field(default_factory=KeptJournal)
    documents: Documents = named_document

    def __post_init__(self) -> None:
        self.ran: list[str] = []
        rng = random.Random(self.order)
        self.flows = MarkedFlows(
            begun=lambda run, path: self.ran.append(path),
            takes_s=lambda path: rng.choice([0.0, 0.1, 1.0, 7.0]),
            clock=VirtualClock(),
            documents=self.documents,
        )
        self.runner = self.flows.runner(self.journal)

    async def begun(self, name: str) -> RunId:
        header = await self.runner.header(self.flows.plan(name), {"n": 1}, new_call(clock=self.flows.clock))
        await self.journal.begin(header)
        return header.id

    async def work(self, run: RunId) -> FlowResult:
        """Run it as a dispatcher does; whoever had it is dead."""
        self.journal.rows[run].lease = None
        lease = await self.journal.claim(run, "here", lease_s=1e6, now=self.flows.clock.now())
        assert lease is not None
        return await self.runner.work(lease, await self.journal.load(run))

    async def until_it_dies(self, run: RunId, after_puts: int) -> bool:
        """Work until the journal stands still; whether it did."""
        await self.journal.dies_under(self.work(run), after_puts)
        return not self.journal.rows[run].status.is_final


async def _in_order(name: str, documents: Documents = named_document) -> FlowResult:
    site = _Site(0, documents=documents)
    plan = one_by_one(site.flows.plan(name))
    return await site.runner.run(plan, {"n": 1}, new_call(clock=site.flows.clock), durability=Durability.FAST)


def _as_compared(result: FlowResult) -> tuple[object, ...]:
    errors = [(error.stage, error.code) for error in result.errors]
    steps = {path: (each.status, _lasting(each.output), each.handled_by) for path, each in result.steps.items()}
    return result.status, result.outputs, errors, steps


def _lasting(output: Any) -> Any:
    """What is the same in each run: not its id, nor when somebody went on."""
    if isinstance(output, dict):
        entries = cast("dict[str, Any]", output).items()
        return {key: _lasting(value) for key, value in entries if key not in ("run", "ended_at")}
    return [_lasting(each) for each in cast("list[Any]", output)] if isinstance(output, list) else output


async def _ended(site: _Site, name: str) -> tuple[RunId, FlowResult]:
    run = await site.begun(name)
    return run, await site.work(run)


@FEW
@given(name=SEEDS, order=st.integers(), crashes=st.lists(st.integers(0, 30), max_size=3), keeps_last=st.booleans())
def test_any_order_and_any_crash_give_what_doing_it_in_order_gives(
    name: str, order: int, crashes: list[int], keeps_last: bool
) -> None:
    async def go() -> None:
        site = _Site(order, KeptJournal(keeps_last=keeps_last))
        run = await site.begun(name)
        twice: list[str] = []
        for crash in (*crashes, 1_000_000):
            kept = set(site.journal.rows[run].outcomes)
            site.ran.clear()
            died = await site.until_it_dies(run, crash)
            twice += [path for path in site.ran if path in kept]
            if not died:
                break
        result = site.journal.rows[run].result
        assert result is not None
        assert twice == []
        assert _as_compared(result) == _as_compared(await _in_order(name))

    run_virtual(go())


@FEW
@given(name=SEEDS, order=st.integers())
def test_a_replay_gives_the_same_and_executes_nothing(name: str, order: int) -> None:
    async def go() -> None:
        site = _Site(order)
        run, result = await _ended(site, name)
        site.ran.clear()
        assert _as_compared(await site.runner.replay(run))[:2] == _as_compared(result)[:2]
        assert site.ran == []

    run_virtual(go())


def _behind(steps: tuple[StepPlan, ...], name: str) -> set[str]:
    """A step and what waits for it, directly or not; steps stand behind what they wait for."""
    found = {name}
    for step in steps:
        if found.intersection(step.needs):
            found.add(step.name)
    return found


def _top(path: str) -> str:
    return path.replace("[", "/").replace("#", "/").split("/")[0]


@FEW
@given(name=SEEDS, order=st.integers(), which=st.integers(0, 1000))
def test_a_fork_executes_its_step_and_what_is_behind_it(name: str, order: int, which: int) -> None:
    async def go() -> None:
        site = _Site(order)
        run, result = await _ended(site, name)
        steps = site.flows.plan(name).steps
        first = steps[which % len(steps)].name
        again = Counter(path for path in site.ran if _top(path) in _behind(steps, first))
        site.ran.clear()
        forked = await site.work(await site.runner.fork(run, first))
        assert _as_compared(forked) == _as_compared(result)
        assert Counter(site.ran) == again

    run_virtual(go())


def _with_a_step_to_mend(name: str) -> dict[str, Any]:
    """The random flow of this name with a step `mended` between its others."""
    document = named_document(name)
    if name.startswith("below"):
        return document
    rng = random.Random(name)
    steps = document["steps"]
    at = rng.randint(0, len(steps))
    needs = [step["name"] for step in steps[:at] if rng.random() < _SOME]
    for step in steps[at:]:
        if rng.random() < _SOME and step.get("require", "all") == "all":
            step["depends_on"] = ["mended"]
    mended = {"name": "mended", "executor": "mark", "config": {"sum": 1}, "depends_on": needs}
    return {**document, "steps": [*steps[:at], mended, *steps[at:]]}


@FEW
@given(name=SEEDS, order=st.integers())
def test_a_run_that_failed_goes_on_without_doing_anything_twice(name: str, order: int) -> None:
    async def go() -> None:
        site = _Site(order, documents=_with_a_step_to_mend)
        site.flows.broken.add("mended")
        run, failed = await _ended(site, name)
        assert failed.status is RunStatus.FAILED
        kept = {path for path, each in site.journal.rows[run].outcomes.items() if _stays(each)}
        site.flows.broken.clear()
        site.ran.clear()
        await site.runner.reopen(run)
        assert _as_compared(await site.work(run)) == _as_compared(await _in_order(name, _with_a_step_to_mend))
        assert kept.isdisjoint(site.ran)
        assert site.ran.count("mended") == 1

    run_virtual(go())


def _stays(outcome: StepOutcome) -> bool:
    return outcome.status is StepStatus.SUCCEEDED or bool(outcome.handled_by)
