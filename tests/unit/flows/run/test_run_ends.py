"""Where runs end that somebody cancels too early, that lose their journal, or that two workers had."""

import asyncio
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import msgspec
import pytest

from flow_journal import KeptJournal
from flow_runs import entry
from flow_site import FlowSite, flow, literal, step
from patience import until
from quorate.core.errors import Conflict
from quorate.core.ids import RunId
from quorate.flows.journal import Entry, Lease, LeaseLost, RunHeader, RunView
from quorate.flows.journals.errors import JournalUnavailable
from quorate.flows.journals.memory import MemoryJournal
from quorate.flows.outcome import FlowResult, RunStatus
from quorate.flows.plan import Durability, FlowPlan, Foreach, RetryRule, StepKind
from quorate.flows.run import live_run
from quorate.model import Call
from quorate.testing import VirtualClock, run_virtual


class Away(KeptJournal):
    """A journal that does not answer after so many writes, and not when it is asked to renew at these calls; live."""

    def __init__(self, *, after_puts: int = 1_000, renewals: frozenset[int] = frozenset()) -> None:
        super().__init__()
        self.after_puts = after_puts
        self.renewals = renewals
        self.renewed = 0

    async def put(self, lease: Lease, entries: Sequence[Entry]) -> tuple[int, ...]:
        if len(self.puts) >= self.after_puts:
            raise JournalUnavailable("away")
        return await super().put(lease, entries)

    async def put_attempt(
        self, lease: Lease, path: str, attempt: int, *, wake_at: datetime | None, spent_microusd: int
    ) -> None:
        if len(self.puts) >= self.after_puts:
            raise JournalUnavailable("away")

    async def renew(self, lease: Lease, *, lease_s: float, now: datetime) -> Lease:
        self.renewed += 1
        if self.renewed in self.renewals:
            raise JournalUnavailable("away")
        return await super().renew(lease, lease_s=lease_s, now=now)


FAILING = {"fails": "busy"}
WITHOUT_A_JOURNAL = [
    (step("a"),),
    (step("a"), step("b")),
    (step("loop", foreach=Foreach(items=literal([1, 2, 3]))),),
    (step("g", kind=StepKind.GROUP, steps=(step("x"), step("y"))),),
    (step("again", does=FAILING, retry=RetryRule(max_attempts=3)),),
    (step("sub", does={"flow": "below"}),),
]


@pytest.mark.parametrize("steps", WITHOUT_A_JOURNAL, ids=lambda steps: steps[-1].name)
def test_a_run_that_cannot_be_kept_is_left_for_whoever_takes_it_up(steps: Any) -> None:
    async def go() -> tuple[FlowSite, RunId, FlowResult]:
        journal = Away(after_puts=0)
        site = FlowSite(flow(*steps), flow(step("in"), name="below"), journal=journal)
        run = await site.begun()
        with pytest.raises(JournalUnavailable):
            await site.work(run)
        assert journal.rows[run].result is None
        journal.after_puts = 1_000
        return site, run, await site.work(run)

    _, _, result = run_virtual(go())
    assert {error.code for error in result.errors} <= {"provider_unavailable"}


def test_a_run_whose_lease_could_not_be_renewed_once_keeps_it() -> None:
    async def go() -> FlowResult:
        site = FlowSite(flow(step("a", does={"after_s": 100})), journal=Away(renewals=frozenset({1, 4})), lease_s=30)
        return await site.run(durability=Durability.DURABLE)

    assert run_virtual(go()).status is RunStatus.SUCCEEDED


def test_a_run_whose_lease_ended_unrenewed_stops() -> None:
    async def go() -> FlowSite:
        journal = Away(renewals=frozenset(range(1, 99)))
        site = FlowSite(flow(step("a", does={"after_s": 100})), journal=journal, lease_s=30)
        with pytest.raises(LeaseLost, match="could not be renewed"):
            await site.run(durability=Durability.DURABLE)
        assert site.clock.monotonic() < 50
        return site

    assert run_virtual(go()).do.now == 0


class SlowToBegin(KeptJournal):
    """A journal that takes a second for each write; live."""

    async def put(self, lease: Lease, entries: Sequence[Entry]) -> tuple[int, ...]:
        await asyncio.sleep(1)
        return await super().put(lease, entries)


def test_a_run_cancelled_while_its_beginning_is_kept_ends_as_cancelled() -> None:
    async def go() -> tuple[FlowResult, list[str]]:
        site = FlowSite(flow(step("a"), finally_=(step("f"),)), journal=SlowToBegin())
        call = site.call()
        task = asyncio.create_task(site.run(call=call, durability=Durability.DURABLE))
        await asyncio.sleep(0.5)
        assert await site.runner.cancel(call.id)
        return await task, site.do.ran

    result, ran = run_virtual(go())
    assert (result.status, ran) == (RunStatus.CANCELLED, ["finally/f"])


def test_a_worker_told_to_cancel_while_the_beginning_is_kept_cleans_up() -> None:
    async def go() -> tuple[FlowResult | None, list[str]]:
        site = FlowSite(flow(step("a"), finally_=(step("f"),)), journal=SlowToBegin())
        run = await site.begun()
        site.runner.watch(run)
        task = asyncio.create_task(site.work(run))
        await asyncio.sleep(0.5)
        assert await site.journal.request_cancel(run)
        task.cancel()
        await asyncio.wait((task,))
        return (await site.journal.load(run)).result, site.do.ran

    result, ran = run_virtual(go())
    assert result is not None
    assert (result.status, ran) == (RunStatus.CANCELLED, ["finally/f"])


class SlowToEnd(MemoryJournal):
    """A journal that takes a second to keep the end of a run; live."""

    def __init__(self) -> None:
        super().__init__()
        self.ending = asyncio.Event()

    async def finish(self, lease: Lease, *given: Any, **more: Any) -> tuple[int, ...]:
        self.ending.set()
        await asyncio.sleep(1)
        return await super().finish(lease, *given, **more)


@pytest.mark.parametrize("given_up", [False, True])
def test_who_is_interrupted_while_the_end_is_kept_finds_it_kept(given_up: bool) -> None:
    async def go() -> tuple[RunView, int]:
        journal = SlowToEnd()
        site = FlowSite(flow(step("a")), journal=journal)
        ends: list[FlowResult] = []

        def on_end(plan: FlowPlan, result: FlowResult, known: Collection[str]) -> None:
            ends.append(result)

        site.runner.on_end = on_end
        run = await site.begun()
        lease = await journal.claim(run, "one", lease_s=30, now=site.clock.now())
        assert lease is not None
        lease = msgspec.structs.replace(lease, given_up=given_up)
        working = asyncio.create_task(site.runner.work(lease, await journal.load(run)))
        await journal.ending.wait()
        working.cancel()
        with pytest.raises(asyncio.CancelledError):
            await working
        return await journal.load(run), len(ends)

    view, told = run_virtual(go())
    assert view.result is not None
    assert view.status is (RunStatus.FAILED if given_up else RunStatus.SUCCEEDED)
    assert told == (0 if given_up else 1)


def test_a_run_that_is_given_up_is_ended_with_what_it_has_cost() -> None:
    async def go() -> tuple[FlowResult, Call, list[str]]:
        journal = MemoryJournal()
        site = FlowSite(flow(step("a"), step("b", "a")), journal=journal)
        run = await site.begun()
        lease = await journal.claim(run, "one", lease_s=30, now=site.clock.now())
        assert lease is not None
        await journal.put(lease, [entry("a", cost=7)])
        call = site.call()
        lease = msgspec.structs.replace(lease, given_up=True, silent=6)
        return await site.runner.work(lease, await journal.load(run), call=call), call, site.do.ran

    result, call, ran = run_virtual(go())
    assert (result.status, [error.code for error in result.errors], ran) == (RunStatus.FAILED, ["worker_lost"], [])
    assert (result.cost_microusd, call.budget.spend.cost_microusd) == (7, 7)
    assert "6 one after the other" in result.errors[0].message


def test_a_run_over_which_the_program_stumbles_ends(caplog: pytest.LogCaptureFixture) -> None:
    async def go() -> tuple[FlowResult, RunView]:
        journal = MemoryJournal()
        site = FlowSite(flow(step("a")), journal=journal)

        def stumble(*_: object) -> None:
            raise AssertionError("a bug")

        run = await site.begun()
        lease = await journal.claim(run, "one", lease_s=30, now=site.clock.now())
        assert lease is not None
        call = msgspec.structs.replace(site.call(), id=run)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(live_run, "interpret", stumble)
            result = await site.runner.work(lease, await journal.load(run), call=call)
        return result, await journal.load(run)

    result, view = run_virtual(go())
    assert ([error.code for error in result.errors], view.result) == (["internal_error"], result)
    assert "a bug" in caplog.text


def test_a_run_that_comes_back_while_its_first_worker_is_ending_is_still_watched() -> None:
    async def go() -> FlowResult:
        site = FlowSite(flow(step("a", does={"after_s": 9})))
        run = await site.begun()
        first = asyncio.create_task(site.work(run))
        await until(lambda: "a" in site.do.ran)
        second = asyncio.create_task(site.work(run))
        await until(lambda: site.do.ran == ["a", "a"])
        first.cancel()
        await asyncio.wait((first,))
        watch = site.runner.watch(run)
        result = await second
        assert [seen async for seen in watch]
        return result

    assert run_virtual(go()).status is RunStatus.SUCCEEDED


class Watched(MemoryJournal):
    """A journal of which somebody takes every fork the moment it is kept; live."""

    def __init__(self) -> None:
        super().__init__()
        self.taken: Lease | None = None

    async def begin(self, header: RunHeader, **fields: Any) -> Lease | None:
        lease = await super().begin(header, **fields)
        if header.parent is not None:
            self.taken = await self.claim_next("quick", lease_s=30, now=header.created_at)
        return lease


def test_a_fork_is_whole_from_its_first_moment() -> None:
    async def go() -> tuple[FlowResult, list[str]]:
        journal = Watched()
        site = FlowSite(flow(step("a"), step("b", "a")), journal=journal)
        call = site.call()
        await site.run(call=call, durability=Durability.DURABLE)
        site.do.ran.clear()
        new = await site.runner.fork(call.id, "b")
        assert journal.taken is not None
        assert journal.taken.run == new
        with pytest.raises(Conflict):
            await site.runner.resume(new)
        return await site.runner.work(journal.taken, await journal.load(new)), site.do.ran

    result, ran = run_virtual(go())
    assert (result.status, ran) == (RunStatus.SUCCEEDED, ["b"])


async def taken_up(site: FlowSite, journal: MemoryJournal, run: RunId) -> FlowResult:
    lease = await journal.claim(run, "here", lease_s=100, now=site.clock.now())
    assert lease is not None
    return await site.runner.work(lease, await journal.load(run))


@pytest.mark.parametrize("after_s", [0.0, 1.0], ids=["at once", "while it cleans up"])
def test_a_cancel_holds_when_the_worker_goes_home(after_s: float) -> None:
    async def go() -> tuple[bool, RunStatus]:
        plan = flow(step("a", does={"after_s": 9}), finally_=(step("f", does={"after_s": 5}),))
        journal = MemoryJournal()
        site = FlowSite(plan, journal=journal)
        task = asyncio.create_task(taken_up(site, journal, run := await site.begun()))
        await until(lambda: "a" in site.do.ran)
        assert await site.runner.cancel(run)
        await asyncio.sleep(after_s)
        task.cancel()
        await asyncio.wait((task,))
        view = await journal.load(run)
        return view.cancel_requested, view.status

    cancel_requested, status = run_virtual(go())
    assert cancel_requested or status is RunStatus.CANCELLED


def test_a_run_taken_over_that_is_to_be_cancelled_cleans_up_whole() -> None:
    async def go() -> tuple[FlowResult, list[str]]:
        plan = flow(step("a", does={"after_s": 9}), finally_=(step("f", does={"after_s": 20}),))
        clock = VirtualClock()
        journal = MemoryJournal(clock=clock)
        site = FlowSite(plan, journal=journal)
        run = await site.begun()
        dead = await journal.claim(run, "dead", lease_s=1, now=site.clock.now())
        assert dead is not None
        assert await journal.request_cancel(run)
        await asyncio.sleep(2)
        return await taken_up(site, journal, run), site.do.ran

    result, ran = run_virtual(go())
    assert (result.status, ran) == (RunStatus.CANCELLED, ["finally/f"])
