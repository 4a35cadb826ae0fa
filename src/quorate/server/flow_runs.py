"""The runs of flows that this process works at, each with the one record that it leaves when it has ended."""

import asyncio
from collections import OrderedDict
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec

from quorate.access.admission import Admission
from quorate.access.budgets import Reservation, Spending, WorstCase
from quorate.access.principal import Principal
from quorate.core.errors import BudgetSpent, QuorateError
from quorate.core.ids import KeyId, RunId
from quorate.core.tasks import uninterrupted
from quorate.flows.analyse import analyse
from quorate.flows.flows import Flows
from quorate.flows.journal import Lease, LeaseLost, RunHeader, RunView
from quorate.flows.journals.ended import end_event, was_nobodys
from quorate.flows.local_dispatcher import CANCEL_REQUESTED
from quorate.flows.nested_flow import FlowFailed
from quorate.flows.outcome import FlowResult, RunStatus
from quorate.flows.plan import FlowPlan
from quorate.flows.run.not_begun import not_begun
from quorate.flows.run.start import spent_before
from quorate.model import Call
from quorate.server.call_watch import CLIENT_GONE, CallWatch
from quorate.server.flow_names import model_name
from quorate.server.services import Services
from quorate.source.place import BadConfiguration

T = TypeVar("T")

#: What the record of a run says that it is.
OPERATION = "flow"
_HTTP_OK = 200
_MOST_KEPT = 256
_ROOM_EVERY_S = 0.1
#: Nobody waits for an answer to a run out of the queue.
_QUEUE = "queue"


def failure_of(result: FlowResult) -> QuorateError | None:
    """Return the error that the record of a run has; `None` for one that gave something."""
    return None if result.status in {RunStatus.SUCCEEDED, RunStatus.PARTIAL} else FlowFailed(result)


@dataclass(slots=True, kw_only=True)
class Asked:
    """A live object: a run that somebody asked this process for.

    It has a place at the writer of records. `done` becomes its result, `None` if this process stops working at it.
    """

    watch: CallWatch
    admission: Admission | None = None
    held: Reservation | None = None
    route: str = _QUEUE
    client: str = ""
    done: asyncio.Future[FlowResult | None] = field(default_factory=asyncio.Future[FlowResult | None])


class FlowRuns:
    """A live object: does the runs that the dispatcher hands it, under the call of who asked if that was here."""

    def __init__(self, services: Services, flows: Flows) -> None:
        self._services = services
        self._flows = flows
        self._asked: dict[RunId, Asked] = {}
        self._worst: OrderedDict[tuple[str, int, int], WorstCase] = OrderedDict()

    def expect(self, asked: Asked) -> None:
        """Know who asked for a run that is about to begin."""
        self._asked[asked.watch.call.id] = asked

    async def forget(self, asked: Asked) -> None:
        """Give up what is held for a run that did not begin, or that waits for whoever takes it."""
        if self._asked.pop(asked.watch.call.id, None) is not None:
            await self._give_up(asked)

    def take_back(self, asked: Asked) -> None:
        """Know no more of a run that could not begin: what is held for it is the request's again."""
        self._asked.pop(asked.watch.call.id, None)

    async def cancel(self, run: RunId) -> bool:
        """Have a run end as cancelled, wherever it runs; `False` if it has ended. One that nobody had is recorded here.

        Raises `NotFound`.
        """
        return await _whole(self._cancelled(run))

    async def _cancelled(self, run: RunId) -> bool:
        if not await self._flows.cancel(run):
            return False
        view = await self._flows.view(run)
        if view.result is not None and was_nobodys(view.result):
            await self._end(await self._unbegun(view), view.result)
        return True

    async def hold(self, principal: Principal, run: str, plan: FlowPlan) -> Reservation | None:
        """Reserve what a run may cost at most, where budgets are about it; raises `BudgetSpent`."""
        budgets = self._services.budgets
        if budgets is None or not budgets.concern(principal.tenant, principal.key_id):
            return None
        spending = Spending(run=run, tenant=principal.tenant, key_id=principal.key_id, model=model_name(plan.name))
        limit_s = plan.limits.timeout_s or self._services.settings.request_timeout_s
        await self._flows.services.prompts.refresh(self._services.clock)
        return await budgets.reserve(spending, self._worst_case(plan), timeout_s=limit_s)

    async def work(self, lease: Lease, view: RunView) -> FlowResult:
        """Run a claimed run to its end and write its record: what the dispatcher calls."""
        header = view.header
        asked = self._asked.pop(header.id, None)
        if asked is None:
            try:
                asked = await self._out_of_the_queue(lease, view)
            except BudgetSpent as error:
                return await _whole(self._refuse(lease, view, error))
            except asyncio.CancelledError as interruption:
                if interruption.args != (CANCEL_REQUESTED,):
                    raise
                # It cleans up and has its record like any other; nothing is held for that.
                asked, view = await self._unasked(view), msgspec.structs.replace(view, cancel_requested=True)
        watch = asked.watch
        watch.listen()
        watch.recorder.mode = OPERATION
        try:
            result = await self._flows.runner.work(lease, view, call=self._call(asked, header))
        except LeaseLost:
            await _whole(self._give_up(asked))
            raise
        except BaseException:
            # Cancelled by whoever may, it has ended and has its result; else it is somebody else's to end.
            await _whole(self._end_if_ended(asked))
            raise
        await _whole(self._end(asked, result))
        return result

    def _call(self, asked: Asked, header: RunHeader) -> Call:
        own = self._flows.runner.call_of(header)
        return msgspec.structs.replace(asked.watch.call, deadline=own.deadline, seed=header.seed)

    async def _out_of_the_queue(self, lease: Lease, view: RunView) -> Asked:
        header, asked = view.header, await self._unasked(view)
        try:
            if not lease.given_up:
                with suppress(BadConfiguration):  # such a run ends by itself
                    plan = self._flows.runner.plan_of(header)
                    asked.held = await self.hold(_principal(header), f"{header.id}.{lease.epoch}", plan)
        except BaseException:
            self._services.writer.release()
            raise
        return asked

    async def _refuse(self, lease: Lease, view: RunView, error: BudgetSpent) -> FlowResult:
        """End a run out of the queue that there is no money for; it leaves its record like any other."""
        asked, result = await self._unbegun(view), not_begun(view, error)
        event = end_event(result, view.header.created_at, self._services.clock.now())
        try:
            await self._flows.journal.finish(lease, result, event)
        except BaseException:
            await self._give_up(asked)
            raise
        await self._end(asked, result, error)
        return result

    async def _unbegun(self, view: RunView) -> Asked:
        """Return what makes the record of a run that ends without going on: what it has cost before is in it."""
        asked = await self._unasked(view)
        asked.watch.call.budget.carry_over(spent_before(view))
        return asked

    async def _unasked(self, view: RunView) -> Asked:
        """Return what makes the record of a run that nobody asked this process for.

        A record stays as it is once it is written: what a resumed run costs needs one of its own.
        """
        services, header = self._services, view.header
        while not services.writer.reserve():  # noqa: ASYNC110 - the writer is a thread, and tells nobody
            await asyncio.sleep(_ROOM_EVERY_S)
        watch = CallWatch(
            services,
            _principal(header),
            run_id=header.id,
            request_id=header.labels.get("request_id", header.id),
            operation=OPERATION,
            model=model_name(header.flow),
            stream=False,
            trace=None,
        )
        watch.recorder.mode = OPERATION
        watch.record_id = f"{header.id}.{view.reopened}" if view.reopened else None
        watch.paid = view.paid
        return Asked(watch=watch)

    async def _end_if_ended(self, asked: Asked) -> None:
        try:
            view = await self._flows.view(asked.watch.call.id)
        except QuorateError:
            await self._give_up(asked)
            return
        if view.result is None:
            await self._give_up(asked)
        else:
            await self._end(asked, view.result)

    async def _end(self, asked: Asked, result: FlowResult, refused: QuorateError | None = None) -> None:
        """Settle, write the record, tell who waits."""
        watch = asked.watch
        await self._settle(asked)
        status = _HTTP_OK if refused is None else refused.http_status
        record = watch.end(
            status=CLIENT_GONE if result.status is RunStatus.CANCELLED else status,
            error=refused or failure_of(result),
            route=asked.route,
            client=asked.client,
            lines=() if asked.held is None else asked.held.lines,
        )
        if asked.admission is not None:
            await self._services.limiter.settle(asked.admission, record.prompt_tokens + record.completion_tokens)
        _resolve(asked, result)

    async def _give_up(self, asked: Asked) -> None:
        """Leave the run to another process, with what it has cost here settled."""
        await self._settle(asked)
        self._services.writer.release()
        if asked.admission is not None:
            used = asked.watch.call.budget.spend.usage
            await self._services.limiter.settle(asked.admission, used.prompt_tokens + used.completion_tokens)
        _resolve(asked, None)

    async def _settle(self, asked: Asked) -> None:
        budgets = self._services.budgets
        if asked.held is not None and budgets is not None:
            await budgets.settle(asked.held, asked.watch.ledger())

    def _worst_case(self, plan: FlowPlan) -> WorstCase:
        # It may run other flows and ask saved prompts, which change.
        key = plan.digest, self._flows.book.generation, self._flows.services.prompts.generation
        if (known := self._worst.get(key)) is not None:
            return known
        found = analyse(plan, executors=self._flows.executors, costing=self._flows.costing())
        most, limit = found.most_cost_microusd, plan.limits.max_cost_microusd
        name = model_name(plan.name)
        total = min((each for each in (most, limit) if each is not None), default=0)
        unpriced = (name,) if most is None and limit is None else ()
        worst = WorstCase(total_microusd=total, by_model={name: total}, unpriced=unpriced)
        self._worst[key] = worst
        if len(self._worst) > _MOST_KEPT:
            self._worst.popitem(last=False)
        return worst


def _principal(header: RunHeader) -> Principal:
    """Return who asked for a run, as far as budgets and records want to know."""
    key = None if header.principal == "local" else KeyId(header.principal)
    return Principal(tenant=header.tenant, scopes=frozenset(), key_id=key)


def _resolve(asked: Asked, result: FlowResult | None) -> None:
    if not asked.done.done():
        asked.done.set_result(result)


async def _whole(ending: Coroutine[Any, Any, T]) -> T:
    """End, settle and record, all of it, before an interruption goes on."""
    ended, interrupted = await uninterrupted(ending)
    if interrupted is not None:
        raise interrupted
    return ended
