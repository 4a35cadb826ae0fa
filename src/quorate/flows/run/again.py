"""A run that failed for something that may pass is taken up again by itself, as often as its flow says."""

import asyncio
from datetime import datetime

from quorate.flows.event import FlowRetry
from quorate.flows.outcome import StepError, StepStatus
from quorate.flows.plan import RetryRule
from quorate.flows.run.course import Course
from quorate.flows.run.restart import to_forget
from quorate.flows.run.retry_delay import retry_delay_s
from quorate.flows.run.started import started


async def try_again(course: Course, failure: StepError) -> bool:
    """Forget what failed, if the flow may be tried once more, and wait; return whether it may.

    It may if each step that ended it failed with an error that may pass (`retryable`), `max_retries` is not reached and
    the delay (drawn; its bound doubles from 1 s to 60 s) ends before the deadline of the run. A flow inside another is
    no run: its step has `retry`.
    """
    run, record = course.run, course.run.record
    if course.prefix or run.mocks is not None or not _may_pass(course):
        return False
    retry = record.retries + 1
    delay_s = retry_delay_s(
        RetryRule(max_attempts=1 + course.plan.limits.max_retries),
        failure,
        None,
        attempt=retry,
        remaining_s=course.call.deadline.remaining_s(),
        rng=course.call.random(f"retry {retry}"),
    )
    if delay_s is None:
        return False
    event = FlowRetry(
        call_id=run.id, at_s=run.at_s, retry=retry, delay_s=delay_s, code=failure.code, message=failure.message
    )
    forget = to_forget(record.outcomes)
    await record.try_again(retry, forget=forget, wake_at=course.wake_at(delay_s), event=event)
    await asyncio.sleep(delay_s)
    run.steps_begun = 0
    course.scope["steps"].clear()
    if run.tells:
        await record.put([(None, started(course, resumed=True))])
    return True


async def wait_until_due(course: Course, due: datetime) -> None:
    """Wait for what is left of a delay that began before the run was taken up here."""
    if not course.prefix:
        await asyncio.sleep(max(0.0, (due - course.call.clock.now()).total_seconds()))


def _may_pass(course: Course) -> bool:
    record = course.run.record
    ends = (record.unkept.get(step.name) or record.outcomes.get(step.name) for step in course.plan.steps)
    broken = [
        each.error for each in ends if each is not None and each.status is StepStatus.FAILED and not each.handled_by
    ]
    return all(error is not None and error.retryable for error in broken)
