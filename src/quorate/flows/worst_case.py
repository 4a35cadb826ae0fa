"""The most that steps can cost: every attempt made, every item, the dearest way of each switch, every fallback."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

from quorate.core.errors import NotFound, QuorateError
from quorate.engine.most import UNKNOWN, WorstCase, largest, plus
from quorate.flows.asking_cost import Costing
from quorate.flows.plan import FlowPlan, StepKind, StepPlan
from quorate.flows.registry import Executors
from quorate.flows.written_steps import expression_text, written_steps

_INPUT = re.compile(r"inputs\.([A-Za-z_][A-Za-z0-9_]*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Spending:
    """Adds up what the steps of a plan can cost. `known` is what was found of other flows, by their digests."""

    plan: FlowPlan
    executors: Executors
    costing: Costing | None
    written: Mapping[str, Mapping[str, Any]]
    known: dict[str, WorstCase] = field(default_factory=dict[str, WorstCase])

    def of_run(self) -> WorstCase:
        """Return the most that a run can need, taken up again as often as the flow lets it."""
        return times(self.once(), 1 + self.plan.limits.max_retries)

    def once(self) -> WorstCase:
        """Return the most that all steps can need, `catch` and `finally` included."""
        return plus(self.of_block(block) for block in (self.plan.steps, self.plan.catch, self.plan.finally_))

    def of_block(self, steps: Sequence[StepPlan]) -> WorstCase:
        """Return the most that steps beside each other can need."""
        beside = {step.name: step for step in steps}
        return plus(self.of_step(step, beside) for step in steps if not step.fallback_only)

    def of_step(self, step: StepPlan, beside: Mapping[str, StepPlan]) -> WorstCase:
        """Return the most that a step, with all that may stand in for it, can need."""
        most = times(times(self._once(step), step.retry.max_attempts), self.items(step))
        seen = {step.name}
        fallback = step.on_error.fallback
        while (
            fallback is not None and fallback in beside and fallback not in seen
        ):  # each stands in for the one before it
            seen.add(fallback)
            other = beside[fallback]
            most = plus((most, times(times(self._once(other), other.retry.max_attempts), self.items(other))))
            fallback = other.on_error.fallback
        return most

    def _once(self, step: StepPlan) -> WorstCase:
        if step.kind is StepKind.GROUP:
            return self.of_block(step.steps)
        if step.kind is StepKind.SWITCH:
            return largest(self.of_block(case.steps) for case in step.cases)
        config = cast("Mapping[str, Any]", self.written[step.name].get("config", {}))
        try:
            return self.executors.get(step.executor).worst_case(config, self._costing())
        except NotFound:
            return UNKNOWN

    def _costing(self) -> Costing | None:
        return None if self.costing is None else replace(self.costing, flow=self._of_flow)

    def _of_flow(self, name: str, version: str | None) -> WorstCase:
        """Return the most that another flow can need as a part of this one: it is not taken up again by itself."""
        if self.costing is None or self.costing.plans is None:
            return UNKNOWN
        try:
            plans = self.costing.plans(name, version)
        except QuorateError:
            return UNKNOWN
        return largest(self._of_plan(plan) for plan in plans)

    def _of_plan(self, plan: FlowPlan) -> WorstCase:
        if (found := self.known.get(plan.digest)) is None:
            self.known[plan.digest] = UNKNOWN  # what a flow that runs itself finds on its way down
            found = self.known[plan.digest] = replace(self, plan=plan, written=written_steps(plan)).once()
        return found

    def items(self, step: StepPlan) -> int | None:
        """Return how many items a loop has at most: of a written list, or of an input that says so."""
        if step.foreach is None:
            return 1
        written = cast("Mapping[str, Any]", self.written[step.name]["foreach"])["items"]
        if isinstance(written, list | tuple):
            return len(cast("Sequence[object]", written))
        found = _INPUT.fullmatch(expression_text(written))
        schemas = {each.name: each.schema for each in self.plan.inputs}
        most = schemas[found[1]].get("maxItems") if found and found[1] in schemas else None
        return most if isinstance(most, int) else None


def times(part: WorstCase, count: int | None) -> WorstCase:
    """Return something done so often; nothing stays nothing, however often."""
    return WorstCase(calls=_times(part.calls, count), cost_microusd=_times(part.cost_microusd, count))


def _times(one: int | None, count: int | None) -> int | None:
    if one == 0:
        return 0
    return None if one is None or count is None else one * count
