"""A flow from its first step to its result."""

from typing import Any

import msgspec

from quorate.core.clock import Deadline
from quorate.flows.outcome import FlowResult, RunStatus, StepError
from quorate.flows.path import is_below, joined
from quorate.flows.plan import StepPlan
from quorate.flows.run.again import try_again, wait_until_due
from quorate.flows.run.block import Block
from quorate.flows.run.course import Course, as_data
from quorate.flows.run.error_order import in_order
from quorate.flows.run.failure import RunStopped, StepFailed
from quorate.flows.run.kept_result import KeptResult
from quorate.flows.run.latency import latency_of
from quorate.flows.run.outputs import made_outputs
from quorate.flows.run.progress import Share
from quorate.flows.run.step import run_step

#: What `catch` and `finally` have, whatever is left of the run's time.
_CLEANING_UP_S = 30.0


async def interpret(course: Course) -> FlowResult:
    """Run a flow, unless its outputs are kept: its steps, `catch` after a failure, `finally` always, then its outputs.

    A run that failed for what may pass is tried again before those two, if it may.

    Failures of steps are in the result; what is raised has ended the whole run (`LeaseLost`, `CancelledError`). Who
    interrupts it calls `clean_up` for what `finally` says.
    """
    began_s = course.run.at_s
    errors: list[StepError] = []
    kept = None if course.plan.cache is None else KeptResult(course, course.plan.cache)
    if kept is not None and (known := await kept.outcome()) is not None:
        result = result_of(course, RunStatus.SUCCEEDED, known.output, errors, began_s=began_s)
        return msgspec.structs.replace(result, simulated=known.simulated)
    if course.run.record.retry_at is not None:
        await wait_until_due(course, course.run.record.retry_at)
    failure = await _block(course, course.plan.steps, "", course.scope, errors, Share(1.0))
    while failure is not None and await try_again(course, failure):
        errors.clear()
        failure = await _block(course, course.plan.steps, "", course.scope, errors, Share(1.0))
    if failure is not None and course.plan.catch:
        seen = {"error": as_data(failure), "errors": [as_data(error) for error in in_order(errors, course.plan)]}
        _allow_time(course)
        await _block(course, course.plan.catch, "catch", {**course.scope, **seen}, errors, Share(0.0))
    await clean_up(course, _status(failure, errors), errors)
    outputs, wrong = await made_outputs(course, is_whole=not errors)
    errors.extend(wrong)
    status = RunStatus.FAILED if wrong else _status(failure, errors)
    result = result_of(course, status, outputs, errors, began_s=began_s)
    if kept is not None and status is RunStatus.SUCCEEDED:
        await kept.keep(result)
    return result


async def clean_up(course: Course, status: RunStatus, errors: list[StepError]) -> None:
    """Run the steps of `finally`, which see `run.status`; their errors are added to the others."""
    if course.plan.finally_:
        _allow_time(course)
        scope = {**course.scope, "run": {**course.scope["run"], "status": str(status)}}
        scope["errors"] = [as_data(error) for error in in_order(errors, course.plan)]
        await _block(course, course.plan.finally_, "finally", scope, errors, Share(0.0))


def result_of(
    course: Course, status: RunStatus, outputs: dict[str, Any], errors: list[StepError], *, began_s: float = 0.0
) -> FlowResult:
    """Return the result of a flow that has ended with these outputs and errors."""
    run, plan, spend = course.run, course.plan, course.call.budget.spend
    outcomes = {**run.record.outcomes, **run.record.unkept}
    if course.prefix:
        outcomes = {
            path: each for path, each in outcomes.items() if is_below(path, course.prefix) and path != course.prefix
        }
    return FlowResult(
        run_id=run.id,
        flow=plan.name,
        version=plan.version,
        digest=plan.digest,
        status=status,
        outputs=outputs,
        errors=tuple(in_order(errors, course.plan)),
        steps=outcomes,
        latency=latency_of(plan, outcomes, prefix=course.prefix, total_s=run.at_s - began_s),
        cost_microusd=spend.cost_microusd,
        prompt_tokens=spend.usage.prompt_tokens,
        completion_tokens=spend.usage.completion_tokens,
        simulated=any(each.simulated for each in outcomes.values()),
        retries=0 if course.prefix else run.record.retries,
    )


async def _block(
    course: Course,
    steps: tuple[StepPlan, ...],
    name: str,
    scope: dict[str, Any],
    errors: list[StepError],
    share: Share,
) -> StepError | None:
    """Run one block of the flow and return the failure that stopped it."""
    prefix = joined(course.prefix, name) if name else course.prefix
    block = Block(course, steps, prefix, scope, share=share, run_step=run_step)
    try:
        await block.run()
    except StepFailed as failure:
        return failure.error
    except RunStopped:
        return None
    finally:
        errors.extend(block.errors)
    return None


def _allow_time(course: Course) -> None:
    """Give what cleans up time of its own, if the run's is over."""
    left_s = course.call.deadline.remaining_s()
    if left_s is not None and left_s < _CLEANING_UP_S:
        deadline = Deadline.after(course.call.clock, _CLEANING_UP_S)
        course.call = msgspec.structs.replace(course.call, deadline=deadline)


def _status(failure: StepError | None, errors: list[StepError]) -> RunStatus:
    if failure is not None:
        return RunStatus.FAILED
    return RunStatus.PARTIAL if errors else RunStatus.SUCCEEDED
