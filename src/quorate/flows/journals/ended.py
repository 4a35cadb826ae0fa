"""Runs that end without the interpreter: cancelled while they wait, lost with their worker, or by an error of ours."""

from collections.abc import Mapping
from datetime import datetime

import msgspec

from quorate.flows.event import FlowFinished
from quorate.flows.journal import RunHeader, RunView, resumes_by_itself
from quorate.flows.outcome import FlowResult, Latency, RunStatus, StepError, StepOutcome

_NO_TIME = Latency(total_s=0, work_s=0, parallel_s=0, sequential_s=0, critical_path_s=0, speedup=1, steps={}, groups={})

_NOBODY_HAD_IT = StepError(stage="", code="cancelled", message="the run was cancelled while no worker had it")


def cancelled(header: RunHeader, outcomes: Mapping[str, StepOutcome], cost_microusd: int) -> FlowResult:
    """Return how a run ends that was cancelled while nobody ran it."""
    return _ended(header, outcomes, cost_microusd, RunStatus.CANCELLED, _NOBODY_HAD_IT)


def was_nobodys(result: FlowResult) -> bool:
    """Return whether a run was cancelled while nobody ran it."""
    return result.errors == (_NOBODY_HAD_IT,)


def worker_lost(view: RunView, *, silent: int) -> FlowResult:
    """Return how a run ends that is not taken up again: so many workers went silent with it, one after the other."""
    message = "the worker of the run went silent, and the flow says that nobody takes it up by itself"
    hint = "resume the run: the steps that have ended are not executed again"
    if resumes_by_itself(view.header):
        message = f"every worker of the run went silent: {silent} one after the other, and no step ended meanwhile"
        hint = (
            "a step of it may use up the memory or kill the process: look at the logs of the workers, mend that and "
            "resume the run; the steps that have ended are not executed again"
        )
    error = StepError(stage="", code="worker_lost", message=message, hint=hint)
    return _ended(view.header, view.outcomes, view.spent_microusd, RunStatus.FAILED, error)


def broken(view: RunView) -> FlowResult:
    """Return how a run ends whose worker stumbled over an error of the program."""
    error = StepError(
        stage="",
        code="internal_error",
        message="the program failed while it ran the flow; its log says where",
        hint="resume the run once the program is mended: the steps that have ended are not executed again",
    )
    return _ended(view.header, view.outcomes, view.spent_microusd, RunStatus.FAILED, error)


def end_event(result: FlowResult, began_at: datetime, now: datetime) -> bytes:
    """Return the event, as it is kept, that tells of such an end."""
    return msgspec.json.encode(
        FlowFinished(
            call_id=result.run_id,
            at_s=max(0.0, (now - began_at).total_seconds()),
            status=str(result.status),
            latency_s=result.latency.total_s,
            cost_microusd=result.cost_microusd,
            errors=len(result.errors),
        )
    )


def _ended(
    header: RunHeader, outcomes: Mapping[str, StepOutcome], cost_microusd: int, status: RunStatus, error: StepError
) -> FlowResult:
    return FlowResult(
        run_id=header.id,
        flow=header.flow,
        version=header.version,
        digest=header.digest,
        status=status,
        outputs={},
        errors=(error,),
        steps=dict(outcomes),
        latency=_NO_TIME,
        cost_microusd=cost_microusd,
        prompt_tokens=sum(outcome.prompt_tokens for outcome in outcomes.values()),
        completion_tokens=sum(outcome.completion_tokens for outcome in outcomes.values()),
        simulated=any(outcome.simulated for outcome in outcomes.values()),
    )
