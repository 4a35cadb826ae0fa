"""Written flows, compiled and run as a gateway runs them; each execution of a step is told to whoever counts."""

import asyncio
import tempfile
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

import msgspec

from quorate.core.clock import Clock, SystemClock
from quorate.core.errors import Unavailable
from quorate.flows.executor import Executor, FlowServices, StepContext, StepRejected
from quorate.flows.executors.standard import STANDARD
from quorate.flows.flow_compiler import FlowCompiler
from quorate.flows.inputs import check_inputs
from quorate.flows.journal import Journal
from quorate.flows.language.read import read_flow_text
from quorate.flows.plan import FlowPlan
from quorate.flows.registry import Executors
from quorate.flows.run_files import DiskRunFiles
from quorate.flows.runner import FlowRunner
from quorate.source.section import Section
from random_flows import as_text, named_document

#: Hears of each execution that begins: the run and the path.
Begun = Callable[[str, str], None]


#: Gives a flow's document by its name.
Documents = Callable[[str], dict[str, Any]]


class MarkConfig(Section):
    """What `mark` gives, and how often it fails before, by an error that passes (`fails`) or for good (`breaks`)."""

    sum: int
    fails: int = 0
    breaks: bool = False


class Marked(msgspec.Struct, frozen=True, kw_only=True):
    """A number, and which worker gave it."""

    sum: int
    by: str


class Mark(Executor[MarkConfig, Marked]):
    """Says that it was executed, takes its time, and gives a number; the steps in `broken` fail."""

    name = "mark"
    summary = "counts executions"
    config = MarkConfig
    result = Marked

    def __init__(self, owner: str, begun: Begun, takes_s: Callable[[str], float], broken: AbstractSet[str]) -> None:
        self._owner = owner
        self._broken = broken
        self._begun = begun
        self._takes_s = takes_s

    async def run(self, config: MarkConfig, step: StepContext) -> Marked:
        self._begun(step.call.id.split("/")[0], step.path)
        await asyncio.sleep(self._takes_s(step.path))
        if config.breaks or step.path in self._broken:
            raise StepRejected("it never does", code="breaks")
        if step.attempt <= config.fails:
            raise Unavailable("not yet")
        return Marked(sum=config.sum, by=self._owner)


def _executors(mark: Mark) -> Executors:
    return Executors([*(executor() for executor in STANDARD), mark])


#: Plans do not know what executes them: one compiler serves all.
_COMPILER = FlowCompiler(_executors(Mark("", lambda run, path: None, lambda path: 0.0, set())), None)


@lru_cache(maxsize=500)
def _plan(documents: Documents, name: str) -> FlowPlan:
    return _COMPILER.compile(read_flow_text(as_text(documents(name)), f"{name}.yaml"))


class MarkedFlows:
    """Flows by name and what runs them; live. Steps whose paths are in `broken` fail for good."""

    def __init__(
        self,
        *,
        begun: Begun,
        takes_s: Callable[[str], float] = lambda path: 0.0,
        owner: str = "here",
        clock: Clock | None = None,
        documents: Documents = named_document,
    ) -> None:
        self.broken = set[str]()
        self._executors = _executors(Mark(owner, begun, takes_s, self.broken))
        self._owner = owner
        self._documents = documents
        self.clock = clock or SystemClock()

    def plan(self, name: str) -> FlowPlan:
        """Return the flow of a name, compiled."""
        return _plan(self._documents, name)

    def runner(self, journal: Journal, *, lease_s: float = 30.0) -> FlowRunner:
        """Return a runner over a journal."""
        nothing = cast("Any", None)
        return FlowRunner(
            executors=self._executors,
            services=FlowServices(
                catalog=nothing,
                prompts=nothing,
                files=DiskRunFiles(Path(tempfile.gettempdir()) / "no-files-of-runs"),
                outgoing=nothing,
            ),
            journal=journal,
            plan_of=_COMPILER.plan_of,
            flow_named=lambda name, version, key: self.plan(name),
            check_inputs=check_inputs,
            owner=self._owner,
            clock=self.clock,
            lease_s=lease_s,
        )


def one_by_one(plan: FlowPlan) -> FlowPlan:
    """Return the flow as one whose steps are executed one after the other."""
    return replace(plan, limits=replace(plan.limits, concurrency=1))
