"""What expressions see of a step that has ended."""

import dataclasses
from collections.abc import Sequence
from typing import Any, cast

import msgspec

from quorate.flows.outcome import StepOutcome, StepStatus
from quorate.flows.registry import AnyExecutor


def view_of(outcome: StepOutcome, fields: Sequence[str]) -> dict[str, Any]:
    """Return how `steps.NAME` looks: how it ended, its output whole, and the output's own fields over all that.

    `fields` are those that its output usually has: `null` where there is no output, so that asking is no error.
    """
    output, error, status = outcome.output, outcome.error, outcome.status
    view: dict[str, Any] = {
        "success": status is StepStatus.SUCCEEDED,
        "status": str(status),
        "skipped": status is StepStatus.SKIPPED,
        "error": None
        if error is None
        else {"stage": error.stage, "code": error.code, "message": error.message, "hint": error.hint},
        "result": output,
        "output": output,
    }
    if isinstance(output, dict):
        view.update(cast("dict[str, Any]", output))
    elif output is None:
        for field in fields:
            view.setdefault(field, None)
    return view


def succeeded(outcome: StepOutcome) -> bool:
    """Return whether a step has what its dependents asked for."""
    return outcome.status is StepStatus.SUCCEEDED


def result_fields(executor: AnyExecutor) -> tuple[str, ...]:
    """Return the fields of what an executor returns, as they are called in JSON; none for a plain JSON type."""
    result = cast("object", executor.result)
    if isinstance(result, type) and issubclass(result, msgspec.Struct):
        return result.__struct_encode_fields__
    if isinstance(result, type) and dataclasses.is_dataclass(result):
        return tuple(field.name for field in dataclasses.fields(result))
    return ()
