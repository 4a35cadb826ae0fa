"""What of a run is kept when it is begun again: after a failure, or from one of its steps on."""

import re
from collections.abc import Iterable, Mapping, Sequence

from quorate.core.errors import NotFound
from quorate.flows.outcome import StepOutcome, StepStatus
from quorate.flows.path import ancestors, is_below, joined
from quorate.flows.plan import FlowPlan, StepPlan
from quorate.flows.run.record import is_broken
from quorate.source.place import did_you_mean

_LAST = re.compile(r"(?:.*?/)?(?:catch|finally)(?=/)")


def to_forget(outcomes: Mapping[str, StepOutcome]) -> list[str]:
    """Return the paths whose outcomes must go so that the failed steps are tried again, and what waited for them.

    Those that failed and were handled keep what took their place.
    """
    broken = {path for path, outcome in outcomes.items() if is_broken(outcome)}
    # Forgetting a path forgets what is below it: of two that are inside each other the outer one is enough.
    inner = {path for path in broken if any(above in broken for above in ancestors(path))}
    # How a flow ends depends on what failed, so its last steps are done again.
    ends = {found[0] for path in outcomes if (found := _LAST.match(path)) is not None}
    return sorted((broken - inner) | ends)


def kept_before(plan: FlowPlan, outcomes: Mapping[str, StepOutcome], step: str) -> list[StepOutcome]:
    """Return the outcomes of everything that neither is the step nor comes after it; raise `NotFound`.

    `step` is the path or the name of a step. One in a loop, a nested flow or a later attempt is not told from the
    step around it.
    """
    way = _way_to(plan.steps, step.rpartition("/")[2], "")
    if way is None:
        names = [each.name for each in plan.every_step()]
        raise NotFound(f"the flow {plan.name!r} has no step {step!r}{did_you_mean(step, names)} to fork from")
    dropped: list[str] = ["catch", "finally"]
    around: set[str] = set()
    for block, prefix, name in way:
        behind = _behind(block, name)
        dropped.extend(joined(prefix, each) for each in behind)
        around.add(joined(prefix, name))
    dropped.append(joined(way[-1][1], way[-1][2]))
    return [
        outcome
        for path, outcome in outcomes.items()
        if path not in around
        and not any(is_below(path, each) for each in dropped)
        and outcome.status is not StepStatus.CANCELLED
        and not is_broken(outcome)
    ]


_Way = list[tuple[Sequence[StepPlan], str, str]]


def _way_to(steps: Sequence[StepPlan], name: str, prefix: str) -> _Way | None:
    """Return the blocks that lead to a step, each with its path and the name of the step in it."""
    for step in steps:
        here: tuple[Sequence[StepPlan], str, str] = (steps, prefix, step.name)
        if step.name == name:
            return [here]
        for block in (step.steps, *(case.steps for case in step.cases)):
            below = _way_to(block, name, joined(prefix, step.name))
            if below is not None:
                return [here] if step.foreach is not None else [here, *below]
    return None


def _behind(steps: Iterable[StepPlan], name: str) -> set[str]:
    """Return what waits for a step in its block, directly or not."""
    steps = list(steps)
    behind: set[str] = set()
    before = -1
    while len(behind) != before:
        before = len(behind)
        behind.update(step.name for step in steps if (behind | {name}) & set(step.needs))
    return behind
