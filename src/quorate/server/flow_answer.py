"""What a request to run a flow is answered: how the run ended, or where to ask for it."""

from typing import Any, Literal

import msgspec

from quorate.flows.outcome import FlowResult, Latency, RunStatus, StepError, StepOutcome
from quorate.server.outbound import Headers, cost_headers

RUNS = "/api/v1/runs/"


class FlowAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """How a run ended. `outputs` are there as far as they could be made, `errors` are all that happened.

    `status` is `succeeded`, `partial` (there are outputs, and errors that were handled), `failed` or `cancelled`. Costs
    are micro-USD, `null` where a price is not known; latencies are seconds. `steps` are there if they were asked for.
    `simulated`: a step's answer came from no real model.
    """

    id: str
    object: Literal["flow.run"] = "flow.run"
    flow: str
    version: str
    status: RunStatus
    outputs: dict[str, Any]
    errors: tuple[StepError, ...]
    latency: Latency
    cost_microusd: int | None
    prompt_tokens: int
    completion_tokens: int
    simulated: bool = False
    steps: dict[str, StepOutcome] | msgspec.UnsetType = msgspec.UNSET


class FlowAccepted(msgspec.Struct, frozen=True, kw_only=True):
    """A run that has not ended yet: `url` says how it goes on."""

    id: str
    object: Literal["flow.run"] = "flow.run"
    flow: str
    version: str
    status: RunStatus
    url: str


def answer_of(result: FlowResult, *, with_steps: bool = False) -> FlowAnswer:
    """Return the answer for a run that has ended."""
    return FlowAnswer(
        id=result.run_id,
        flow=result.flow,
        version=result.version,
        status=result.status,
        outputs=result.outputs,
        errors=result.errors,
        latency=result.latency,
        cost_microusd=result.cost_microusd,
        prompt_tokens=result.prompt_tokens,
        completion_tokens=result.completion_tokens,
        simulated=result.simulated,
        steps=result.steps if with_steps else msgspec.UNSET,
    )


def answer_headers(result: FlowResult) -> Headers:
    """Return the headers that tell how a run ended and what it cost."""
    return [(b"x-quorate-run-status", result.status.value.encode()), *cost_headers(result.cost_microusd)]


def accepted(run: str, flow: str, version: str, status: RunStatus) -> FlowAccepted:
    """Return the answer for a run that goes on."""
    return FlowAccepted(id=run, flow=flow, version=version, status=status, url=f"{RUNS}{run}")
