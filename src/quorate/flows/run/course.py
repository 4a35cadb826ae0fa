"""What the parts of the interpreter share: the process's things, one run's, and one flow's within a run."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from quorate.core.ids import RunId
from quorate.flows.executor import FlowServices, StepRejected
from quorate.flows.journal import RunHeader
from quorate.flows.outcome import FlowResult, StepError, StepOutcome
from quorate.flows.plan import FlowPlan, StepPlan
from quorate.flows.registry import Executors
from quorate.flows.run.hidden import Hidden
from quorate.flows.run.mocks import Mocks
from quorate.flows.run.places import StepPlaces
from quorate.flows.run.record import Record
from quorate.flows.run.run_places import RunPlaces
from quorate.flows.run.view import result_fields, view_of
from quorate.flows.step_cache import StepCache
from quorate.model import Call
from quorate.model.event import Event

#: Steps of one run, items included.
MOST_STEPS = 10_000
#: Flows inside flows.
MOST_DEPTH = 8

#: Finds the plan of a flow by its name, its version (`None`: the usual one) and what a weighted choice of it sticks to.
FlowNamed = Callable[[str, str | None, str | None], FlowPlan]
#: Returns the inputs of a flow with defaults filled in; raises for those that it does not accept.
CheckInputs = Callable[[FlowPlan, Mapping[str, Any]], Mapping[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Machinery:
    """What all runs of a process share."""

    executors: Executors
    services: FlowServices
    flow_named: FlowNamed
    plan_of: Callable[[RunHeader], FlowPlan]
    check_inputs: CheckInputs
    cache: StepCache | None = None
    step_places: StepPlaces = field(default_factory=StepPlaces)
    run_places: RunPlaces = field(default_factory=RunPlaces)

    def view(self, step: StepPlan, outcome: StepOutcome) -> dict[str, Any]:
        """Return how expressions see a step that has ended."""
        fields = step.outputs
        if outcome.output is None and step.executor:
            fields = (*result_fields(self.executors.get(step.executor)), *fields)
        return view_of(outcome, fields)


class Run:
    """One run on its way, with all flows inside it; a live object.

    `started_at` is when it began, wherever that was; `before_s` is the time from then until its call here was made.
    `interrupted` are the steps that were under way when it was cancelled.
    """

    __slots__ = (
        "_monotonic",
        "_zero_s",
        "call",
        "id",
        "interpret",
        "interrupted",
        "is_watched",
        "machinery",
        "mocks",
        "record",
        "started_at",
        "steps_begun",
        "tell",
    )

    def __init__(
        self,
        *,
        id: RunId,  # noqa: A002 - what it is called everywhere
        call: Call,
        machinery: Machinery,
        record: Record,
        tell: Callable[[Event, int | None], None],
        is_watched: Callable[[], bool],
        interpret: "Callable[[Course], Awaitable[FlowResult]]",
        mocks: Mocks | None = None,
        started_at: datetime,
        before_s: float = 0.0,
    ) -> None:
        self.id = id
        self.call = call
        self.machinery = machinery
        self.record = record
        self.tell = tell
        self.is_watched = is_watched
        self.interpret = interpret
        self.mocks = mocks
        self.started_at = started_at
        self._monotonic = call.clock.monotonic
        self._zero_s = call.started_s - before_s
        self.steps_begun = 0
        self.interrupted: dict[str, StepOutcome] = {}

    @property
    def at_s(self) -> float:
        """Seconds since the run began."""
        return self._monotonic() - self._zero_s

    @property
    def tells(self) -> bool:
        """Whether anybody reads the ends of steps: somebody who watches, or the journal."""
        return self.record.is_kept or self.is_watched()

    def begin_step(self) -> None:
        """Count one more step; raise `StepRejected` if that are too many for one run."""
        self.steps_begun += 1
        if self.steps_begun > MOST_STEPS:
            raise StepRejected(
                f"the run has more than {MOST_STEPS} steps, items of loops included",
                code="too_many_steps",
                hint="divide the items among several runs, or let one step do several of them",
            )


class Course:
    """One flow on its way within a run: the run's own, or one that a step runs; a live object.

    `prefix` is the path it stands below, `held` the steps in whose places it runs (they take no second one). `places`
    are those that its steps take, its own before those of what is around it; `run_keys` are the queue keys of it and of
    the flows around it.
    """

    __slots__ = (
        "_by_name",
        "call",
        "depth",
        "held",
        "hidden",
        "places",
        "plan",
        "prefix",
        "run",
        "run_keys",
        "scope",
        "secrets",
    )

    def __init__(
        self,
        *,
        run: Run,
        plan: FlowPlan,
        call: Call,
        inputs: Mapping[str, Any],
        prefix: str = "",
        above: "Course | None" = None,
        held: frozenset[str] = frozenset(),
        outer: tuple[asyncio.Semaphore, ...] = (),
        run_keys: frozenset[str] = frozenset(),
    ) -> None:
        self.run = run
        self.plan = plan
        self.call = call
        self.prefix = prefix
        self.depth = 1 if above is None else above.depth + 1
        self.held = held
        self.places = (asyncio.Semaphore(plan.limits.concurrency), *outer)
        self.run_keys = run_keys
        known = run.machinery.services.secrets
        self.secrets = {name: known[name] for name in plan.secrets if name in known}
        self.hidden = Hidden(self.secrets.values(), above=None if above is None else above.hidden)
        self.scope: dict[str, Any] = {"inputs": inputs, "steps": {}, "run": self._about_run()}
        self._by_name: dict[str, StepPlan] | None = None

    def _about_run(self) -> dict[str, Any]:
        return {
            "id": self.run.id,
            "flow": self.plan.name,
            "version": self.plan.version,
            "tenant": self.call.tenant,
            "attempt": 1,
            "started_at": self.run.started_at.isoformat(),
            "seed": self.run.call.seed,
        }

    def step_named(self, name: str) -> StepPlan:
        """Return a step of the flow, wherever it is."""
        if self._by_name is None:
            self._by_name = {step.name: step for step in self.plan.every_step()}
        return self._by_name[name]

    def wake_at(self, delay_s: float) -> Any:
        """Return the wall time after so many seconds."""
        return self.call.clock.now() + timedelta(seconds=delay_s)

    def branch(self, path: str) -> str:
        """Return the path of a step relative to this flow's own call."""
        return path[len(self.prefix) + 1 :] if self.prefix else path


def as_data(error: StepError) -> dict[str, Any]:
    """Return an error as expressions see it."""
    return {
        "stage": error.stage,
        "code": error.code,
        "message": error.message,
        "hint": error.hint,
        "retryable": error.retryable,
    }
