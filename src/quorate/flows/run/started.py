"""The beginning of a run, as an event."""

from quorate.flows.event import FlowStarted
from quorate.flows.run.course import Course


def started(course: Course, *, resumed: bool) -> FlowStarted:
    """Return the event that tells that a run begins or goes on."""
    run, plan = course.run, course.plan
    steps = [step for step in plan.steps if not step.fallback_only]
    whole = sum(step.weight for step in steps) or 1.0
    return FlowStarted(
        call_id=run.id,
        at_s=run.at_s,
        flow=plan.name,
        version=plan.version,
        digest=plan.digest,
        steps=tuple(step.name for step in steps),
        weights=tuple(step.weight / whole for step in steps),
        resumed=resumed,
    )
