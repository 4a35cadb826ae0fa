"""A step done once for each item of a list."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, cast

from quorate.flows.executor import StepRejected
from quorate.flows.outcome import StepOutcome, StepStatus
from quorate.flows.path import item as item_path
from quorate.flows.plan import Foreach, OnItemError, StepPlan
from quorate.flows.run.attempt import base_path
from quorate.flows.run.block import Block
from quorate.flows.run.ending import end_event, ended
from quorate.flows.run.failure import RunStopped, StepFailed, failed
from quorate.flows.run.progress import Share
from quorate.flows.run.rendering import rendered
from quorate.flows.run.tally import Tally, spend_of
from quorate.flows.run.tries import Tries


class Loop:
    """All items of one step; a live object.

    The items are not kept: they are evaluated anew when the run is taken up again, from outcomes that are, so they are
    the same. At most `max_parallel` are under way, begun in their order. After a failure that ends the loop, those
    under way end and no further one begins.
    """

    def __init__(self, block: Block, step: StepPlan, foreach: Foreach, path: str, share: Share, tally: Tally) -> None:
        self._block = block
        self._course = block.course
        self._step = step
        self._foreach = foreach
        self._path = path
        self._share = share
        self._tally = tally
        self._failure: StepFailed | None = None
        self._was_stopped = False
        self._next = 0
        self._items: Sequence[Any] = ()
        self._outputs: list[Any] = []

    async def output(self) -> list[Any]:
        """Return the outputs in the order of the items; raise `StepFailed` for the first item that ended the loop."""
        self._items = await self._evaluated()
        self._outputs = [None] * len(self._items)
        self._tally.has_inside = True
        workers = min(self._foreach.max_parallel, len(self._items))
        if workers == 1:
            await self._work()
        elif workers:
            async with asyncio.TaskGroup() as group:
                for _ in range(workers):
                    group.create_task(self._work())
        if self._failure is not None:
            raise self._failure
        if self._was_stopped or self._next < len(self._items):
            raise RunStopped
        return self._outputs

    async def _evaluated(self) -> Sequence[Any]:
        items = await rendered(self._foreach.items, self._block.scope)
        if isinstance(items, list | tuple):
            return cast("Sequence[Any]", items)
        if isinstance(items, Mapping):
            entries = cast("Mapping[str, Any]", items)
            return [{"key": key, "value": value} for key, value in entries.items()]
        raise StepRejected(
            f"`foreach` of step {self._path!r} needs a list and got {type(items).__name__}",
            code="bad_items",
            hint='let `items` be an expression for a list, alone in its braces: "{{ inputs.names }}"',
        )

    async def _work(self) -> None:
        while self._next < len(self._items) and self._failure is None and not self._block.is_stopped:
            index = self._next
            self._next += 1
            try:
                await self._item(index)
            except RunStopped:
                self._was_stopped = True
                return

    async def _item(self, index: int) -> None:
        run, path = self._course.run, item_path(self._path, index)
        share = self._share.part(1 / len(self._items))
        outcome = run.record.outcomes.get(path)
        if outcome is None:
            run.begin_step()
            outcome = await self._done(index, path, share)
        else:
            self._tally.errors.extend(run.record.errors_below(base_path(path, outcome.attempts)))
        share.end()
        self._tally.add(spend_of(outcome))
        self._outputs[index] = outcome.output
        if outcome.error is None:
            return
        self._tally.errors.append(outcome.error)
        if self._foreach.on_item_error is OnItemError.FAIL and self._failure is None:
            self._failure = StepFailed(outcome.error)

    async def _done(self, index: int, path: str, share: Share) -> StepOutcome:
        """Do one item and keep how it ended."""
        course, run = self._course, self._course.run
        tally = Tally(attempts=run.record.attempts.get(path, 0) + 1, began_s=run.at_s)
        if not self._step.kind.is_container:
            share.begin()
        try:
            output = await Tries(self._block, self._step, path, self._scope(index), share, tally).output()
        except RunStopped:
            raise
        except Exception as error:  # noqa: BLE001 - whatever an executor raises is a failure of its step
            failure = failed(error, path, self._step.executor, course.hidden).error
            collects = self._foreach.on_item_error is OnItemError.COLLECT
            handled_by = "continue" if collects else ""
            outcome = ended(course, path, tally, StepStatus.FAILED, error=failure, handled_by=handled_by)
        else:
            outcome = ended(course, path, tally, StepStatus.SUCCEEDED, output)
        self._tally.errors.extend(error for error in tally.errors if error != outcome.error)
        share.end()
        is_open = tally.has_inside and outcome.error is not None and not outcome.handled_by
        event = end_event(course, outcome, share) if run.tells else None
        await run.record.put([(None if is_open else outcome, event)])
        if is_open:
            run.record.unkept[path] = outcome
        return outcome

    def _scope(self, index: int) -> dict[str, Any]:
        last = len(self._items) - 1
        loop = {"index": index, "first": index == 0, "last": index == last, "length": last + 1}
        scope = {**self._block.scope, self._foreach.name: self._items[index], "loop": loop}
        if self._step.kind.is_container:
            # Steps inside see those of their own item.
            scope["steps"] = dict(scope["steps"])
        return scope
