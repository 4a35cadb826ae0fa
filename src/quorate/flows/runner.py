"""Runs flows: at once, from a queue, again after a failure, from a step on, or with recorded answers."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any

import msgspec

from quorate.core.clock import Clock, SystemClock
from quorate.core.errors import Conflict, NotFound, QueueFull, QuorateError
from quorate.core.ids import RunId, TenantId, new_id
from quorate.core.tasks import background, uninterrupted
from quorate.flows.executor import FlowServices
from quorate.flows.files import handed_over
from quorate.flows.journal import Journal, Lease, LeaseLost, RunHeader, RunView
from quorate.flows.journals.ended import broken, end_event, worker_lost
from quorate.flows.journals.errors import JournalUnavailable
from quorate.flows.outcome import FlowResult, RunStatus
from quorate.flows.path import ancestors
from quorate.flows.plan import Durability, FlowPlan
from quorate.flows.registry import Executors
from quorate.flows.run.course import CheckInputs, Course, FlowNamed, Machinery, Run
from quorate.flows.run.header import call_of, new_header, owned_by, queue_key
from quorate.flows.run.interpret import interpret
from quorate.flows.run.live_run import Audience, LiveRun
from quorate.flows.run.live_runs import LiveRuns
from quorate.flows.run.mocks import Mocks, recorded_answers
from quorate.flows.run.nested import limited, require_secrets
from quorate.flows.run.not_begun import not_begun
from quorate.flows.run.record import Record
from quorate.flows.run.restart import kept_before, to_forget
from quorate.flows.run.start import Start, spent_before
from quorate.flows.run.watch import Watch
from quorate.flows.step_cache import StepCache
from quorate.model import Call
from quorate.model.event import ignore_events

#: How long a run stays this process's after its last sign of life.
_LEASE_S = 30.0


#: Hears that a run has ended: its plan, how it ended, and the paths that had ended before it was taken up here.
OnEnd = Callable[[FlowPlan, FlowResult, Collection[str]], None]
_log = logging.getLogger("quorate")


class FlowRunner:
    """Runs flows over one journal; a live object, for one event loop.

    `plan_of` gives the plan of what a run began with, `flow_named` finds the flows that steps run, `check_inputs` fills
    in defaults and refuses what does not fit. `owner` names this process in leases. `on_end` hears of every run that
    ended here and was not made up by a test; `takeovers` counts runs that were taken from a silent worker.
    """

    def __init__(
        self,
        *,
        executors: Executors,
        services: FlowServices,
        journal: Journal,
        plan_of: Callable[[RunHeader], FlowPlan],
        flow_named: FlowNamed,
        check_inputs: CheckInputs,
        owner: str,
        step_cache: StepCache | None = None,
        clock: Clock | None = None,
        lease_s: float = _LEASE_S,
        on_end: OnEnd | None = None,
    ) -> None:
        self.takeovers = 0
        self.on_end = on_end
        self._journal = journal
        self._plan_of = plan_of
        self._owner = owner
        self._clock = clock or SystemClock()
        self._lease_s = lease_s
        self._live = LiveRuns()
        self._machinery = Machinery(
            executors=executors,
            services=services,
            flow_named=flow_named,
            plan_of=plan_of,
            check_inputs=check_inputs,
            cache=step_cache,
        )

    async def run(
        self,
        plan: FlowPlan,
        inputs: Mapping[str, Any],
        call: Call,
        *,
        durability: Durability | None = None,
        run_id: RunId | None = None,
        mocks: Mapping[str, Any] | None = None,
        labels: Mapping[str, str] | None = None,
        are_checked: bool = False,
    ) -> FlowResult:
        """Run a flow now and return how it ended; failures of steps are in the result.

        `fast` runs are in memory only, others in the journal as well. `mocks` are outputs of steps by path or name:
        those are not executed. Raises for inputs that the flow does not accept (`are_checked`: they went through the
        check), `QueueFull` for one run of it more than it allows. Interrupted, the run is cancelled: what `finally`
        says is done before the interruption goes on.
        """
        require_secrets(plan, self._machinery)
        given = inputs if are_checked else self._machinery.check_inputs(plan, inputs)
        call = call if run_id is None else msgspec.structs.replace(call, id=run_id)
        answers = None if mocks is None else Mocks(mocks)
        if (durability or plan.limits.durability) is Durability.FAST:
            return await self._run_in_memory(plan, given, call, answers)
        header = await self.header(plan, given, call, durability=durability, labels=labels)
        lease = await self._journal.begin(header, owner=self._owner, lease_s=self._lease_s, queues=False)
        if lease is None:
            raise QueueFull(f"as many runs of the flow {plan.name!r} as it allows are under way: {plan.limits.runs}")
        return await self._run_on(
            lease,
            Start(
                plan=plan,
                inputs=given,
                call=call,
                mocks=answers,
                queue_key=header.queue_key,
                started_at=header.created_at,
            ),
        )

    async def header(
        self,
        plan: FlowPlan,
        inputs: Mapping[str, Any],
        call: Call,
        *,
        durability: Durability | None = None,
        labels: Mapping[str, str] | None = None,
        priority: int | None = None,
    ) -> RunHeader:
        """Return what a new run begins with, to be put in a queue; `inputs` are checked already."""
        now = self._clock.now()
        return await new_header(plan, inputs, call, now=now, durability=durability, labels=labels, priority=priority)

    def plan_of(self, header: RunHeader) -> FlowPlan:
        """Return the plan that a run began with; raise `BadConfiguration` if it no longer compiles here."""
        return self._plan_of(header)

    async def work(self, lease: Lease, view: RunView, *, call: Call | None = None) -> FlowResult:
        """Take a claimed run up from what has finished and run it to its end: what a dispatcher calls.

        `call` stands in for the one that `call_of` gives: for whoever wants its budget, its trace and its events.
        The dispatcher renews the lease. Interrupted, it ends as cancelled if that was asked for; else nothing is kept
        and the run can be taken up again. A run that is given up, whose document cannot be compiled here, whose secrets
        are missing, or over which the program stumbles, ends as failed. Raises `LeaseLost`, `JournalUnavailable`.
        """
        header, call = view.header, call or self.call_of(view.header)
        if lease.taken_over:
            self.takeovers += 1
            _log.warning("run %s is taken over from a worker that fell silent", header.id)
        if (result := self._unbegun(lease, view)) is not None:
            call.budget.carry_over(spent_before(view))
            return await self._finish(lease, view, result)
        start = Start(
            plan=self._plan_of(header),
            inputs=header.inputs,
            call=call,
            view=view,
            queue_key=header.queue_key,
            started_at=header.created_at,
        )

        async def is_cancelled() -> bool:
            return (await self._journal.load(header.id)).cancel_requested

        try:
            return await self._to_its_end(start, lease, is_cancelled, cancelled=view.cancel_requested)
        except (LeaseLost, JournalUnavailable):
            raise
        except Exception:  # noqa: BLE001 - an error of ours: the run must end, or it would be taken up for ever
            _log.exception("run %s of a flow ends with an error of the program", header.id)
            view = await self._journal.load(header.id)
            return await self._finish(lease, view, broken(view))

    def _unbegun(self, lease: Lease, view: RunView) -> FlowResult | None:
        """Return how a run ends that cannot go on here at all."""
        if lease.given_up:
            return worker_lost(view, silent=lease.silent)
        try:
            require_secrets(self._plan_of(view.header), self._machinery)
        except QuorateError as error:
            return not_begun(view, error)
        return None

    async def _finish(self, lease: Lease, view: RunView, result: FlowResult) -> FlowResult:
        """Keep how a run ends that the interpreter did not end."""
        event = end_event(result, view.header.created_at, self._clock.now())
        _, interrupted = await uninterrupted(self._journal.finish(lease, result, event))
        if interrupted is not None:
            raise interrupted
        return result

    async def resume(self, run: RunId) -> FlowResult:
        """Run a run on that nobody has: what has finished is kept, and what has failed is tried again.

        Raises `NotFound`, and `Conflict` for one that has succeeded or that somebody else runs.
        """
        await self.reopen(run)
        lease = await self._claimed(run)
        view = await self._journal.load(run)
        start = Start(
            plan=self._plan_of(view.header),
            inputs=view.header.inputs,
            call=self.call_of(view.header),
            view=view,
            queue_key=view.header.queue_key,
            started_at=view.header.created_at,
        )
        return await self._run_on(lease, start)

    async def reopen(self, run: RunId, *, forget: Sequence[str] = ()) -> None:
        """Make a run that failed or was cancelled queued again: what failed, and what waited for it, is forgotten.

        So are the steps of `forget` (paths or names), and what waited for those. One that has not ended is left as it
        is. Raises `Conflict` for one that has succeeded, or has not ended and is to forget; `NotFound` for an unknown
        run or step.
        """
        view = await self._journal.load(run)
        if view.status in (RunStatus.SUCCEEDED, RunStatus.PARTIAL):
            raise Conflict(
                f"the run {run!r} has ended ({view.status}): there is nothing to resume; fork it from a step"
            )
        if view.status.is_final:
            gone = set(to_forget(view.outcomes))
            for step in forget:
                kept = {each.path for each in kept_before(self._plan_of(view.header), view.outcomes, step)}
                gone |= view.outcomes.keys() - kept
            await self._journal.reopen(run, forget=sorted(gone))
        elif forget:
            raise Conflict(
                f"the run {run!r} is {view.status}: nothing is forgotten before it has ended; cancel it first"
            )

    async def fork(
        self, run: RunId, from_step: str, *, tenant: TenantId | None = None, principal: str | None = None
    ) -> RunId:
        """Begin a new run with the outcomes of everything not at or behind a step, and return its id: it is queued.

        `from_step` is a path or a name. It has the inputs and the document of the old one, and a deadline of none.
        It is `tenant`'s and charged to `principal` (not given: those of the old one); if that is somebody else, the
        label `forked_from_principal` says whose the old one was, and nobody is called back.
        """
        view = await self._journal.load(run)
        kept = kept_before(self._plan_of(view.header), view.outcomes, from_step)
        new = RunId(new_id("run", self._clock))
        await self._machinery.services.files.copy(run, new)
        header = msgspec.structs.replace(
            view.header,
            id=new,
            parent=run,
            created_at=self._clock.now(),
            deadline_at=None,
            inputs=handed_over(view.header.inputs, run, new),
        )
        header = owned_by(header, tenant or header.tenant, principal or header.principal)
        outcomes = [msgspec.structs.replace(each, output=handed_over(each.output, run, new)) for each in kept]
        await self._journal.begin(header, outcomes=outcomes, pins=await self._journal.pins(run))
        return new

    async def replay(self, run: RunId) -> FlowResult:
        """Run a run again, in memory, with what its steps answered then: nothing is executed, nothing is kept.

        Conditions, templates and outputs are evaluated anew. A step that answered nothing then fails with
        `not_recorded`.
        """
        view = await self._journal.load(run)
        header = view.header
        plan = self._plan_of(header)
        call = self.call_of(msgspec.structs.replace(header, deadline_at=None))
        # How a step ended that failed with its fallback stands only in the result.
        known = {**({} if view.result is None else view.result.steps), **view.outcomes}
        above = {each for path in known for each in ancestors(path)}
        skips = {path: each for path, each in known.items() if each.attempts == 0 and path not in above}
        start = Start(
            plan=plan,
            inputs=header.inputs,
            call=call,
            mocks=recorded_answers(known),
            outcomes=skips,
            pins=await self._journal.pins(run),
            started_at=header.created_at,
        )
        # Whoever watches the run, or cancels it, means the other one.
        course = self._course(start, None, Audience(ignore_events, ()))
        return await LiveRun(course).to_its_end(resumed=False, is_cancelled=_always)

    async def cancel(self, run: RunId) -> bool:
        """Have a run end as cancelled, wherever it runs; `False` if it has ended."""
        live = self._live.get(run)
        if live is None:
            return await self._journal.request_cancel(run)
        if not live.is_kept:
            live.cancel()
            return True
        try:  # whoever has it after this process knows as well
            return await self._journal.request_cancel(run)
        finally:
            live.cancel()

    def watch(self, run: RunId, *, room: int = 256) -> Watch:
        """Return an iterator over the events of a run from now on, also of one that begins later in this process.

        At most `room` events that are not kept wait to be read. Call `unwatch` when done.
        """
        return self._live.watch(run, room=room)

    def unwatch(self, run: RunId, watch: Watch) -> None:
        """Stop watching."""
        self._live.unwatch(run, watch)

    async def _run_in_memory(
        self, plan: FlowPlan, inputs: Mapping[str, Any], call: Call, mocks: Mocks | None
    ) -> FlowResult:
        most = plan.limits.runs
        if most is None or mocks is not None:  # what a test runs takes nobody's place
            start = Start(plan=plan, inputs=inputs, call=call, mocks=mocks)
            return await self._to_its_end(start, None, _always)
        key = await queue_key(plan, inputs)
        start = Start(plan=plan, inputs=inputs, call=call, queue_key=key)
        async with self._machinery.run_places.one_of(key, most, plan.name):
            return await self._to_its_end(start, None, _always)

    async def _run_on(self, lease: Lease, start: Start) -> FlowResult:
        """Run a run of which this process has the lease, and renew that."""
        async with background(self._keep_alive(lease)):
            return await self._to_its_end(start, lease, _always)

    async def _to_its_end(
        self, start: Start, lease: Lease | None, is_cancelled: Callable[[], Awaitable[bool]], *, cancelled: bool = False
    ) -> FlowResult:
        audience = self._live.audience(start.call.id, start.call.sink)
        live = LiveRun(self._course(start, lease, audience))
        self._live.begin(start.call.id, live)
        try:
            if cancelled:
                live.cancel()
            return await live.to_its_end(
                resumed=start.view is not None,
                is_cancelled=is_cancelled,
                on_end=lambda result: self._tell_end(start, result, is_kept=lease is not None),
            )
        finally:
            self._live.end(start.call.id, live)

    def _tell_end(self, start: Start, result: FlowResult, *, is_kept: bool) -> None:
        if start.mocks is not None:
            return
        if is_kept:
            _log.info(
                "run %s of flow %s %s: %s after %.3f s, %s micro-USD, %d errors",
                *(result.run_id, result.flow, result.version, result.status, result.latency.total_s),
                *(result.cost_microusd, len(result.errors)),
            )
        if self.on_end is not None:
            self.on_end(start.plan, result, () if start.view is None else start.view.outcomes)

    def _course(self, start: Start, lease: Lease | None, audience: Audience) -> Course:
        call, plan, view = start.call, start.plan, start.view
        sink = ignore_events if lease is None and not audience else audience.tell
        if sink is not call.sink:
            call = msgspec.structs.replace(call, sink=sink)
        call = limited(call, plan)
        before_s = 0.0
        if view is not None:
            before_s = max(0.0, (self._clock.now() - view.header.created_at).total_seconds())
            call.budget.carry_over(spent_before(view))
        record = Record(
            None if lease is None else self._journal,
            lease,
            audience.tell,
            outcomes=start.outcomes if view is None else view.outcomes,
            attempts=None if view is None else view.attempts,
            timers=None if view is None else view.timers,
            retries=0 if view is None else view.retries,
            retry_at=None if view is None else view.retry_at,
            pins=start.pins,
        )
        run = Run(
            id=call.id,
            call=call,
            machinery=self._machinery,
            record=record,
            tell=audience.tell,
            is_watched=audience.__bool__,
            interpret=interpret,
            mocks=start.mocks,
            started_at=start.started_at or self._clock.now(),
            before_s=before_s,
        )
        keys = frozenset((start.queue_key,) if start.queue_key else ())
        return Course(run=run, plan=plan, call=call, inputs=start.inputs, run_keys=keys)

    def call_of(self, header: RunHeader) -> Call:
        """Return the call under which a run is taken up: its id, tenant, limit, seed, and what is left of its time."""
        return call_of(header, self._clock)

    async def _claimed(self, run: RunId) -> Lease:
        lease = await self._journal.claim(run, self._owner, lease_s=self._lease_s, now=self._clock.now())
        if lease is None:
            raise Conflict(f"the run {run!r} cannot be taken: another worker has it, or it has ended")
        return lease

    async def _keep_alive(self, lease: Lease) -> None:
        """Renew the lease while the run goes on, and hear of a wish to cancel it."""
        while True:
            await asyncio.sleep(self._lease_s / 3)
            live = self._live.get(lease.run)
            try:
                lease = await self._journal.renew(lease, lease_s=self._lease_s, now=self._clock.now())
            except (LeaseLost, NotFound) as error:
                if live is not None:
                    live.lose(error if isinstance(error, LeaseLost) else LeaseLost(error.message))
                return
            except QuorateError as error:
                # The journal may be back before the lease is over; if not, somebody else may have the run by now.
                if self._clock.now() < lease.expires_at:
                    continue
                if live is not None:
                    live.lose(LeaseLost(f"the lease of run {lease.run} could not be renewed: {error.message}"))
                return
            if live is not None and lease.cancel_requested:
                live.cancel()


async def _always() -> bool:
    return True
