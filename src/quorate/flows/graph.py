"""A flow as what can be drawn: shapes inside shapes, what waits for what, and how it went."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from quorate.flows import path as paths
from quorate.flows.outcome import StepOutcome, StepStatus
from quorate.flows.plan import FlowPlan, Require, StepKind, StepPlan
from quorate.flows.written_steps import expression_text, written_steps

_ITEMS = re.compile(r"\[[0-9]+\]|#[0-9]+")
#: How a step ended, said so that no colour is needed; the worst of several first.
SIGNS = {
    StepStatus.FAILED: "\u2717",
    StepStatus.CANCELLED: "\u25a0",
    StepStatus.SUCCEEDED: "\u2713",
    StepStatus.SKIPPED: "\u2013",
}
_NOTE_CHARACTERS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """Steps beside each other: of a group, a way of a switch, or one of a flow's blocks (`label` says which)."""

    label: str
    steps: tuple["Shape", ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A step: its name, a few lines about it, and how it ended (`status`), if it did.

    `needs` are names of steps in the same block, `stands_in_for` those whose fallback it is.
    """

    path: str
    name: str
    kind: StepKind
    lines: tuple[str, ...] = ()
    status: StepStatus | None = None
    needs: tuple[str, ...] = ()
    stands_in_for: tuple[str, ...] = ()
    ways: tuple[Way, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """A flow: its name and version, a description in words, and its blocks."""

    title: str
    description: str
    blocks: tuple[Way, ...]


def graph_of(plan: FlowPlan, outcomes: Mapping[str, StepOutcome] | None = None) -> Graph:
    """Return what is to be drawn; with `outcomes` (by path) how each step ended, items of a loop counted together."""
    maker = _Maker(written=written_steps(plan), outcomes=_by_step(outcomes) if outcomes is not None else None)
    blocks = [Way(label="", steps=maker.block(plan.steps, ""))]
    blocks += [
        Way(label=label, steps=maker.block(steps, label))
        for label, steps in (("catch", plan.catch), ("finally", plan.finally_))
        if steps
    ]
    title = f"{plan.name} {plan.version}"
    said = "; ".join(_said(shape) for block in blocks for shape in block.steps)
    return Graph(title=title, description=f"Flow {title}. {said or 'No steps'}.", blocks=tuple(blocks))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Maker:
    written: Mapping[str, Mapping[str, Any]]
    outcomes: Mapping[str, Sequence[StepOutcome]] | None

    def block(self, steps: Sequence[StepPlan], parent: str) -> tuple[Shape, ...]:
        owners: dict[str, list[str]] = {}
        for step in steps:
            if step.on_error.fallback is not None:
                owners.setdefault(step.on_error.fallback, []).append(step.name)
        return tuple(self._shape(step, parent, owners.get(step.name, [])) for step in steps)

    def _shape(self, step: StepPlan, parent: str, owners: Sequence[str]) -> Shape:
        path = paths.joined(parent, step.name)
        written = self.written.get(step.name, {})
        ended = self._ended(step, parent, owners)
        lines = [*_notes(step, written), *([_how(ended)] if self.outcomes is not None else [])]
        return Shape(
            path=path,
            name=step.name,
            kind=step.kind,
            lines=tuple(lines),
            status=next((status for status in SIGNS if any(each.status is status for each in ended)), None),
            needs=tuple(need for need in step.needs if need not in owners),
            stands_in_for=tuple(owners),
            ways=tuple(self._ways(step, path, written)),
        )

    def _ways(self, step: StepPlan, path: str, written: Mapping[str, Any]) -> Iterable[Way]:
        if step.kind is StepKind.GROUP:
            yield Way(label="", steps=self.block(step.steps, path))
        cases = cast("Sequence[Mapping[str, Any]]", written.get("switch", ()))
        for index, case in enumerate(step.cases):
            when = f"if {expression_text(cases[index].get('when', ''))}" if case.when is not None else "otherwise"
            yield Way(label=cut(when), steps=self.block(case.steps, path))

    def _ended(self, step: StepPlan, parent: str, owners: Sequence[str]) -> Sequence[StepOutcome]:
        outcomes = self.outcomes or {}
        places = [paths.joined(parent, step.name)]
        places += [paths.joined(paths.joined(parent, owner), step.name) for owner in owners]
        return next((outcomes[place] for place in places if place in outcomes), ())


def _by_step(outcomes: Mapping[str, StepOutcome]) -> Mapping[str, Sequence[StepOutcome]]:
    """Return outcomes by the step's path without items and attempts; that of a whole loop stands for its items."""
    found: dict[str, list[StepOutcome]] = {}
    for path, outcome in outcomes.items():
        found.setdefault(_ITEMS.sub("", path), []).append(outcome)
    return {path: [outcomes[path]] if path in outcomes else each for path, each in found.items()}


def _notes(step: StepPlan, written: Mapping[str, Any]) -> Iterable[str]:
    yield cut(step.executor or step.kind.value)
    if step.condition is not None:
        yield cut(f"if {expression_text(written.get('condition', ''))}")
    if step.foreach is not None:
        items = cast("Mapping[str, Any]", written.get("foreach", {})).get("items", "")
        yield cut(f"for each {step.foreach.name} of {expression_text(items)}")
    if step.require is not Require.ALL and step.needs:
        yield "as soon as one succeeded" if step.require is Require.ANY else "whatever came of them"


def _how(ended: Sequence[StepOutcome]) -> str:
    if not ended:
        return "not ended"
    if len(ended) > 1:
        counted = Counter(each.status for each in ended)
        return ", ".join(f"{SIGNS[status]} {counted[status]} {status.value}" for status in SIGNS if counted[status])
    (outcome,) = ended
    handled = f" ({outcome.handled_by})" if outcome.handled_by else ""
    timed = f", {outcome.latency_s:.2f} s" if outcome.status is not StepStatus.SKIPPED else ""
    return f"{SIGNS[outcome.status]} {outcome.status.value}{handled}{timed}"


def _said(shape: Shape) -> str:
    text = f"{shape.name} ({', '.join(shape.lines)})"
    if shape.needs:
        text += f" after {', '.join(shape.needs)}"
    if shape.stands_in_for:
        text += f" if {' or '.join(shape.stands_in_for)} fails"
    inside = "; ".join(_said(step) for way in shape.ways for step in way.steps)
    return f"{text} with {inside}" if inside else text


def cut(text: str) -> str:
    """Return a note at a length that fits into a box."""
    return text if len(text) <= _NOTE_CHARACTERS else f"{text[: _NOTE_CHARACTERS - 1]}\u2026"
