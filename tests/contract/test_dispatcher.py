"""What a dispatcher promises, over every kind of journal; in memory time is virtual and everything else real."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from flow_runs import after, entry, header, result
from quorate.core.clock import Clock, SystemClock
from quorate.core.errors import NotFound, QueueFull
from quorate.core.ids import RunId
from quorate.flows.dispatcher import Work
from quorate.flows.journal import Lease, LeaseLost, RunView
from quorate.flows.journals.memory import MemoryJournal
from quorate.flows.journals.postgres import PostgresJournal
from quorate.flows.journals.sqlite import SqliteJournal
from quorate.flows.local_dispatcher import CANCEL_REQUESTED, LEASE_LOST, LocalDispatcher
from quorate.flows.outcome import FlowResult, RunStatus
from quorate.flows.queue_journal import QueueJournal
from quorate.testing.virtual_time import VirtualClock, run_virtual

Make = Callable[[], QueueJournal]


@pytest.fixture(params=["memory", "sqlite", "postgres"])
async def two(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[tuple[QueueJournal, QueueJournal]]:
    """Two journals of one place, as two processes have them; in memory it is one."""
    in_memory = MemoryJournal()
    make: dict[str, Make] = {
        "memory": lambda: in_memory,
        "sqlite": lambda: SqliteJournal(tmp_path / "flows.db"),
        "postgres": lambda: PostgresJournal(request.getfixturevalue("postgres_url")),
    }
    first, second = make[request.param](), make[request.param]()
    yield first, second
    await first.close()
    await second.close()


@asynccontextmanager
async def serving(dispatcher: LocalDispatcher, work: Work) -> AsyncGenerator[None]:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(dispatcher.serve(work))
        yield
        task.cancel()


def worker(journal: QueueJournal, owner: str = "one", clock: Clock | None = None, **how: float) -> LocalDispatcher:
    clock = clock or SystemClock()
    return LocalDispatcher(journal, owner=owner, clock=clock, **how)  # pyright: ignore[reportArgumentType]


def ends(journal: QueueJournal, seen: list[str] | None = None, takes_s: float = 0) -> Work:
    """Work that writes one outcome and ends the run."""

    async def work(lease: Lease, view: RunView) -> FlowResult:
        if seen is not None:
            seen.append(lease.run)
        await asyncio.sleep(takes_s)
        await journal.put(lease, [entry("a", lease.owner)])
        end = result(view.header)
        await journal.finish(lease, end)
        return end

    return work


async def test_runs_are_worked_off_and_waited_for_by_any_process(two: tuple[QueueJournal, QueueJournal]) -> None:
    first, second = two
    here, there = worker(first), worker(second, "two")
    runs = [header() for _ in range(12)]
    async with serving(here, ends(first)), asyncio.timeout(30):
        for of in runs:
            await there.submit(of)
        views = await asyncio.gather(*(there.wait(of.id) for of in runs))
    assert {view.status for view in views} == {RunStatus.SUCCEEDED}
    assert all(view.outcomes["a"].output == "one" for view in views)


async def test_a_run_of_another_process_is_cancelled(two: tuple[QueueJournal, QueueJournal]) -> None:
    first, second = two
    here, there = worker(first, look_s=0.2), worker(second, "two", look_s=0.2)
    of, began = header(), asyncio.Event()
    told: list[object] = []

    async def work(lease: Lease, view: RunView) -> FlowResult:
        began.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError as error:
            told.extend(error.args)
            end = result(view.header, RunStatus.CANCELLED)
            await first.finish(lease, end)
            return end
        raise AssertionError

    async with serving(here, work), asyncio.timeout(30):
        await there.submit(of)
        await began.wait()
        assert await there.cancel(of.id)
        assert (await there.wait(of.id)).status is RunStatus.CANCELLED
        assert not await there.cancel(of.id)
    assert told == [CANCEL_REQUESTED]


async def test_what_runs_when_the_worker_goes_home_is_queued_again(two: tuple[QueueJournal, QueueJournal]) -> None:
    first, second = two
    of, began = header(), asyncio.Event()

    async def work(lease: Lease, view: RunView) -> FlowResult:
        await first.put(lease, [entry("a", "kept")])
        began.set()
        await asyncio.sleep(60)
        raise AssertionError

    async with asyncio.timeout(30):
        async with serving(worker(first), work):
            await first.begin(of)
            await began.wait()
        view = await second.load(of.id)
        assert (view.status, view.lease, set(view.outcomes)) == (RunStatus.QUEUED, None, {"a"})
        async with serving(worker(second, "two"), ends(second)):
            assert (await worker(first).wait(of.id)).status is RunStatus.SUCCEEDED


async def test_a_frozen_worker_loses_its_run_and_writes_nothing_more(two: tuple[QueueJournal, QueueJournal]) -> None:
    first, second = two
    of, began, thaw = header(), asyncio.Event(), asyncio.Event()
    lost: list[bool] = []

    async def frozen(lease: Lease, view: RunView) -> FlowResult:
        await first.put(lease, [entry("before")])
        began.set()
        await thaw.wait()
        with pytest.raises(LeaseLost):
            await first.put(lease, [entry("zombie")])
        lost.append(True)
        raise LeaseLost("gone")

    async with asyncio.timeout(30), serving(worker(first, lease_s=0.5, renew_s=1000, max_runs=1), frozen):
        await first.begin(of)
        await began.wait()
        async with serving(worker(second, "two"), ends(second, takes_s=0.1)):
            view = await worker(second).wait(of.id)
        thaw.set()
        while not lost:  # noqa: ASYNC110 - the task of somebody else
            await asyncio.sleep(0.01)
    assert view.status is RunStatus.SUCCEEDED
    assert set((await second.load(of.id)).outcomes) == {"before", "a"}


def test_a_renewed_lease_is_kept_for_hours() -> None:
    async def scenario() -> None:
        clock = VirtualClock()
        journal = MemoryJournal(clock=clock)
        seen: list[str] = []
        of = header()
        async with (
            serving(worker(journal, clock=clock), ends(journal, seen, takes_s=10_000)),
            serving(worker(journal, "two", clock), ends(journal, seen)),
        ):
            await journal.begin(of)
            view = await worker(journal, clock=clock).wait(of.id)
        assert view.outcomes["a"].output in {"one", "two"}
        assert len(seen) == 1

    run_virtual(scenario())


def test_who_cannot_renew_is_stopped() -> None:
    async def scenario() -> None:
        clock = VirtualClock()
        journal = MemoryJournal(clock=clock)
        told: list[object] = []
        of = header()

        async def work(lease: Lease, view: RunView) -> FlowResult:
            # Somebody with a clock that is an hour ahead takes it.
            assert await journal.claim(lease.run, "thief", lease_s=15, now=after(10 * 365 * 86400)) is not None
            try:
                await asyncio.sleep(100)
            except asyncio.CancelledError as error:
                told.extend(error.args)
                raise
            raise AssertionError

        async with serving(worker(journal, clock=clock), work):
            await journal.begin(of)
            await asyncio.sleep(50)
        assert told == [LEASE_LOST]
        view = await journal.load(of.id)
        assert view.status is RunStatus.RUNNING
        assert view.lease is not None
        assert view.lease.owner == "thief"

    run_virtual(scenario())


def test_so_many_run_at_once_and_the_urgent_first() -> None:
    async def scenario() -> None:
        clock = VirtualClock()
        journal = MemoryJournal(clock=clock)
        seen: list[str] = []
        dispatcher = worker(journal, clock=clock, max_runs=2)
        for number in range(6):
            await dispatcher.submit(header(f"r{number}", priority=number))
        most = 0
        async with serving(dispatcher, ends(journal, seen, takes_s=10)):
            while await journal.queued():
                most = max(most, dispatcher.running)
                await asyncio.sleep(1)
            await dispatcher.wait(RunId("r0"))
            await dispatcher.wait(RunId("r1"))
        assert seen == ["r5", "r4", "r3", "r2", "r1", "r0"]
        assert most == 2
        assert clock.monotonic() == pytest.approx(30, abs=2)

    run_virtual(scenario())


def test_a_full_queue_says_when_to_come_again() -> None:
    async def scenario() -> None:
        journal = MemoryJournal()
        dispatcher = worker(journal, max_queued=2)
        await dispatcher.submit(header())
        await dispatcher.submit(header())
        with pytest.raises(QueueFull, match="2 runs of flows wait") as caught:
            await dispatcher.submit(header())
        assert caught.value.retry_after_s == 1.0

    run_virtual(scenario())


def test_a_work_that_breaks_ends_its_run_and_no_other(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        clock = VirtualClock()
        journal = MemoryJournal(clock=clock)
        of, fine = header("broken", priority=1), header("fine")
        good = ends(journal)

        async def work(lease: Lease, view: RunView) -> FlowResult:
            if lease.run == of.id:
                await journal.put(lease, [entry("a", cost=3)])
                raise ZeroDivisionError("secret of a prompt")
            return await good(lease, view)

        dispatcher = worker(journal, clock=clock, max_runs=1)
        async with serving(dispatcher, work):
            await dispatcher.submit(of)
            await dispatcher.submit(fine)
            views = [await dispatcher.wait(each.id) for each in (of, fine)]
        assert [view.status for view in views] == [RunStatus.FAILED, RunStatus.SUCCEEDED]
        assert views[0].result is not None
        assert [error.code for error in views[0].result.errors] == ["internal_error"]
        assert "secret" not in views[0].result.errors[0].message
        assert views[0].spent_microusd == 3

    run_virtual(scenario())
    assert "ZeroDivisionError" in caplog.text


def test_a_work_that_ignores_cancelling_does_not_leave_the_run_open() -> None:
    async def scenario() -> None:
        clock = VirtualClock()
        journal = MemoryJournal(clock=clock)
        of = header()

        async def work(lease: Lease, view: RunView) -> FlowResult:
            await asyncio.sleep(1000)
            raise AssertionError

        dispatcher = worker(journal, clock=clock)
        async with serving(dispatcher, work):
            await dispatcher.submit(of)
            await asyncio.sleep(5)
            assert await dispatcher.cancel(of.id)
            view = await dispatcher.wait(of.id)
        assert view.status is RunStatus.CANCELLED
        assert clock.monotonic() < 10

    run_virtual(scenario())


def test_a_run_taken_over_that_is_to_be_cancelled_is_handed_over_so() -> None:
    async def scenario() -> None:
        clock = VirtualClock()
        journal = MemoryJournal(clock=clock)
        of = header()
        assert await journal.begin(of, owner="dead", lease_s=15) is not None
        assert await journal.request_cancel(of.id)
        finally_ran: list[str] = []

        async def work(lease: Lease, view: RunView) -> FlowResult:
            assert view.cancel_requested
            await asyncio.sleep(20)  # what comes at the end is not interrupted by the same wish
            finally_ran.append(lease.run)
            end = result(view.header, RunStatus.CANCELLED)
            await journal.finish(lease, end)
            return end

        dispatcher = worker(journal, clock=clock)
        async with serving(dispatcher, work):
            view = await dispatcher.wait(of.id)
        assert (view.status, finally_ran) == (RunStatus.CANCELLED, [of.id])

    run_virtual(scenario())


def test_a_run_cancelled_before_its_work_has_begun_is_handed_over_so() -> None:
    class Slow(MemoryJournal):
        """Takes a second to load."""

        async def load(self, run: RunId) -> RunView:
            view = await super().load(run)
            await asyncio.sleep(1)
            return view

    async def scenario() -> None:
        clock = VirtualClock()
        journal = Slow(clock=clock)
        of = header()
        told: list[bool] = []

        async def work(lease: Lease, view: RunView) -> FlowResult:
            told.append(view.cancel_requested)
            end = result(view.header, RunStatus.CANCELLED)
            await journal.finish(lease, end)
            return end

        dispatcher = worker(journal, clock=clock)
        async with serving(dispatcher, work):
            await dispatcher.submit(of)
            await asyncio.sleep(0.5)
            assert await dispatcher.cancel(of.id)
            await dispatcher.wait(of.id)
        assert told == [True]

    run_virtual(scenario())


def test_waiting_ends_with_the_time_or_says_that_there_is_no_run() -> None:
    async def scenario() -> None:
        clock = VirtualClock()
        journal = MemoryJournal(clock=clock)
        dispatcher = worker(journal, clock=clock)
        of = header()
        await dispatcher.submit(of)
        assert (await dispatcher.wait(of.id, timeout_s=7)).status is RunStatus.QUEUED
        assert clock.monotonic() == pytest.approx(7)
        assert (await dispatcher.wait(of.id, timeout_s=0)).status is RunStatus.QUEUED
        with pytest.raises(NotFound):
            await dispatcher.wait(RunId("run_none"))

    run_virtual(scenario())


def test_a_run_that_waits_goes_on_at_its_time() -> None:
    async def scenario() -> None:
        clock = VirtualClock()
        journal = MemoryJournal(clock=clock)
        dispatcher = worker(journal, clock=clock)
        of = header()
        good = ends(journal)
        dues: list[datetime] = []

        async def work(lease: Lease, view: RunView) -> FlowResult:
            if not view.timers:
                due = await journal.set_timer(lease, "pause", view.updated_at + timedelta(hours=1))
                dues.append(due)
                await journal.release(lease, status=RunStatus.WAITING)
                return result(view.header)
            return await good(lease, view)

        async with serving(dispatcher, work):
            await dispatcher.submit(of)
            await dispatcher.wait(of.id)
        assert timedelta() <= clock.now() - dues[0] < timedelta(minutes=1)

    run_virtual(scenario())
