"""Where the time of a run went."""

import re
from collections.abc import Mapping

from quorate.flows.outcome import Latency, StepOutcome, StepStatus
from quorate.flows.path import ancestors, joined
from quorate.flows.plan import FlowPlan
from quorate.flows.run.shape import Shape, shape_of

#: Whether a path is below another one.
_is_inside = re.compile(r"[/\[#]").search


def latency_of(plan: FlowPlan, outcomes: Mapping[str, StepOutcome], *, prefix: str, total_s: float) -> Latency:
    """Return the report for a flow from the outcomes below `prefix` (or all); `total_s` is how long it took.

    Work is that of executed steps, not of what is made of others. The critical path is the longest chain of steps that
    wait for each other, by the time that each has taken. O(n log n) in the number of outcomes.
    """
    shape = shape_of(plan.steps)
    made = {above for path in outcomes if _is_inside(path) for above in ancestors(path)}
    took_s: dict[str, float] = {}
    marks: list[tuple[float, int]] = []
    work_s = 0.0
    for path, each in outcomes.items():
        if each.status is StepStatus.SKIPPED:
            continue
        took_s[path] = each.latency_s
        if path not in made and not each.cached:
            work_s += each.latency_s
            marks += (each.started_s, 1), (each.started_s + each.latency_s, -1)
    several_s, one_s = _overlap(marks)
    return Latency(
        total_s=total_s,
        work_s=work_s,
        parallel_s=several_s,
        sequential_s=one_s,
        critical_path_s=_critical_path_s(shape, took_s, prefix),
        speedup=work_s / total_s if total_s > 0 else 1.0,
        steps=took_s,
        groups=_groups(shape, outcomes, prefix) if shape.spanning else {},
    )


def _overlap(marks: list[tuple[float, int]]) -> tuple[float, float]:
    """Return for how long several spans held at once, and for how long exactly one did, by their ends (1, -1)."""
    marks.sort()
    several_s = one_s = 0.0
    running, since = 0, 0.0
    for at_s, change in marks:
        if running > 1:
            several_s += at_s - since
        elif running == 1:
            one_s += at_s - since
        running, since = running + change, at_s
    return several_s, one_s


def _critical_path_s(shape: Shape, took_s: Mapping[str, float], prefix: str) -> float:
    longest: dict[str, float] = {}
    for name, needs in shape.chain:
        before_s = max([longest[need] for need in needs]) if needs else 0.0
        longest[name] = before_s + took_s.get(joined(prefix, name), 0.0)
    return max(longest.values(), default=0.0)


def _groups(shape: Shape, outcomes: Mapping[str, StepOutcome], prefix: str) -> dict[str, float]:
    """Return how long each `parallel_group`, and each step made of steps, took from its first start to its last end."""
    spans: dict[str, list[StepOutcome]] = {}
    for step in shape.spanning:
        outcome = outcomes.get(joined(prefix, step.name))
        if outcome is None or outcome.status is StepStatus.SKIPPED:
            continue
        if step.kind.is_container or step.foreach is not None:
            spans.setdefault(step.name, []).append(outcome)
        if step.group is not None:
            spans.setdefault(step.group, []).append(outcome)
    return {
        name: max(each.started_s + each.latency_s for each in inside) - min(each.started_s for each in inside)
        for name, inside in spans.items()
    }
