"""The end of a step that was executed: as an outcome, and as an event."""

from typing import Any

from quorate.flows.event import StepFailed as StepFailedEvent
from quorate.flows.event import StepFinished
from quorate.flows.outcome import StepError, StepOutcome, StepStatus
from quorate.flows.run.course import Course
from quorate.flows.run.progress import Share
from quorate.flows.run.tally import Tally


def ended(
    course: Course,
    path: str,
    tally: Tally,
    status: StepStatus,
    output: Any = None,
    *,
    error: StepError | None = None,
    handled_by: str = "",
) -> StepOutcome:
    """Return the outcome of a step that ends now."""
    spend, began_s = tally.spend, tally.began_s
    return StepOutcome(
        path=path,
        status=status,
        output=output,
        error=error,
        handled_by=handled_by,
        attempts=tally.attempts,
        started_s=began_s,
        latency_s=course.run.at_s - began_s,
        cost_microusd=spend.cost_microusd,
        prompt_tokens=spend.usage.prompt_tokens,
        completion_tokens=spend.usage.completion_tokens,
        cached=tally.cached,
        simulated=tally.simulated,
    )


def end_event(course: Course, outcome: StepOutcome, share: Share) -> StepFinished | StepFailedEvent:
    """Return the event that tells of the end of a step that was executed."""
    run, error = course.run, outcome.error
    if outcome.status is StepStatus.SUCCEEDED or error is None:
        return StepFinished(
            call_id=run.id,
            at_s=run.at_s,
            step=outcome.path,
            percent=share.percent,
            latency_s=outcome.latency_s,
            cost_microusd=outcome.cost_microusd,
            attempts=outcome.attempts,
            cached=outcome.cached,
            handled_by=outcome.handled_by,
        )
    return StepFailedEvent(
        call_id=run.id,
        at_s=run.at_s,
        step=outcome.path,
        percent=share.percent,
        latency_s=outcome.latency_s,
        cost_microusd=outcome.cost_microusd,
        code=error.code,
        message=error.message,
        hint=error.hint,
        attempts=outcome.attempts,
    )
