"""A set of steps run as a graph: each starts the moment what it waits for has ended."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any, assert_never

from quorate.flows.event import StepSkipped
from quorate.flows.outcome import StepError, StepOutcome, StepStatus
from quorate.flows.path import joined
from quorate.flows.plan import Require, StepPlan
from quorate.flows.run.course import Course
from quorate.flows.run.failure import RunStopped, StepFailed
from quorate.flows.run.progress import Share
from quorate.flows.run.record import RUN_STOPPED, UPSTREAM_FAILED, is_broken
from quorate.flows.run.shape import shape_of
from quorate.flows.run.view import succeeded

_NONE_SUCCEEDED = "none of the steps it waits for succeeded"
#: Takes one step of a block to its outcome.
RunStep = Callable[["Block", StepPlan, str, Share], Coroutine[Any, Any, StepOutcome]]


class Block:
    """Steps that wait for each other; a live object.

    A step whose failure nobody handles stops the block: what is under way ends, nothing new starts. `errors` are all
    errors inside, handled or not. `scope` is what the steps see; their views are put into its `steps`. Each step has a
    count of those it still waits for, so that an end costs as much as the step has dependents. Whoever ended goes on
    with the first step that it set free; only further ones get a task. `places` are those that its steps take, from the
    inside out; not given: those of the flow.
    """

    __slots__ = (
        "_broken",
        "_counts",
        "_shape",
        "_shares",
        "above",
        "course",
        "errors",
        "failure",
        "outcomes",
        "places",
        "prefix",
        "run_step",
        "scope",
        "steps",
    )

    def __init__(
        self,
        course: Course,
        steps: tuple[StepPlan, ...],
        prefix: str,
        scope: dict[str, Any],
        *,
        share: Share,
        run_step: RunStep,
        above: "Block | None" = None,
        places: tuple[asyncio.Semaphore, ...] | None = None,
    ) -> None:
        self.course = course
        self.places = course.places if places is None else places
        self.prefix = prefix
        self.scope = scope
        self.above = above
        self.errors: list[StepError] = []
        self.failure: StepFailed | None = None
        self._broken = set[str]()
        self.outcomes: dict[str, StepOutcome] = {}
        self.run_step = run_step
        self._shape = shape = shape_of(steps)
        self.steps = shape.steps
        self._counts = dict(shape.counts)
        self._shares = {name: share.part(part) for name, part in shape.parts.items()}
        for step in shape.fallbacks:
            show_skipped(course, step, joined(prefix, step.name), scope)

    @property
    def is_stopped(self) -> bool:
        """Whether nothing new starts here."""
        return self.failure is not None or (self.above is not None and self.above.is_stopped)

    @property
    def ends_run(self) -> bool:
        """Whether the run ends at once when the step that ends now has succeeded: it is the last of everything."""
        course = self.course
        return (
            len(self.outcomes) == len(self.steps) - 1
            and self.prefix == ""
            and not self.is_stopped
            and not course.plan.finally_
            and course.plan.cache is None
            and not any(output.value.slow for output in course.plan.outputs)
        )

    async def run(self) -> None:
        """Run all steps; raise `StepFailed` for the first failure, `RunStopped` if one outside kept some back."""
        if self._shape.first:
            async with asyncio.TaskGroup() as group:
                await self._fan_out(self._shape.first, group)
        left = await self._skip_the_rest()
        if self.failure is not None:
            raise self.failure
        if left:
            raise RunStopped

    def outputs(self) -> dict[str, Any]:
        """Return the outputs by the steps' names, in written order, whichever ended first."""
        return {name: self.outcomes[name].output for name in self.steps if name in self.outcomes}

    async def _fan_out(self, ready: Sequence[StepPlan], group: asyncio.TaskGroup) -> None:
        while ready:
            for step in ready[1:]:
                group.create_task(self._fan_out((step,), group))
            begun = self._begun(ready[0])
            if begun is None:
                return
            ready = self._ended(ready[0], await begun)

    def _ended(self, step: StepPlan, outcome: StepOutcome) -> list[StepPlan]:
        """Take note of the end of a step and return those that may start now."""
        if outcome.reason == RUN_STOPPED:
            return []
        self.outcomes[step.name] = outcome
        if is_broken(outcome):
            self._broken.add(step.name)
            if outcome.error is not None and self.failure is None:
                self.failure = StepFailed(outcome.error)
        freed: list[StepPlan] = []
        for name in self._shape.dependents[step.name]:
            self._counts[name] -= 1
            if not self._counts[name]:
                freed.append(self.steps[name])
        return freed

    def _begun(self, step: StepPlan) -> Coroutine[Any, Any, StepOutcome] | None:
        """Return what takes a step to its outcome; `None` for one that is left over."""
        path = joined(self.prefix, step.name)
        is_known = path in self.course.run.record.outcomes
        if is_known or (reason := self._why_not(step)) is None:
            if self.is_stopped and not is_known:
                return None
            return self.run_step(self, step, path, self._shares[step.name])
        if reason == UPSTREAM_FAILED:
            return None
        return self.skip(step, path, reason, self._shares[step.name])

    def _why_not(self, step: StepPlan) -> str | None:
        """Return why a step whose needs have ended does not start, `None` if it does."""
        needs = self._shape.needs[step.name]
        match step.require:
            case Require.ALL:
                return None if self._broken.isdisjoint(needs) else UPSTREAM_FAILED
            case Require.ANY:
                has_one = not needs or any(succeeded(self.outcomes[need]) for need in needs)
                return None if has_one else _NONE_SUCCEEDED
            case Require.DONE:
                return None
            case _:
                assert_never(step.require)

    async def skip(self, step: StepPlan, path: str, reason: str, share: Share) -> StepOutcome:
        """Keep that a step is skipped, and let others see it."""
        share.end()
        outcome = skipped(self.course, path, reason)
        await self.course.run.record.put([(outcome, _event(self.course, outcome, share))])
        show_skipped(self.course, step, path, self.scope, outcome)
        return outcome

    async def _skip_the_rest(self) -> bool:
        """Keep which steps were never started, all at once; return whether there are any."""
        left = [name for name in self.steps if name not in self.outcomes]
        if not left:
            return False
        behind = self._behind_failures()
        ends: list[tuple[StepOutcome | None, StepSkipped | None]] = []
        for name in left:
            path = joined(self.prefix, name)
            self._shares[name].end()
            outcome = skipped(self.course, path, UPSTREAM_FAILED if name in behind else RUN_STOPPED)
            # What has begun inside goes on below this path when the run is taken up again.
            has_begun = self.steps[name].kind.is_container or self.steps[name].foreach is not None
            self.outcomes[name] = outcome
            if has_begun:
                self.course.run.record.unkept[path] = outcome
            ends.append((None if has_begun else outcome, _event(self.course, outcome, self._shares[name])))
            show_skipped(self.course, self.steps[name], path, self.scope, outcome)
        await self.course.run.record.put(ends)
        return True

    def _behind_failures(self) -> set[str]:
        behind = set[str]()
        waiting = list(self._broken)
        while waiting:
            for name in self._shape.dependents[waiting.pop()]:
                if name not in behind:
                    behind.add(name)
                    waiting.append(name)
        return behind


def skipped(course: Course, path: str, reason: str) -> StepOutcome:
    """Return the outcome of a step that is not executed."""
    return StepOutcome(path=path, status=StepStatus.SKIPPED, reason=reason, attempts=0, started_s=course.run.at_s)


def show_skipped(
    course: Course, step: StepPlan, path: str, scope: dict[str, Any], outcome: StepOutcome | None = None
) -> None:
    """Let expressions see a step that is not executed, and everything inside it."""
    outcome = outcome or skipped(course, path, "")
    scope["steps"][step.name] = course.run.machinery.view(step, outcome)
    for inner in _inside(step):
        show_skipped(course, inner, joined(path, inner.name), scope)


def _inside(step: StepPlan) -> Iterable[StepPlan]:
    if step.foreach is None:
        yield from step.steps
        for case in step.cases:
            yield from case.steps


def _event(course: Course, outcome: StepOutcome, share: Share) -> StepSkipped | None:
    run = course.run
    if not run.tells:
        return None
    return StepSkipped(call_id=run.id, at_s=run.at_s, step=outcome.path, percent=share.percent, reason=outcome.reason)
