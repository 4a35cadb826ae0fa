"""Another flow as a part of a step: how it ended, as the step's output."""

from collections.abc import Mapping
from typing import Any, TypeAlias, cast

import msgspec

from quorate.core.errors import QuorateError
from quorate.flows.executor import StepContext
from quorate.flows.outcome import FlowResult, RunStatus


class FlowFailed(QuorateError):
    """A flow that a step ran has failed; it may succeed next time if all that failed in it may."""

    code = "flow_failed"
    default_status = 502

    def __init__(self, result: FlowResult) -> None:
        first = next(iter(result.errors), None)
        told = f": {first.stage}: {first.message}" if first is not None else ""
        more = f" (and {len(result.errors) - 1} more)" if len(result.errors) > 1 else ""
        super().__init__(f"the flow {result.flow!r} ended as {result.status.value}{told}{more}")
        self.hint = first.hint if first is not None else ""
        self._retryable = bool(result.errors) and all(error.retryable for error in result.errors)

    @property
    def retryable(self) -> bool:
        """Whether it may succeed if it is run again."""
        return self._retryable


class FlowOutputs(msgspec.Struct, frozen=True, kw_only=True):
    """What a flow gave: its outputs stand beside these fields, too.

    `status` is `succeeded` or `partial`; `errors` are those that were handled in it. `simulated`: a
    step's answer came from no real model.
    """

    flow: str
    version: str
    run: str
    status: str
    outputs: dict[str, Any]
    errors: list[dict[str, Any]]
    simulated: bool


#: The outcome of a flow, its outputs beside it.
OpenOutputs: TypeAlias = FlowOutputs | dict[str, Any]


async def run_nested(flow: str, version: str | None, inputs: Mapping[str, Any], step: StepContext) -> FlowOutputs:
    """Return what a flow gave; raise `FlowFailed` if it gave nothing, and what `RunFlow` raises."""
    result = await step.run_flow(flow, version, inputs, step)
    if result.status not in {RunStatus.SUCCEEDED, RunStatus.PARTIAL}:
        raise FlowFailed(result)
    return FlowOutputs(
        flow=result.flow,
        version=result.version,
        run=result.run_id,
        status=result.status.value,
        outputs=result.outputs,
        errors=[cast("dict[str, Any]", msgspec.to_builtins(error)) for error in result.errors],
        simulated=result.simulated,
    )


def outputs_opened(outputs: FlowOutputs) -> OpenOutputs:
    """Return the outcome with the outputs beside its fields; where both have a name, the field stands."""
    return {**outputs.outputs, **cast("dict[str, Any]", msgspec.to_builtins(outputs))}
