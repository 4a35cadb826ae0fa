"""All that runs flows in one process: what the gateway, the command line and the library talk to."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from quorate.core.clock import Clock
from quorate.core.errors import QuorateError
from quorate.core.ids import RunId, TenantId
from quorate.core.tasks import background
from quorate.flows.asking_cost import Costing
from quorate.flows.book import FlowBook
from quorate.flows.callbacks import CALLBACK, Callbacks
from quorate.flows.dispatcher import Work
from quorate.flows.executor import FlowServices
from quorate.flows.follow import Follower, Told
from quorate.flows.journal import JournalEvent, RunView
from quorate.flows.local_dispatcher import LocalDispatcher
from quorate.flows.outcome import FlowResult
from quorate.flows.outgoing_gate import GatedOutgoing
from quorate.flows.plan import Durability, FlowPlan
from quorate.flows.queue_journal import QueueJournal
from quorate.flows.registry import Executors
from quorate.flows.run.watch import Watch
from quorate.flows.run_files import DiskRunFiles
from quorate.flows.runner import FlowRunner
from quorate.model import Call
from quorate.templating.functions import FunctionPool

_log = logging.getLogger("quorate")
_CLEAN_EVERY_S = 60.0
_COUNT_EVERY_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """For how long what is left of ended runs is kept; `None`: for good. Files go sooner than the rest."""

    runs_s: float | None = None
    files_s: float = 86_400.0


@dataclass(slots=True, kw_only=True)
class Flows:
    """The flows of one process, their runs, and what runs them; a live object. `close` it when done.

    `runner` runs, `dispatcher` takes runs out of the queue of `journal`, `files` are those of runs. The label
    `callback` of a run says who is told of its end: an address or the name of a webhook. `queued` is how many runs
    waited in the queue of all processes a moment ago.
    """

    book: FlowBook
    executors: Executors
    services: FlowServices
    runner: FlowRunner
    dispatcher: LocalDispatcher
    journal: QueueJournal
    files: DiskRunFiles
    outgoing: GatedOutgoing
    functions: FunctionPool
    callbacks: Callbacks
    clock: Clock
    retention: Retention = field(default_factory=Retention)
    max_file_bytes: int = 20 * 1024 * 1024
    reload_s: float = 1.0
    queued: int = 0

    def plan(self, name: str, version: str | None = None, *, key: str | None = None) -> FlowPlan:
        """Return the plan of a flow; `key` is what a split by weights sticks to. Raises `NotFound`."""
        return self.book.resolve(name, version, key=key)

    def costing(self) -> Costing:
        """Return what the worst case of these flows is reckoned with."""
        services = self.services
        return Costing(
            catalog=services.catalog,
            plan=services.plan,
            models=services.models,
            prompts=services.prompts,
            plans=self.book.possible,
        )

    async def run(
        self,
        plan: FlowPlan,
        inputs: Mapping[str, Any],
        call: Call,
        *,
        durability: Durability | None = None,
        mocks: Mapping[str, Any] | None = None,
        labels: Mapping[str, str] | None = None,
        are_checked: bool = False,
    ) -> FlowResult:
        """Run a flow here and now, and return how it ended; interrupted, the run is cancelled.

        Raises for inputs that the flow does not accept (`are_checked`: they went through `check_inputs`); what fails in
        it is in the result. With a callback the run is kept in the journal whatever it says.
        """
        labels = self.callbacks.labels(plan, labels)
        if labels is not None and CALLBACK in labels:
            durability = _kept(durability or plan.limits.durability)
        return await self.runner.run(
            plan, inputs, call, durability=durability, mocks=mocks, labels=labels, are_checked=are_checked
        )

    async def begin(
        self,
        plan: FlowPlan,
        inputs: Mapping[str, Any],
        call: Call,
        *,
        durability: Durability | None = None,
        labels: Mapping[str, str] | None = None,
        priority: int | None = None,
    ) -> bool:
        """Run a run whose inputs are checked beside everything else here, or put it in the queue; its id is `call.id`.

        Return whether it runs here. It ends whether anybody waits for it or not; one that is `fast` is durable here.
        Raises `QueueFull`, `InvalidRequest`
        for a callback that cannot be.
        """
        labels = self.callbacks.labels(plan, labels)
        header = await self.runner.header(
            plan,
            inputs,
            call,
            durability=_kept(durability or plan.limits.durability),
            labels=labels,
            priority=priority,
        )
        return await self.dispatcher.begin(header)

    async def wait(self, run: RunId, *, timeout_s: float | None = None) -> RunView:
        """Return a run when it has ended or the time is over, whichever is first; raise `NotFound`."""
        return await self.dispatcher.wait(run, timeout_s=timeout_s)

    async def view(self, run: RunId) -> RunView:
        """Return a run as it stands; raise `NotFound`."""
        return await self.journal.load(run)

    async def events(self, run: RunId, *, after: int = 0, limit: int = 1000) -> Sequence[JournalEvent]:
        """Return the kept events of a run, those after number `after`."""
        return await self.journal.events(run, after=after, limit=limit)

    def follow(self, run: RunId, *, after: int = 0) -> AsyncGenerator[Told]:
        """Yield the events of a run that is in the journal, those after number `after`, until it has ended.

        Kept ones come without gap or repetition, whoever runs it; the others only of runs of this process. Close it
        (`contextlib.aclosing`). Raises `NotFound`.
        """
        return Follower(self.journal, self.runner, run, after=after).told()

    @asynccontextmanager
    async def watching(self, run: RunId) -> AsyncGenerator[Watch]:
        """Give an iterator over the events of a run in this process from now on, those that are not kept included."""
        watch = self.runner.watch(run)
        try:
            yield watch
        finally:
            self.runner.unwatch(run, watch)

    async def cancel(self, run: RunId) -> bool:
        """Have a run end as cancelled, wherever it runs; `False` if it has ended."""
        if self.dispatcher.has(run):  # the wish is kept: if this process dies, the next one ends it
            return await self.dispatcher.cancel(run)
        return await self.runner.cancel(run)

    async def resume(self, run: RunId, *, forget: Sequence[str] = ()) -> None:
        """Put a run that failed or was cancelled in the queue again: what has finished is kept.

        The steps of `forget` and what comes after them are done again as well. Raises `Conflict` for one that has
        succeeded, `NotFound`.
        """
        await self.runner.reopen(run, forget=forget)
        await self.dispatcher.take_up(run)

    async def fork(
        self, run: RunId, from_step: str, *, tenant: TenantId | None = None, principal: str | None = None
    ) -> RunId:
        """Put a new run in the queue that has the outcomes of everything not at or behind a step; return its id.

        It is whose it is said to be, else whose the old one is: see `FlowRunner.fork`.
        """
        new = await self.runner.fork(run, from_step, tenant=tenant, principal=principal)
        await self.dispatcher.take_up(new)
        return new

    async def replay(self, run: RunId) -> FlowResult:
        """Return what a run gives with what its steps answered then: nothing is executed, nothing is kept."""
        return await self.runner.replay(run)

    @asynccontextmanager
    async def serving(self, work: Work | None = None) -> AsyncGenerator[None]:
        """Work off the queue, follow changes of the flows' files and clean up, while the context is entered.

        `work` does one run, in place of `runner.work`. On leaving, runs under way go back to the queue.
        """
        async with (
            background(self.dispatcher.serve(work or self.runner.work)),
            background(self.callbacks.serve()),
            background(self._follow_files()),
            background(self._clean()),
            background(self._count()),
        ):
            yield

    async def close(self) -> None:
        """Close the journal, connections and worker processes."""
        await self.journal.close()
        await self.outgoing.close()
        await self.callbacks.close()
        await asyncio.to_thread(self.functions.close)

    async def _follow_files(self) -> None:
        while True:
            await asyncio.sleep(self.reload_s)
            try:
                await asyncio.to_thread(self.book.refresh)
            except OSError as error:
                _log.warning("the folder of flows cannot be read: %s", error)

    async def _count(self) -> None:
        while True:
            try:
                self.queued = await self.journal.queued()
            except QuorateError as error:
                _log.warning("how many runs wait cannot be seen: %s", error.message)
            await asyncio.sleep(_COUNT_EVERY_S)

    async def _clean(self) -> None:
        while True:
            try:
                await self._clean_once()
            except (QuorateError, OSError) as error:
                _log.warning("what is left of old runs could not be deleted: %s", error)
            await asyncio.sleep(_CLEAN_EVERY_S)

    async def _clean_once(self) -> None:
        now = self.clock.now()
        if self.retention.runs_s is not None:
            await self.journal.delete_before(now - timedelta(seconds=self.retention.runs_s))
        over = now - timedelta(seconds=self.retention.files_s)
        for run in await self.files.runs():
            if await self._is_over(run, over):
                await self.files.delete(run)

    async def _is_over(self, run: RunId, moment: datetime) -> bool:
        """Whether nobody needs the files of a run any more: it ended before a moment, or was never kept."""
        try:
            status = await self.journal.status(run)
        except QuorateError:
            return await self.files.touched_at(run) < moment
        return status.is_final and (await self.journal.load(run)).updated_at < moment


def _kept(durability: Durability) -> Durability:
    return Durability.DURABLE if durability is Durability.FAST else durability
