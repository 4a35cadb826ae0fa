"""One attempt of one executed step: its config is rendered, checked and given to its executor."""

import asyncio
from collections.abc import Coroutine, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any, TypeVar

import msgspec
from pydantic import ValidationError

from quorate.core.errors import DeadlineExceeded
from quorate.flows.event import StepDelta, StepStarted
from quorate.flows.executor import StepContext, StepRejected
from quorate.flows.outcome import FlowResult, RunStatus, StepOutcome, StepStatus
from quorate.flows.path import attempt as attempt_path
from quorate.flows.path import item
from quorate.flows.plan import CacheRule, StepPlan
from quorate.flows.registry import AnyExecutor
from quorate.flows.run.course import Course
from quorate.flows.run.failure import StepFailed
from quorate.flows.run.hidden import HiddenPieces
from quorate.flows.run.nested import nested_course, run_place
from quorate.flows.run.places import Place
from quorate.flows.run.rendering import rendered
from quorate.flows.step_cache import cache_key
from quorate.model import Call
from quorate.source.explain import explain
from quorate.source.place import KeyPath
from quorate.templating.values import Literal

T = TypeVar("T")
#: An output as JSON.
MOST_BYTES = 4 * 1024 * 1024
_encode = msgspec.json.Encoder().encode


class Attempt:
    """One attempt of one step; a live object. `nested` are the results of the flows that it ran below itself."""

    __slots__ = (
        "_call",
        "_course",
        "_number",
        "_path",
        "_place",
        "_said",
        "_scope",
        "_sleeps",
        "_step",
        "nested",
        "was_cached",
    )

    def __init__(
        self, course: Course, step: StepPlan, path: str, number: int, scope: Mapping[str, Any], call: Call, place: Place
    ) -> None:
        self._course = course
        self._step = step
        self._path = path
        self._number = number
        self._call = call
        self._place = place
        self._sleeps = 0
        self._said: HiddenPieces | None = None
        self._scope = scope if number == 1 else {**scope, "run": {**scope["run"], "attempt": number}}
        self.nested: list[FlowResult] = []
        self.was_cached = False

    async def output(self) -> Any:
        """Return what the executor gives, as plain JSON without secrets; what it raises is raised."""
        course, step = self._course, self._step
        executor = course.run.machinery.executors.get(step.executor)
        written: Any = {}
        if isinstance(step.config, Literal):
            written = step.config.value
        elif step.config is not None:
            written = await rendered(step.config, self._scope)
        cache = course.run.machinery.cache
        if cache is None or step.cache is None:
            return self._plain(await self._executed(executor, written))
        key = await self._cache_key(step.cache, written)
        if (kept := await cache.get(key)) is not None:
            self.was_cached = True
            return kept.output
        output = self._plain(await self._executed(executor, written))
        outcome = StepOutcome(path=self._path, status=StepStatus.SUCCEEDED, output=output)
        await cache.put(key, outcome, step.cache.ttl_s)
        return output

    async def _executed(self, executor: AnyExecutor, written: object) -> Any:
        run = self._course.run
        if run.is_watched():
            run.tell(
                StepStarted(
                    call_id=run.id,
                    at_s=run.at_s,
                    step=self._path,
                    executor=self._step.executor,
                    attempt=self._number,
                ),
                None,
            )
        config = _checked(executor, written, self._path)
        try:
            result = await executor.run(config, self._context())
        except Exception as error:
            # Why the flow below has failed says more than that it has.
            below = next((each for each in self.nested if each.status is RunStatus.FAILED and each.errors), None)
            if below is None:
                raise
            raise StepFailed(below.errors[0]) from error
        if self._said is not None:
            self._show(self._said.rest())
        return result

    def _context(self) -> StepContext:
        course = self._course
        return StepContext(
            path=self._path,
            key=f"{course.run.id}/{self._path}",
            attempt=self._number,
            call=self._call,
            scope=self._scope,
            services=course.run.machinery.services,
            say=self._say,
            sleep=self._sleep,
            run_flow=self._run_flow,
            values=course.plan.compile_value,
            secrets=course.secrets,
            needs=self._step.needs,
        )

    async def _run_flow(
        self, flow: str, version: str | None, inputs: Mapping[str, Any], step: StepContext
    ) -> FlowResult:
        del step
        prefix = base_path(self._path, self._number)
        if self.nested:
            prefix = item(prefix, len(self.nested))
        below = await nested_course(self._course, self._step, self._call, prefix, flow, version, inputs, self._place)
        async with self._place.lent(), run_place(below):
            result = await self._course.run.interpret(below)
        self.nested.append(result)
        return result

    def _say(self, text: str) -> None:
        if self._said is None:
            self._said = HiddenPieces(self._course.hidden)
        self._show(self._said.piece(text))

    def _show(self, shown: str) -> None:
        run = self._course.run
        if shown and run.is_watched():
            run.tell(StepDelta(call_id=run.id, at_s=run.at_s, step=self._path, text=shown), None)

    async def _sleep(self, delay_s: float) -> None:
        self._sleeps += 1
        path = attempt_path(self._path, self._number)
        timer = path if self._sleeps == 1 else f"{path}.{self._sleeps}"
        course = self._course
        due = await course.run.record.timer(timer, course.wake_at(delay_s))
        left_s = (due - course.call.clock.now()).total_seconds()
        # A place is worth more to others than to somebody who sleeps.
        async with self._place.lent() if left_s > 0 else _nothing():
            await asyncio.sleep(max(0.0, left_s))

    async def _cache_key(self, rule: CacheRule, written: object) -> str:
        course = self._course
        own = written if rule.key is None else await rendered(rule.key, self._scope)
        place = self._step.executor if rule.key is None else f"{course.plan.name}/{self._step.name}"
        return cache_key(course.call.tenant, place, own)

    def _plain(self, result: object) -> Any:
        try:
            output = msgspec.to_builtins(result, str_keys=True)
            size = len(_encode(output))
        except (TypeError, ValueError, OverflowError, msgspec.MsgspecError) as error:
            raise TypeError(f"the executor {self._step.executor!r} returned what is not JSON: {error}") from error
        if size > MOST_BYTES:
            raise StepRejected(
                f"the output of step {self._path!r} is {size} bytes as JSON, more than {MOST_BYTES}",
                code="output_too_large",
                hint="keep the content in a file of the run, or return less of it",
            )
        return self._course.hidden.data(output)


def base_path(path: str, attempt: int) -> str:
    """Return below which path the steps inside a step stand in one of its attempts: each has its own."""
    return path if attempt == 1 else attempt_path(path, attempt)


def within_time(work: Coroutine[Any, Any, T], step: StepPlan, path: str, call: Call) -> Coroutine[Any, Any, T]:
    """Return what `work` returns; raise `DeadlineExceeded` if it takes longer than an attempt or the run may."""
    limit_s, left_s = step.timeout_s, call.deadline.remaining_s()
    if limit_s is None and left_s is None:
        return work
    own = left_s is None or (limit_s is not None and limit_s <= left_s)
    return _limited(work, limit_s if own else left_s, path, own=own)


async def _limited(work: Coroutine[Any, Any, T], limit_s: float | None, path: str, *, own: bool) -> T:
    timer = asyncio.timeout(limit_s)
    try:
        async with timer:
            return await work
    except TimeoutError as error:
        if not timer.expired():
            raise
        if own:
            message = f"step {path!r} took longer than its timeout of {limit_s:g} s"
        else:
            message = f"the deadline of the run passed while step {path!r} was running; allow more time"
        raise DeadlineExceeded(message) from error


def _checked(executor: AnyExecutor, written: object, path: str) -> Any:
    try:
        return executor.config.model_validate(written)
    except ValidationError as error:
        problems = explain(error, executor.config, _Rendered(written))
        told = "; ".join(f"{'.'.join(map(str, problem.path)) or 'config'}: {problem.message}" for problem in problems)
        raise StepRejected(
            f"the config of step {path!r} does not fit the executor {executor.name!r}: {told}",
            code="bad_config",
            hint="look at what the templates of these keys give",
        ) from None


class _Rendered:
    """A rendered config, for messages about it; it stands in no file."""

    def __init__(self, written: object) -> None:
        self.tree: Mapping[str, Any] = written if isinstance(written, Mapping) else {}

    def place(self, path: KeyPath) -> str:
        del path
        return ""

    def key_place(self, path: KeyPath) -> str:
        del path
        return ""


def _nothing() -> AbstractAsyncContextManager[None]:
    return nullcontext()
