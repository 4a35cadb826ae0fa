"""One step, from its condition to its outcome."""

from collections.abc import Coroutine
from typing import Any, assert_never

from quorate.flows.event import StepStarted
from quorate.flows.outcome import StepError, StepOutcome, StepStatus
from quorate.flows.path import joined
from quorate.flows.plan import OnFailure, StepKind, StepPlan
from quorate.flows.run.attempt import base_path
from quorate.flows.run.block import Block, show_skipped, skipped
from quorate.flows.run.course import Course, as_data
from quorate.flows.run.ending import end_event, ended
from quorate.flows.run.failure import RunStopped, StepFailed, failed
from quorate.flows.run.foreach import Loop
from quorate.flows.run.progress import Share
from quorate.flows.run.record import RUN_STOPPED
from quorate.flows.run.rendering import holds, rendered
from quorate.flows.run.tally import Tally, spend_of
from quorate.flows.run.tries import Tries
from quorate.flows.run.written_condition import written_condition


def run_step(block: Block, step: StepPlan, path: str, share: Share) -> Coroutine[Any, Any, StepOutcome]:
    """Return how a step of a block ended, after keeping it and letting others see it."""
    known = block.course.run.record.outcomes.get(path)
    if known is not None:
        return _known_again(block, step, path, share, known)
    return _StepRun(block, step, path, share).outcome()


async def _known_again(block: Block, step: StepPlan, path: str, share: Share, known: StepOutcome) -> StepOutcome:
    share.end()
    block.errors.extend(_known_errors(block.course, known))
    _show(block.course, step, path, block.scope, known)
    return known


class _StepRun:
    """One step on its way; a live object."""

    __slots__ = ("_block", "_course", "_path", "_share", "_step", "_tally")

    def __init__(self, block: Block, step: StepPlan, path: str, share: Share) -> None:
        self._block = block
        self._course: Course = block.course
        self._step = step
        self._path = path
        self._share = share
        run = block.course.run
        self._tally = Tally(attempts=run.record.attempts.get(path, 0) + 1, began_s=run.at_s)

    async def outcome(self) -> StepOutcome:
        """Take it to its end."""
        step, course = self._step, self._course
        try:
            if step.condition is not None and not await holds(step.condition, self._block.scope):
                reason = written_condition(course.plan, step)
                return await self._block.skip(step, self._path, reason, self._share)
            output = await self._output()
        except RunStopped:
            return skipped(course, self._path, RUN_STOPPED)
        except Exception as error:  # noqa: BLE001 - whatever an executor raises is a failure of its step
            outcome = await self._after(failed(error, self._path, step.executor, course.hidden))
        else:
            outcome = ended(course, self._path, self._tally, StepStatus.SUCCEEDED, output)
        if self._tally.errors:
            self._block.errors.extend(self._tally.errors)
        await self._keep(outcome)
        return outcome

    def _output(self) -> Coroutine[Any, Any, Any]:
        run, step = self._course.run, self._step
        run.begin_step()
        if step.foreach is None and step.kind is StepKind.EXECUTE:
            self._share.begin()
        elif run.is_watched():
            run.tell(StepStarted(call_id=run.id, at_s=run.at_s, step=self._path, executor=_doer(step)), None)
        if step.foreach is not None and not (run.mocks is not None and run.mocks.has(self._path, step.name)):
            return Loop(self._block, step, step.foreach, self._path, self._share, self._tally).output()
        return Tries(self._block, step, self._path, self._block.scope, self._share, self._tally).output()

    async def _after(self, failure: StepFailed) -> StepOutcome:
        """Return how a step ends that has failed for good: by its rule, if that applies."""
        rule, errors = self._step.on_error, self._tally.errors
        if failure.error not in errors:
            errors.append(failure.error)
        if rule.when is not None and not await self._applies(failure.error):
            return self._ended(StepStatus.FAILED, error=failure.error)
        if rule.fallback is not None:
            return await self._by_fallback(rule.fallback, failure.error)
        if rule.value is not None:
            return await self._by_value(failure.error)
        match rule.action:
            case OnFailure.CONTINUE:
                return self._ended(StepStatus.FAILED, error=failure.error, handled_by="continue")
            case OnFailure.STOP:
                return self._ended(StepStatus.FAILED, error=failure.error)
            case _:
                assert_never(rule.action)

    async def _applies(self, error: StepError) -> bool:
        assert self._step.on_error.when is not None
        try:
            return await holds(self._step.on_error.when, self._seeing(error))
        except Exception as wrong:  # noqa: BLE001 - a rule that cannot be decided does not apply
            self._tally.errors.append(failed(wrong, self._path, "", self._course.hidden).error)
            return False

    async def _by_value(self, error: StepError) -> StepOutcome:
        assert self._step.on_error.value is not None
        try:
            output = await rendered(self._step.on_error.value, self._seeing(error))
        except Exception as wrong:  # noqa: BLE001 - idem
            self._tally.errors.append(failed(wrong, self._path, "", self._course.hidden).error)
            return self._ended(StepStatus.FAILED, error=error)
        output = self._course.hidden.data(output)
        return self._ended(StepStatus.SUCCEEDED, output, error=error, handled_by="value")

    async def _by_fallback(self, name: str, error: StepError) -> StepOutcome:
        """Run the fallback below this step's path. It runs even if something outside has failed meanwhile."""
        fallback = self._course.step_named(name)
        self._tally.has_inside = True
        scope = {**self._block.scope, "error": as_data(error)}
        inner = Block(
            self._course, (), self._path, scope, share=self._share, run_step=run_step, places=self._block.places
        )
        outcome = await run_step(inner, fallback, joined(self._path, name), Share(0.0))
        self._tally.errors.extend(inner.errors)
        self._tally.add(spend_of(outcome))
        if outcome.status is StepStatus.SUCCEEDED:
            return self._ended(StepStatus.SUCCEEDED, outcome.output, error=error, handled_by="fallback")
        return self._ended(StepStatus.FAILED, error=error)

    def _seeing(self, error: StepError) -> dict[str, Any]:
        return {**self._block.scope, "error": as_data(error)}

    def _ended(
        self, status: StepStatus, output: Any = None, *, error: StepError | None = None, handled_by: str = ""
    ) -> StepOutcome:
        return ended(self._course, self._path, self._tally, status, output, error=error, handled_by=handled_by)

    async def _keep(self, outcome: StepOutcome) -> None:
        course, run = self._course, self._course.run
        self._share.end()
        event = end_event(course, outcome, self._share) if run.tells else None
        # Taken up again, it finds out anew how it ends, from what is inside of it.
        is_open = self._tally.has_inside and outcome.status is StepStatus.FAILED and not outcome.handled_by
        if self._block.ends_run and outcome.status is StepStatus.SUCCEEDED:
            run.record.hold_back(outcome, event)
        else:
            await run.record.put([(None if is_open else outcome, event)])
        if is_open:
            run.record.unkept[outcome.path] = outcome
        _show(course, self._step, self._path, self._block.scope, outcome)


def _doer(step: StepPlan) -> str:
    return step.executor or str(step.kind)


def _known_errors(course: Course, outcome: StepOutcome) -> list[StepError]:
    own = [] if outcome.error is None else [outcome.error]
    return own + course.run.record.errors_below(base_path(outcome.path, outcome.attempts))


def _show(course: Course, step: StepPlan, path: str, scope: dict[str, Any], outcome: StepOutcome) -> None:
    """Let expressions see how a step ended, and, when it was taken up again, everything inside it."""
    scope["steps"][step.name] = course.run.machinery.view(step, outcome)
    if step.kind.is_container and step.foreach is None:
        _show_inside(course, step, base_path(path, outcome.attempts), scope)
    if (name := step.on_error.fallback) is not None:
        below = joined(path, name)
        if (stood_in := course.run.record.outcomes.get(below)) is not None:
            _show(course, course.step_named(name), below, scope, stood_in)


def _show_inside(course: Course, step: StepPlan, base: str, scope: dict[str, Any]) -> None:
    for inner in (*step.steps, *(each for case in step.cases for each in case.steps)):
        path = joined(base, inner.name)
        outcome = course.run.record.outcomes.get(path)
        if outcome is None:
            show_skipped(course, inner, path, scope)
        else:
            _show(course, inner, path, scope, outcome)
