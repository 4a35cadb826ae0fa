"""Running flows of scripted steps in tests: plans made by hand, in virtual time."""

import asyncio
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from flow_journal import KeptJournal
from quorate.core.errors import NotFound, QuorateError, Unavailable
from quorate.core.ids import RunId
from quorate.core.secret import Secret
from quorate.flows.executor import Executor, FlowServices, StepContext, StepRejected
from quorate.flows.journal import Journal, RunHeader
from quorate.flows.outcome import FlowResult, RunStatus
from quorate.flows.plan import Durability, FlowPlan, OutputPlan, StepKind, StepPlan
from quorate.flows.registry import Executors
from quorate.flows.run_files import DiskRunFiles
from quorate.flows.runner import FlowRunner
from quorate.flows.step_cache import StepCache
from quorate.model import Call, new_call
from quorate.model.usage import Charge, Usage
from quorate.source.section import Section
from quorate.templating.value import Reference, Scope
from quorate.testing import RecordingSink, VirtualClock


@dataclass(frozen=True)
class Shown:
    """A value that a function makes of the scope."""

    make: Callable[[Scope], Any]
    references: tuple[Reference, ...] = ()
    slow: bool = False

    def render(self, scope: Scope) -> Any:
        return self.make(scope)


def literal(value: Any) -> Shown:
    return Shown(lambda scope: value)


def of_step(name: str, key: str = "output") -> Shown:
    """Return the value `{{ steps.NAME.KEY }}`."""
    return Shown(lambda scope: scope["steps"][name][key], references=(Reference(names=("steps", name, key)),))


class Doing(Section):
    """What a scripted step does: it waits, costs, says, fails so many times, gives something."""

    after_s: float = 0.0
    gives: Any = None
    fails: str = ""
    times: int = 1_000_000
    passing: bool = True
    costs: int = 0
    says: tuple[str, ...] = ()
    sleeps_s: float = 0.0
    flow: str = ""
    inputs: Mapping[str, Any] = {}


class Do(Executor[Doing, Any]):
    """Does as it is told; `ran` are the paths of all executions in the order of their beginning."""

    name = "do"
    summary = "what a test says"
    config = Doing
    result = dict[str, Any]
    open_result = True

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.ended: list[str] = []
        self.now = 0
        self.most = 0
        self.contexts: list[StepContext] = []

    async def run(self, config: Doing, step: StepContext) -> Any:
        self.ran.append(step.path)
        self.contexts.append(step)
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            return await self._done(config, step)
        finally:
            self.now -= 1
            self.ended.append(step.path)

    async def _done(self, config: Doing, step: StepContext) -> Any:
        for text in config.says:
            step.say(text)
        if config.sleeps_s:
            await step.sleep(config.sleeps_s)
        if config.after_s:
            await asyncio.sleep(config.after_s)
        if config.costs:
            step.call.budget.charge(Charge(usage=Usage(prompt_tokens=3), cost_microusd=config.costs), by="m")
        if config.fails and step.attempt <= config.times:
            raise _error(config)
        if config.flow:
            result = await step.run_flow(config.flow, None, config.inputs, step)
            if result.status is RunStatus.FAILED:
                raise StepRejected(f"the flow {config.flow} has failed", code="flow_failed")
            return result.outputs
        return config.gives


def _error(config: Doing) -> QuorateError:
    if config.passing:
        return Unavailable(config.fails)
    return StepRejected(config.fails, code="bad_data", hint="mend it")


class Breaks(Executor[Section, Any]):
    """Raises what no executor should."""

    name = "breaks"
    summary = "a defect"
    config = Section
    result = dict[str, Any]

    async def run(self, config: Section, step: StepContext) -> Any:
        raise KeyError("api-key-12345")


def step(name: str, *needs: str, does: Mapping[str, Any] | None = None, **fields: Any) -> StepPlan:
    """Return a step that does as told; what is given for `does` may be a value."""
    kind = fields.get("kind", StepKind.EXECUTE)
    if kind is StepKind.EXECUTE and "executor" not in fields:
        fields["executor"] = "do"
        fields.setdefault("config", literal({"gives": name} if does is None else dict(does)))
    return StepPlan(name=name, needs=needs, **fields)


def shown_config(make: Callable[[Scope], Any]) -> Shown:
    """Return a config of which what the step gives is made of the scope."""
    return Shown(lambda scope: {"gives": make(scope)})


def flow(*steps: StepPlan, outputs: Mapping[str, Any] | None = None, **fields: Any) -> FlowPlan:
    """Return a plan whose outputs are the given values, or those of all its steps."""
    named = {each.name: of_step(each.name) for each in steps} if outputs is None else outputs
    name = fields.pop("name", "flow")
    plans = tuple(
        each if isinstance(each, OutputPlan) else OutputPlan(name=key, value=each) for key, each in named.items()
    )
    return FlowPlan(
        name=name,
        version="1.0.0",
        digest=f"sha256:{name}",
        document={"name": name, **fields.pop("document", {})},
        steps=steps,
        outputs=plans,
        compile_value=literal,
        **fields,
    )


class FlowSite:
    """A runner of scripted steps over a journal that is kept in memory; `do` counts what was executed."""

    def __init__(
        self,
        *plans: FlowPlan,
        journal: Journal | None = None,
        secrets: Mapping[str, str] | None = None,
        cache: StepCache | None = None,
        owner: str = "here",
        lease_s: float = 30.0,
        do: Do | None = None,
    ) -> None:
        self.plans = {plan.name: plan for plan in plans}
        self.known = {plan.digest: plan for plan in plans}
        self.journal: Any = KeptJournal() if journal is None else journal
        self.do = do or Do()
        self.sink = RecordingSink()
        self.clock = VirtualClock()
        nothing = cast("Any", None)
        self.runner = FlowRunner(
            executors=Executors([self.do, Breaks()]),
            services=FlowServices(
                catalog=nothing,
                prompts=nothing,
                files=DiskRunFiles(Path(tempfile.gettempdir()) / "no-files-of-runs"),
                outgoing=nothing,
                secrets={name: Secret(value) for name, value in (secrets or {}).items()},
            ),
            journal=self.journal,
            plan_of=self._plan_of,
            flow_named=self._named,
            check_inputs=lambda plan, given: dict(given),
            owner=owner,
            step_cache=cache,
            clock=self.clock,
            lease_s=lease_s,
        )

    def _plan_of(self, header: RunHeader) -> FlowPlan:
        if header.digest not in self.known:
            raise NotFound(f"no flow {header.flow!r}")
        return self.known[header.digest]

    def _named(self, name: str, version: str | None, sticky: str | None) -> FlowPlan:
        if name not in self.plans:
            raise NotFound(f"no flow {name!r}")
        return self.plans[name]

    def call(self, **fields: Any) -> Call:
        return new_call(clock=self.clock, sink=self.sink, seed=7, **fields)

    async def run(
        self, plan: FlowPlan | None = None, inputs: Mapping[str, Any] | None = None, **fields: Any
    ) -> FlowResult:
        """Run a flow, the first if none is given, in memory unless told otherwise."""
        fields.setdefault("durability", Durability.FAST)
        call = fields.pop("call", None) or self.call()
        return await self.runner.run(plan or next(iter(self.plans.values())), inputs or {}, call, **fields)

    async def begun(self, inputs: Mapping[str, Any] | None = None, **fields: Any) -> RunId:
        """Put a run of the first flow into the queue and return its id."""
        plan = next(iter(self.plans.values()))
        header = await self.runner.header(plan, inputs or {}, self.call(**fields))
        await self.journal.begin(header)
        return header.id

    async def work(self, run: RunId) -> FlowResult:
        """Claim a run and run it, as a dispatcher does; whoever had it is dead."""
        self.journal.rows[run].lease = None
        lease = await self.journal.claim(run, "worker", lease_s=30, now=self.clock.now())
        assert lease is not None
        return await self.runner.work(lease, await self.journal.load(run))
