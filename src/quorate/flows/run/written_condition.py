"""The text of a condition, for people: a compiled one has none, the flow's document does."""

from collections.abc import Iterator, Mapping
from typing import Any, cast

from quorate.flows.plan import FlowPlan, StepPlan

_UNKNOWN = "its condition is false"


def written_condition(plan: FlowPlan, step: StepPlan) -> str:
    """Return a step's condition as it was written. O(size of the document): only for steps that are skipped."""
    return next(_conditions(plan.document, step.name), _UNKNOWN)


def _conditions(value: object, name: str) -> Iterator[str]:
    if isinstance(value, Mapping):
        entries = cast("Mapping[str, Any]", value)
        if entries.get("name") == name and "condition" in entries:
            yield str(entries["condition"])
        for entry in entries.values():
            yield from _conditions(entry, name)
    elif isinstance(value, list | tuple):
        for entry in cast("list[Any]", value):
            yield from _conditions(entry, name)
