"""The attempts of one step, or of one item of it, until one succeeds or there is no further one."""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, assert_never, cast

from quorate.flows.event import StepRetry
from quorate.flows.outcome import FlowResult, StepOutcome, StepStatus
from quorate.flows.plan import StepKind, StepPlan
from quorate.flows.run.attempt import Attempt, base_path, within_time
from quorate.flows.run.block import Block
from quorate.flows.run.choice import chosen_case, pass_over
from quorate.flows.run.failure import RunStopped, StepFailed, failed
from quorate.flows.run.places import Place
from quorate.flows.run.progress import Share
from quorate.flows.run.retry_delay import retry_delay_s
from quorate.flows.run.tally import Tally, spend_of
from quorate.model.usage import Spend


class Tries:
    """All attempts of one step or item; a live object. `scope` is what it sees; its tally says where it begins."""

    __slots__ = ("_block", "_course", "_path", "_scope", "_share", "_step", "_tally")

    def __init__(
        self, block: Block, step: StepPlan, path: str, scope: dict[str, Any], share: Share, tally: Tally
    ) -> None:
        self._block = block
        self._course = block.course
        self._step = step
        self._path = path
        self._scope = scope
        self._share = share
        self._tally = tally

    async def output(self) -> Any:
        """Return the output of the first attempt that has one; raise `StepFailed`, or `RunStopped` before the first."""
        mocks = self._course.run.mocks
        if mocks is not None and mocks.has(self._path, self._step.name):
            return self._noted(mocks.answer(self._path, self._step.name))
        number = self._tally.attempts
        if number > 1:
            await self._wait_for_timer()
        while True:
            try:
                return self._noted(await self._attempt(number))
            except Exception as error:  # noqa: BLE001 - whatever an executor raises is a failure of its step
                failure = failed(error, self._path, self._step.executor, self._course.hidden)
            if (delay_s := self._delay_s(number, failure)) is None:
                raise failure
            await self._put_off(number, delay_s, failure)
            number += 1
            self._tally.begin(number)

    def _noted(self, output: Any) -> Any:
        """Return an output, after taking note of whether it says that no real model answered.

        Only what asks models says so; other executors may pass on what looks like that.
        """
        said: object = output
        if isinstance(said, dict) and cast("dict[str, Any]", said).get("simulated") is True:
            executor = self._step.executor
            self._tally.simulated |= bool(executor) and self._course.run.machinery.executors.get(executor).billed
        return output

    def _attempt(self, number: int) -> Coroutine[Any, Any, Any]:
        step, call = self._step, self._course.call
        call.deadline.require(f"step {self._path!r} began")
        match step.kind:
            case StepKind.EXECUTE:
                return self._execute(number)
            case StepKind.GROUP:
                self._tally.has_inside = True
                return within_time(self._group(number), step, self._path, call)
            case StepKind.SWITCH:
                self._tally.has_inside = True
                return within_time(self._switch(number), step, self._path, call)
            case _:
                assert_never(step.kind)

    async def _execute(self, number: int) -> Any:
        course, step = self._course, self._step
        place = Place(self._block.places, self._step_places())
        await place.take()
        branch = base_path(course.branch(self._path), number)
        call = course.call.child(branch)
        attempt = Attempt(course, step, self._path, number, self._scope, call, place)
        try:
            if self._block.is_stopped and number == 1:
                raise RunStopped
            return await within_time(attempt.output(), step, self._path, course.call)
        except asyncio.CancelledError:
            self._interrupted(call.budget.spend)
            raise
        finally:
            place.free()
            self._tally.add(call.budget.spend)
            self._tally.cached = attempt.was_cached
            if attempt.nested:
                self._take_nested(attempt.nested)

    def _take_nested(self, results: Sequence[FlowResult]) -> None:
        self._tally.has_inside = True
        self._tally.simulated = any(result.simulated for result in results)
        for result in results:
            self._tally.errors.extend(result.errors)

    async def _group(self, number: int) -> Any:
        block = self._inner(self._step.steps, number)
        await self._run(block)
        return block.outputs()

    async def _switch(self, number: int) -> Any:
        taken = await chosen_case(self._step, self._scope)
        base = base_path(self._path, number)
        await pass_over(self._course, [case for case in self._step.cases if case is not taken], base, self._scope)
        if taken is None:
            return {"case": None}
        block = self._inner(taken.steps, number)
        await self._run(block)
        return {"case": taken.name, **block.outputs()}

    def _inner(self, steps: tuple[StepPlan, ...], number: int) -> Block:
        places, most = self._block.places, self._step.concurrency
        return Block(
            self._course,
            steps,
            base_path(self._path, number),
            self._scope,
            share=self._share,
            run_step=self._block.run_step,
            above=self._block,
            places=places if most is None else (asyncio.Semaphore(most), *places),
        )

    async def _run(self, block: Block) -> None:
        try:
            await block.run()
        finally:
            self._tally.errors.extend(block.errors)
            for outcome in block.outcomes.values():
                self._tally.add(spend_of(outcome))

    def _step_places(self) -> asyncio.Semaphore | None:
        step, course = self._step, self._course
        key = f"{course.plan.name}/{step.name}"
        if step.concurrency is None or key in course.held:
            return None
        return course.run.machinery.step_places.of(key, step.concurrency)

    def _delay_s(self, number: int, failure: StepFailed) -> float | None:
        call = self._course.call
        return retry_delay_s(
            self._step.retry,
            failure.error,
            failure.cause,
            attempt=number,
            remaining_s=call.deadline.remaining_s(),
            rng=call.random(f"{self._path}#{number}"),
        )

    async def _put_off(self, number: int, delay_s: float, failure: StepFailed) -> None:
        """Keep that an attempt failed, tell, and wait for the next one."""
        run = self._course.run
        spent = self._tally.last_spend.known_microusd
        wake_at = self._course.wake_at(delay_s)
        await run.record.put_attempt(self._path, number, wake_at=wake_at, spent_microusd=spent)
        if run.is_watched():
            error = failure.error
            run.tell(
                StepRetry(
                    call_id=run.id,
                    at_s=run.at_s,
                    step=self._path,
                    attempt=number,
                    delay_s=delay_s,
                    code=error.code,
                    message=error.message,
                ),
                None,
            )
        await asyncio.sleep(delay_s)

    async def _wait_for_timer(self) -> None:
        """Wait for what is left of the delay that began before the run was taken up again."""
        if (due := self._course.run.record.timers.get(self._path)) is not None:
            left_s = (due - self._course.call.clock.now()).total_seconds()
            await asyncio.sleep(max(0.0, left_s))

    def _interrupted(self, spend: Spend) -> None:
        run, began_s, spend = self._course.run, self._tally.began_s, self._tally.spend + spend
        run.interrupted[self._path] = StepOutcome(
            path=self._path,
            status=StepStatus.CANCELLED,
            attempts=self._tally.attempts,
            started_s=began_s,
            latency_s=run.at_s - began_s,
            cost_microusd=spend.cost_microusd,
            prompt_tokens=spend.usage.prompt_tokens,
            completion_tokens=spend.usage.completion_tokens,
        )
