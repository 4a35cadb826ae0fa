"""Where the time of a run went."""

import re
from collections.abc import Iterable, Mapping

from quorate.flows.outcome import Latency, StepOutcome, StepStatus
from quorate.flows.path import ancestors, joined
from quorate.flows.plan import FlowPlan, StepPlan

#: Whether a path is below another one.
_is_inside = re.compile(r"[/\[#]").search


def latency_of(plan: FlowPlan, outcomes: Mapping[str, StepOutcome], *, prefix: str, total_s: float) -> Latency:
    """Return the report for a flow from the outcomes below `prefix` (or all); `total_s` is how long it took.

    Work is that of executed steps, not of what is made of others. The critical path is the longest chain of steps that
    wait for each other, by the time that each has taken. O(n log n) in the number of outcomes.
    """
    made = {above for path in outcomes if _is_inside(path) for above in ancestors(path)}
    ran = {path: each for path, each in outcomes.items() if each.status is not StepStatus.SKIPPED}
    spans = [
        (each.started_s, each.started_s + each.latency_s)
        for path, each in ran.items()
        if path not in made and not each.cached
    ]
    work_s = sum(end - start for start, end in spans)
    several_s, one_s = _overlap(spans)
    return Latency(
        total_s=total_s,
        work_s=work_s,
        parallel_s=several_s,
        sequential_s=one_s,
        critical_path_s=_critical_path_s(plan.steps, ran, prefix),
        speedup=work_s / total_s if total_s > 0 else 1.0,
        steps={path: each.latency_s for path, each in ran.items()},
        groups=_groups(plan.steps, ran, prefix),
    )


def _overlap(spans: Iterable[tuple[float, float]]) -> tuple[float, float]:
    """Return for how long several of the spans held at once, and for how long exactly one did."""
    marks = sorted([(start, 1) for start, _ in spans] + [(end, -1) for _, end in spans])
    several_s = one_s = 0.0
    running, since = 0, 0.0
    for at_s, change in marks:
        if running > 1:
            several_s += at_s - since
        elif running == 1:
            one_s += at_s - since
        running, since = running + change, at_s
    return several_s, one_s


def _critical_path_s(steps: Iterable[StepPlan], ran: Mapping[str, StepOutcome], prefix: str) -> float:
    by_name = {step.name: step for step in steps}
    longest: dict[str, float] = {}
    # Depth first without recursion: a chain of steps may be longer than Python's stack.
    waiting = list(reversed(by_name))
    while waiting:
        name, before_s = waiting[-1], 0.0
        for need in by_name[name].needs:
            need_s = longest.get(need)
            if need_s is not None:
                before_s = max(before_s, need_s)
            elif need in by_name:
                waiting.append(need)
                break
        else:
            waiting.pop()
            own = ran.get(joined(prefix, name))
            longest[name] = before_s + (own.latency_s if own is not None else 0.0)
    return max(longest.values(), default=0.0)


def _groups(steps: Iterable[StepPlan], ran: Mapping[str, StepOutcome], prefix: str) -> dict[str, float]:
    """Return how long each `parallel_group`, and each step made of steps, took from its first start to its last end."""
    spans: dict[str, list[StepOutcome]] = {}
    for step in steps:
        outcome = ran.get(joined(prefix, step.name))
        if outcome is None:
            continue
        if step.kind.is_container or step.foreach is not None:
            spans.setdefault(step.name, []).append(outcome)
        if step.group is not None:
            spans.setdefault(step.group, []).append(outcome)
    return {
        name: max(each.started_s + each.latency_s for each in inside) - min(each.started_s for each in inside)
        for name, inside in spans.items()
    }
