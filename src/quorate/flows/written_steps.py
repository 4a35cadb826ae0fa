"""Steps of a plan as they were written: what is compiled no longer shows its text."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from quorate.flows.plan import FlowPlan


def written_steps(plan: FlowPlan) -> dict[str, Mapping[str, Any]]:
    """Return the steps of `plan.document` by name, in the canonical spelling, without what is as it is anyway."""
    blocks = (_steps(plan.document, key) for key in ("steps", "catch", "finally"))
    return {str(step["name"]): step for block in blocks for step in _nested(block)}


def _nested(steps: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for step in steps:
        yield step
        yield from _nested(_steps(step, "steps"))
        for case in _steps(step, "switch"):
            yield from _nested(_steps(case, "steps"))


def _steps(written: Mapping[str, Any], key: str) -> Sequence[Mapping[str, Any]]:
    return cast("Sequence[Mapping[str, Any]]", written.get(key, ()))


def expression_text(written: object) -> str:
    """Return an expression for people: without the braces around it, on one line."""
    text = " ".join(str(written).split())
    if text.startswith("{{") and text.endswith("}}") and text.count("{{") == 1:
        text = text[2:-2].strip()
    return text
