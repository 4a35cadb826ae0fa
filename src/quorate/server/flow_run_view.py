"""A run of a flow as callers see it: how far it is, what each step did, and, for who may see it, what it is about."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from quorate.flows.journal import JournalEvent, RunView
from quorate.flows.outcome import Latency, RunStatus, StepError, StepOutcome, StepStatus

_WHOLE = 100.0


class FlowStep(msgspec.Struct, frozen=True, kw_only=True):
    """How one step ended.

    `started_s` is since the run began, `output` is there if it was asked for. `simulated`: no real model answered.
    """

    status: StepStatus
    started_s: float
    latency_s: float
    cost_microusd: int | None
    prompt_tokens: int
    completion_tokens: int
    attempts: int
    cached: bool
    handled_by: str
    reason: str
    simulated: bool = False
    error: StepError | None = None
    output: Any = None


class FlowRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run of a flow as it stands.

    `percent` is the progress, 0 to 100. `steps` are those that have ended, by path; `failing` counts the failed
    attempts of those that have not, `timers` are when those go on that wait. `parent` is the run it was forked from.
    `simulated`: a step's answer came from no real model. `inputs` and `outputs` are there for keys that permit
    `flows.read`. `latency` says where the time went. `retries`: so often the run was taken up again by itself.
    """

    id: str
    flow: str
    version: str
    digest: str
    tenant: str
    status: RunStatus
    created_at: datetime
    updated_at: datetime
    percent: float
    cost_microusd: int | None
    parent: str | None
    cancel_requested: bool
    labels: Mapping[str, str]
    steps: Mapping[str, FlowStep]
    failing: Mapping[str, int]
    timers: Mapping[str, datetime]
    simulated: bool = False
    retries: int = 0
    errors: tuple[StepError, ...] = ()
    latency: Latency | None = None
    inputs: Mapping[str, Any] | None = None
    outputs: Mapping[str, Any] | None = None


class FlowRunSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A run of a flow in a list."""

    id: str
    flow: str
    version: str
    tenant: str
    status: RunStatus
    created_at: datetime
    updated_at: datetime
    cost_microusd: int | None
    parent: str | None


def flow_run(view: RunView, percent: float, *, contents: bool, step_outputs: bool = False) -> FlowRun:
    """Return a run as it is shown; with `contents` also what it is about, with `step_outputs` that of every step."""
    header, result = view.header, view.result
    outcomes = view.outcomes if result is None or view.outcomes else result.steps
    return FlowRun(
        id=header.id,
        flow=header.flow,
        version=header.version,
        digest=header.digest,
        tenant=header.tenant,
        status=view.status,
        created_at=header.created_at,
        updated_at=view.updated_at,
        percent=percent,
        cost_microusd=_cost(view),
        parent=header.parent,
        cancel_requested=view.cancel_requested,
        labels=header.labels if contents else {},
        steps={path: _step(each, output=contents and step_outputs) for path, each in outcomes.items()},
        failing=view.attempts,
        timers=view.timers,
        simulated=any(each.simulated for each in outcomes.values()) or (result is not None and result.simulated),
        retries=view.retries,
        errors=() if result is None else result.errors,
        latency=None if result is None else result.latency,
        inputs=header.inputs if contents else None,
        outputs=result.outputs if contents and result is not None else None,
    )


def summary(view: RunView) -> FlowRunSummary:
    """Return a run as it stands in a list."""
    header = view.header
    return FlowRunSummary(
        id=header.id,
        flow=header.flow,
        version=header.version,
        tenant=header.tenant,
        status=view.status,
        created_at=header.created_at,
        updated_at=view.updated_at,
        cost_microusd=_cost(view),
        parent=header.parent,
    )


class _Progress(msgspec.Struct, frozen=True):
    percent: float | None = None


_progress = msgspec.json.Decoder(_Progress).decode


def percent_of(status: RunStatus, last: Sequence[JournalEvent]) -> float:
    """Return how far a run is, 0 to 100, from its last events."""
    if status in (RunStatus.SUCCEEDED, RunStatus.PARTIAL):
        return _WHOLE
    for event in reversed(last):
        if (percent := _progress(event.data).percent) is not None:
            return percent
    return 0.0


def _cost(view: RunView) -> int | None:
    return view.spent_microusd if view.result is None else view.result.cost_microusd


def _step(outcome: StepOutcome, *, output: bool) -> FlowStep:
    return FlowStep(
        status=outcome.status,
        started_s=outcome.started_s,
        latency_s=outcome.latency_s,
        cost_microusd=outcome.cost_microusd,
        prompt_tokens=outcome.prompt_tokens,
        completion_tokens=outcome.completion_tokens,
        attempts=outcome.attempts,
        cached=outcome.cached,
        handled_by=outcome.handled_by,
        reason=outcome.reason,
        simulated=outcome.simulated,
        error=outcome.error,
        output=outcome.output if output else None,
    )
