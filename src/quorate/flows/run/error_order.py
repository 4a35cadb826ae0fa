"""The order of errors: that of the flow as it is written, whichever step ended first."""

import re
from collections.abc import Iterable

from quorate.flows.outcome import StepError
from quorate.flows.plan import FlowPlan

_PART = re.compile(r"[/\[#.]?([^/\[\]#.]+)")
_BLOCKS = ("catch", "finally", "outputs")
_Key = tuple[tuple[int, str], ...]


def in_order(errors: Iterable[StepError], plan: FlowPlan) -> list[StepError]:
    """Return each error once: a step repeats the one of what is inside it.

    By where they stand in the flow: steps as they are written, items and attempts by their numbers, what is in a nested
    flow by name; then `catch`, `finally` and the outputs.
    """
    once = {(error.stage, error.code, error.message): error for error in errors}
    if len(once) <= 1:
        return list(once.values())
    places = {step.name: number for number, step in enumerate(plan.every_step())}
    places |= {name: len(places) + number for number, name in enumerate(_BLOCKS)}
    named = {output.name: number for number, output in enumerate(plan.outputs)}

    def key(error: StepError) -> tuple[_Key, str, str]:
        parts = _PART.findall(error.stage)
        known = named if parts[:1] == ["outputs"] else places
        ordered = tuple(
            (int(part), "") if part.isdigit() else ((places if not at else known).get(part, len(places) + 9), part)
            for at, part in enumerate(parts)
        )
        return ordered, error.code, error.message

    return sorted(once.values(), key=key)
