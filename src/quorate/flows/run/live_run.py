"""A run that this process runs now: begun, watched, interrupted, ended."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any

import msgspec

from quorate.core.clock import Deadline
from quorate.core.errors import QuorateError
from quorate.core.tasks import background, uninterrupted
from quorate.flows.event import FlowFinished, FlowRetry, FlowStarted, StepEnded
from quorate.flows.journal import LeaseLost
from quorate.flows.outcome import FlowResult, RunStatus, StepError
from quorate.flows.run.course import Course
from quorate.flows.run.failure import run_lost
from quorate.flows.run.interpret import clean_up, interpret, result_of
from quorate.flows.run.started import started
from quorate.flows.run.watch import Seen, Watch
from quorate.model.event import Event, EventSink, deliver, ignore_events

#: What `finally` has after a run was cancelled.
_CLEANING_UP_S = 30.0
_KEPT = (FlowStarted, FlowRetry, StepEnded, FlowFinished)


class Audience:
    """Whoever hears of one run: the sink of its call, and those who watch it; a live object."""

    def __init__(self, sink: EventSink, watches: Sequence[Watch]) -> None:
        self._sink = None if sink is ignore_events else sink
        self._watches = watches

    def __bool__(self) -> bool:
        return self._sink is not None or bool(self._watches)

    def tell(self, event: Event, seq: int | None = None) -> None:
        """Pass an event on; `seq` is its number in the journal."""
        if self._sink is not None:
            deliver(event, self._sink)
        if self._watches:
            seen = Seen(event=event, seq=seq)
            is_kept = isinstance(event, _KEPT)
            for watch in self._watches:
                watch.tell(seen, is_kept=is_kept)


class LiveRun:
    """One run in this process; a live object."""

    def __init__(self, course: Course) -> None:
        self._course = course
        self._task: asyncio.Task[Any] | None = None
        self._cancels = 0
        self._lost: LeaseLost | None = None
        self._is_cancelled = False

    @property
    def is_kept(self) -> bool:
        """Whether the run is in a journal."""
        return self._course.run.record.is_kept

    def cancel(self) -> None:
        """Have the run end as cancelled."""
        self._is_cancelled = True
        if self._task is not None:
            self._cancels += 1
            self._task.cancel()

    def lose(self, lost: LeaseLost) -> None:
        """Stop at once: somebody else has the run."""
        self._lost = self._course.run.record.lost = lost
        self.cancel()

    async def to_its_end(
        self,
        *,
        resumed: bool,
        is_cancelled: Callable[[], Awaitable[bool]],
        on_end: Callable[[FlowResult], None] | None = None,
    ) -> FlowResult:
        """Return the result, after keeping it and telling `on_end`. An interruption is raised after that.

        Who interrupts it may want the run to end, or to go on later: that is what `is_cancelled` says. In the second
        case nothing more is run; after `LeaseLost` nothing is kept either.
        """
        course = self._course
        result = interrupted = None
        try:
            if course.run.tells:
                await course.run.record.begin(started(course, resumed=resumed), at_once=course.run.is_watched())
        except asyncio.CancelledError as error:
            interrupted = error
        else:
            result, interrupted = await self._interpreted()
        if self._lost is not None:
            raise self._lost
        if result is None and interrupted is not None and not self._is_cancelled and not await is_cancelled():
            with suppress(QuorateError):  # else whoever takes the run does the last step again
                await course.run.record.flush()
            raise interrupted
        if result is None:
            async with background(self._cancelled()) as closing:
                await asyncio.wait((closing,))
            result = closing.result()
        keeping = course.run.record.finish(result, _finished(course, result) if course.run.tells else None)
        if self.is_kept:  # who is interrupted looks how the run has ended: that must be there by then
            _, late = await uninterrupted(keeping)
            interrupted = interrupted or late
        else:
            await keeping
        if on_end is not None:
            on_end(result)
        if interrupted is not None:
            raise interrupted
        return result

    async def _interpreted(self) -> tuple[FlowResult | None, asyncio.CancelledError | None]:
        """Return the result (none after `cancel` or an interruption) and the interruption of whoever waits, if any.

        It runs in the task of whoever waits: one of its own would cost a run as much as two steps.
        """
        if self._is_cancelled:  # that was asked for while the beginning was kept
            return None, None
        self._task = task = asyncio.current_task()
        assert task is not None
        before = task.cancelling()
        result = interrupted = None
        try:
            result = await interpret(self._course)
            if self._cancels:  # by the run itself, too late: else what waits would be interrupted instead
                await asyncio.sleep(0)
        except asyncio.CancelledError as error:
            interrupted = error
        except BaseExceptionGroup as errors:
            raise run_lost(errors) or errors from None
        finally:
            self._task = None
            for _ in range(self._cancels):
                task.uncancel()
        is_from_outside = not self._cancels or task.cancelling() > before
        return result, interrupted if is_from_outside else None

    async def _cancelled(self) -> FlowResult:
        course = self._course
        run = course.run
        errors = [StepError(stage="", code="cancelled", message="the run was cancelled")]
        if run.interrupted:
            await run.record.put([(outcome, None) for outcome in run.interrupted.values()])
        course.call = msgspec.structs.replace(course.call, deadline=Deadline.after(run.call.clock, _CLEANING_UP_S))
        await clean_up(course, RunStatus.CANCELLED, errors)
        nothing = dict.fromkeys(output.name for output in course.plan.outputs)
        return result_of(course, RunStatus.CANCELLED, nothing, errors)


def _finished(course: Course, result: FlowResult) -> FlowFinished:
    return FlowFinished(
        call_id=course.run.id,
        at_s=course.run.at_s,
        status=str(result.status),
        latency_s=result.latency.total_s,
        cost_microusd=result.cost_microusd,
        errors=len(result.errors),
    )
