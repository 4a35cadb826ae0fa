"""Which way of a `switch` is taken, and what becomes of the others."""

from collections.abc import Mapping, Sequence
from typing import Any

from quorate.flows.path import joined
from quorate.flows.plan import Case, StepPlan
from quorate.flows.run.block import show_skipped, skipped
from quorate.flows.run.course import Course
from quorate.flows.run.rendering import holds

_OTHER_TAKEN = "another case was taken"


async def chosen_case(step: StepPlan, scope: Mapping[str, Any]) -> Case | None:
    """Return the first case whose condition holds; `None` if there is none."""
    for case in step.cases:
        if case.when is None or await holds(case.when, scope):
            return case
    return None


async def pass_over(course: Course, cases: Sequence[Case], base: str, scope: dict[str, Any]) -> None:
    """Keep that the steps of these cases are skipped, and let others see it."""
    record = course.run.record
    ends = [
        (skipped(course, path, _OTHER_TAKEN), None)
        for case in cases
        for step in case.steps
        if not step.fallback_only and (path := joined(base, step.name)) not in record.outcomes
    ]
    if ends:
        await record.put(ends)
    for step in (step for case in cases for step in case.steps):
        show_skipped(course, step, joined(base, step.name), scope)
