"""What all journals promise: in memory, in a SQLite file, in PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from flow_runs import NOW, after, entry, header, outcome, result
from quorate.core.clock import ManualClock
from quorate.core.errors import Conflict, NotFound
from quorate.core.ids import RunId, TenantId
from quorate.flows.journal import Entry, Lease, LeaseLost, PinnedFlow, RunHeader
from quorate.flows.journals.bell import CANCEL, WORK
from quorate.flows.journals.ended import worker_lost
from quorate.flows.journals.memory import MemoryJournal
from quorate.flows.journals.postgres import PostgresJournal
from quorate.flows.journals.sqlite import SqliteJournal
from quorate.flows.outcome import RunStatus
from quorate.flows.queue_journal import QueueJournal
from quorate.model.usage import Spend, Usage

LEASE_S = 15.0


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture(params=["memory", "sqlite", "postgres"])
async def journal(request: pytest.FixtureRequest, tmp_path: Path, clock: ManualClock) -> AsyncIterator[QueueJournal]:
    made: QueueJournal
    match request.param:
        case "memory":
            made = MemoryJournal(clock=clock)
        case "sqlite":
            made = SqliteJournal(tmp_path / "data" / "flows.db", clock=clock)
        case _:
            made = PostgresJournal(request.getfixturevalue("postgres_url"), clock=clock)
    yield made
    await made.close()


async def begun(journal: QueueJournal, of: RunHeader | None = None, owner: str = "one") -> Lease:
    lease = await journal.begin(of or header(), owner=owner, lease_s=LEASE_S)
    assert lease is not None
    return lease


async def taken(journal: QueueJournal, owner: str = "one", at_s: float = 0) -> RunId | None:
    lease = await journal.claim_next(owner, lease_s=LEASE_S, now=after(at_s))
    return None if lease is None else lease.run


async def test_a_run_is_loaded_as_it_was_begun(journal: QueueJournal) -> None:
    of = header(priority=3, trigger="cron", max_runs="2", queue_key="review:x")
    assert await journal.begin(of) is None
    view = await journal.load(of.id)
    assert view.header == of
    assert view.status is RunStatus.QUEUED
    assert (view.outcomes, view.attempts, view.timers, view.result, view.lease) == ({}, {}, {}, None, None)
    assert view.updated_at == NOW
    assert await journal.status(of.id) is RunStatus.QUEUED
    assert await journal.queued() == 1


async def test_an_id_is_taken_once(journal: QueueJournal) -> None:
    of = header()
    ends = await asyncio.gather(*(journal.begin(of) for _ in range(5)), return_exceptions=True)
    assert sum(isinstance(end, Conflict) for end in ends) == 4


@pytest.mark.parametrize("unknown", ["run_none", "nul\0", "x" * 10_000, "'; DROP TABLE flow_runs; --"])
async def test_a_run_that_is_not_there_is_not_found(journal: QueueJournal, unknown: str) -> None:
    run, lease = RunId(unknown), Lease(run=RunId(unknown), owner="one", epoch=1, expires_at=NOW)
    calls: list[Callable[[], Awaitable[object]]] = [
        lambda: journal.load(run),
        lambda: journal.status(run),
        lambda: journal.reopen(run),
        lambda: journal.request_cancel(run),
        lambda: journal.claim(run, "one", lease_s=1, now=NOW),
        lambda: journal.put(lease, [entry("a")]),
    ]
    for call in calls:
        with pytest.raises(NotFound) as caught:
            await call()
        assert len(caught.value.message) < 200
    assert await journal.events(run) in ((), [])


async def test_outcomes_of_any_size_are_kept_as_they_were(journal: QueueJournal) -> None:
    lease = await begun(journal)
    outputs = [None, "Grüße \x00", {"a": [1, 2.5, {"b": None}]}, "x" * 70_000, ["word"] * 100_000]
    await journal.put(lease, [entry(f"s{at}", output) for at, output in enumerate(outputs)])
    kept = (await journal.load(lease.run)).outcomes
    assert [kept[f"s{at}"].output for at in range(len(outputs))] == outputs


async def test_an_outcome_replaces_none(journal: QueueJournal) -> None:
    lease = await begun(journal)
    await journal.put(lease, [entry("a", "first", cost=5)])
    await journal.put(lease, [entry("a", "second", cost=7), entry("b", "other")])
    view = await journal.load(lease.run)
    assert {path: each.output for path, each in view.outcomes.items()} == {"a": "first", "b": "other"}
    assert view.spent_microusd == 5


async def test_events_have_the_numbers_that_put_returned(journal: QueueJournal) -> None:
    lease = await begun(journal)
    assert await journal.put(lease, [entry("a"), entry("b", event=b'{"at":1}'), Entry(event=b'{"at":2}')]) == (1, 2)
    assert await journal.put(lease, [entry("c")]) == ()
    await journal.finish(lease, result(header(lease.run)), b'{"at":3}')
    events = await journal.events(lease.run)
    assert [(event.seq, event.data) for event in events] == [(1, b'{"at":1}'), (2, b'{"at":2}'), (3, b'{"at":3}')]
    assert [event.seq for event in await journal.events(lease.run, after=1, limit=1)] == [2]
    assert list(await journal.events(lease.run, after=3)) == []


async def test_puts_at_once_leave_no_gap(journal: QueueJournal) -> None:
    leases = [await begun(journal) for _ in range(3)]
    seqs = await asyncio.gather(
        *(journal.put(lease, [entry(f"s[{at}]", event=f'"{at}"'.encode())]) for at in range(40) for lease in leases)
    )
    for number, lease in enumerate(leases):
        assert sorted(seq for (seq,) in seqs[number::3]) == list(range(1, 41))
        assert len((await journal.load(lease.run)).outcomes) == 40
        assert [event.seq for event in await journal.events(lease.run)] == list(range(1, 41))


async def test_a_run_that_is_held_is_not_claimed(journal: QueueJournal) -> None:
    lease = await begun(journal)
    assert lease.epoch == 1
    assert lease.expires_at == after(LEASE_S)
    assert await journal.claim(lease.run, "two", lease_s=LEASE_S, now=after(14.9)) is None
    assert await taken(journal, "two", 14.9) is None
    later = await journal.claim(lease.run, "two", lease_s=LEASE_S, now=after(15))
    assert later == Lease(run=lease.run, owner="two", epoch=2, expires_at=after(30), taken_over=True, silent=1)


async def test_nothing_of_a_lost_lease_is_kept(journal: QueueJournal) -> None:
    zombie = await begun(journal)
    await journal.put(zombie, [entry("a", "right")])
    heir = await journal.claim(zombie.run, "two", lease_s=LEASE_S, now=after(16))
    assert heir is not None
    calls: list[Callable[[], Awaitable[object]]] = [
        lambda: journal.put(zombie, [entry("b", "wrong", event=b"{}")]),
        lambda: journal.put_attempt(zombie, "b", 1, wake_at=None, spent_microusd=9),
        lambda: journal.set_timer(zombie, "b", after(60)),
        lambda: journal.renew(zombie, lease_s=LEASE_S, now=after(16)),
        lambda: journal.release(zombie),
        lambda: journal.finish(zombie, result(header(zombie.run)), b"{}"),
    ]
    for call in calls:
        with pytest.raises(LeaseLost, match="'two' has it"):
            await call()
    view = await journal.load(zombie.run)
    assert set(view.outcomes) == {"a"}
    assert (view.status, view.attempts, view.timers, view.spent_microusd) == (RunStatus.RUNNING, {}, {}, 0)
    assert list(await journal.events(zombie.run)) == []
    await journal.put(heir, [entry("b", "right")])


async def test_a_zombie_costs_the_others_of_its_batch_nothing(journal: QueueJournal) -> None:
    zombie, other = await begun(journal), await begun(journal)
    heir = await journal.claim(zombie.run, "two", lease_s=LEASE_S, now=after(16))
    assert heir is not None
    ends = await asyncio.gather(
        journal.put(other, [entry("x", event=b"1")]),
        journal.put(zombie, [entry("a", "wrong", event=b"2")]),
        journal.put(heir, [entry("a", "right", event=b"3")]),
        journal.put(zombie, [entry("b", "wrong")]),
        journal.put(other, [entry("y", event=b"4")]),
        return_exceptions=True,
    )
    assert [isinstance(end, LeaseLost) for end in ends] == [False, True, False, True, False]
    assert (ends[0], ends[2], ends[4]) == ((1,), (1,), (2,))
    kept = (await journal.load(zombie.run)).outcomes
    assert {path: each.output for path, each in kept.items()} == {"a": "right"}


async def test_an_expired_lease_holds_until_somebody_else_claims(journal: QueueJournal) -> None:
    lease = await begun(journal)
    await journal.put(lease, [entry("a")])
    renewed = await journal.renew(lease, lease_s=LEASE_S, now=after(100))
    assert renewed.expires_at == after(115)
    assert renewed.epoch == lease.epoch
    await journal.put(lease, [entry("b")])  # the lease from before is the same right


async def test_a_lease_that_was_given_back_is_worth_nothing(journal: QueueJournal) -> None:
    lease = await begun(journal)
    await journal.release(lease)
    with pytest.raises(LeaseLost, match="it is queued"):
        await journal.put(lease, [entry("a")])
    again = await journal.claim(lease.run, "one", lease_s=LEASE_S, now=NOW)
    assert again is not None
    assert again.epoch == 2
    with pytest.raises(LeaseLost):
        await journal.put(lease, [entry("a")])


async def test_who_ends_first_ends_it(journal: QueueJournal) -> None:
    lease = await begun(journal)
    of = header(lease.run)
    ended = result(of, RunStatus.PARTIAL, cost=42)
    await journal.finish(lease, ended)
    view = await journal.load(lease.run)
    assert (view.status, view.result, view.spent_microusd, view.lease) == (RunStatus.PARTIAL, ended, 42, None)
    with pytest.raises(LeaseLost, match="it is partial"):
        await journal.finish(lease, result(of))
    assert await journal.claim(lease.run, "two", lease_s=LEASE_S, now=after(99)) is None
    assert await taken(journal, "two", 99) is None
    assert not await journal.request_cancel(lease.run)


async def test_runs_are_taken_by_priority_and_then_by_age(journal: QueueJournal) -> None:
    for name, priority, age_s in [("b", 0, 5), ("a", 0, 5), ("old", 0, 9), ("urgent", 5, 0), ("last", -1, 99)]:
        await journal.begin(header(name, priority=priority, age_s=age_s))
    assert [await taken(journal) for _ in range(6)] == ["urgent", "old", "a", "b", "last", None]


async def test_a_lost_run_is_taken_up_with_its_outcomes(journal: QueueJournal) -> None:
    lease = await begun(journal)
    await journal.put(lease, [entry("a", 1)])
    await journal.begin(header("newer"))
    assert await taken(journal, "two", 14) == "newer"
    heir = await journal.claim_next("two", lease_s=LEASE_S, now=after(15))
    assert heir is not None
    assert (heir.run, heir.epoch) == (lease.run, 2)
    assert (await journal.load(lease.run)).outcomes == {"a": outcome("a", 1)}


async def test_one_run_goes_to_one_of_many(journal: QueueJournal) -> None:
    for _ in range(20):
        await journal.begin(header())
    found = await asyncio.gather(*(taken(journal, f"w{number}") for number in range(30)))
    runs = [run for run in found if run is not None]
    assert len(runs) == len(set(runs)) == 20


async def test_a_waiting_run_is_taken_when_its_first_timer_is_due(journal: QueueJournal) -> None:
    lease = await begun(journal)
    assert await journal.set_timer(lease, "late", after(60)) == after(60)
    assert await journal.set_timer(lease, "early", after(30)) == after(30)
    assert await journal.set_timer(lease, "over", after(10)) == after(10)
    await journal.put(lease, [entry("over")])
    await journal.release(lease, status=RunStatus.WAITING)
    view = await journal.load(lease.run)
    assert view.status is RunStatus.WAITING
    assert view.timers == {"late": after(60), "early": after(30)}
    assert await taken(journal, at_s=29.9) is None
    assert await taken(journal, at_s=30) == lease.run


async def test_a_timer_stays_as_it_was_set(journal: QueueJournal) -> None:
    lease = await begun(journal)
    await journal.set_timer(lease, "pause", after(60))
    heir = await journal.claim(lease.run, "two", lease_s=LEASE_S, now=after(20))
    assert heir is not None
    assert await journal.set_timer(heir, "pause", after(80)) == after(60)


async def test_failed_attempts_are_counted_until_the_step_ends(journal: QueueJournal) -> None:
    lease = await begun(journal)
    await journal.put_attempt(lease, "a", 1, wake_at=after(1), spent_microusd=10)
    await journal.put_attempt(lease, "a", 2, wake_at=after(3), spent_microusd=5)
    await journal.put_attempt(lease, "a", 2, wake_at=after(9), spent_microusd=5)  # told twice is once
    await journal.put_attempt(lease, "b[0]", 1, wake_at=None, spent_microusd=2)
    view = await journal.load(lease.run)
    assert view.attempts == {"a": 2, "b[0]": 1}
    assert view.timers == {"a": after(3)}
    assert view.spent_microusd == 17
    await journal.put(lease, [entry("a", cost=20)])  # of all its attempts together
    view = await journal.load(lease.run)
    assert (view.attempts, view.timers, view.spent_microusd) == ({"b[0]": 1}, {}, 22)


async def test_what_a_group_cost_counts_once(journal: QueueJournal) -> None:
    lease = await begun(journal)
    await journal.put(lease, [entry("g/a", cost=3), entry("g/b[0]/c", cost=4), entry("g/b[1]/c", cost=None)])
    assert (await journal.load(lease.run)).spent_microusd == 7
    await journal.put(lease, [entry("g/b", cost=4), entry("g", cost=7), entry("h", cost=1)])
    assert (await journal.load(lease.run)).spent_microusd == 8


async def test_a_held_run_is_told_that_it_should_stop(journal: QueueJournal) -> None:
    lease = await begun(journal)
    assert not lease.cancel_requested
    assert await journal.request_cancel(lease.run)
    assert (await journal.load(lease.run)).cancel_requested
    assert list(await journal.cancels("one")) == [lease.run]
    assert list(await journal.cancels("two")) == []
    assert (await journal.renew(lease, lease_s=LEASE_S, now=after(1))).cancel_requested
    await journal.finish(lease, result(header(lease.run), RunStatus.CANCELLED))
    assert list(await journal.cancels("one")) == []


@pytest.mark.parametrize("lost", [False, True])
async def test_a_run_that_nobody_holds_is_cancelled_at_once(
    journal: QueueJournal, clock: ManualClock, *, lost: bool
) -> None:
    lease = await begun(journal)
    await journal.put(lease, [entry("a", "paid", cost=9)])
    if lost:
        clock.advance(16)
    else:
        await journal.release(lease)
    assert await journal.request_cancel(lease.run)
    view = await journal.load(lease.run)
    assert view.status is RunStatus.CANCELLED
    assert view.result is not None
    assert (view.result.status, view.result.cost_microusd) == (RunStatus.CANCELLED, 9)
    assert view.result.steps == {"a": outcome("a", "paid", cost=9)}
    assert [error.code for error in view.result.errors] == ["cancelled"]
    assert await taken(journal, at_s=99) is None
    with pytest.raises(LeaseLost):
        await journal.put(lease, [entry("b")])


async def test_a_reopened_run_forgets_what_it_is_told_to(journal: QueueJournal) -> None:
    lease = await begun(journal)
    paths = ["a", "b", "b[0]", "b[0]/c", "b2", "g/b", "g"]
    await journal.put(lease, [entry(path, event=b"{}") for path in paths])
    await journal.put_attempt(lease, "b[1]", 1, wake_at=after(5), spent_microusd=1)
    await journal.set_timer(lease, "b[2]", after(5))
    await journal.set_timer(lease, "z", after(5))
    await journal.request_cancel(lease.run)
    await journal.finish(lease, result(header(lease.run), RunStatus.FAILED))
    await journal.reopen(lease.run, forget=["b", "g"])
    view = await journal.load(lease.run)
    assert set(view.outcomes) == {"a", "b2"}
    assert (view.attempts, view.timers) == ({}, {"z": after(5)})
    assert (view.status, view.result, view.cancel_requested) == (RunStatus.QUEUED, None, False)
    again = await journal.claim_next("two", lease_s=LEASE_S, now=NOW)
    assert again is not None
    assert await journal.put(again, [entry("b", "new", event=b"{}")]) == (len(paths) + 1,)
    await journal.finish(again, result(header(lease.run)))
    assert (await journal.load(lease.run)).status is RunStatus.SUCCEEDED


async def test_a_run_that_has_not_ended_is_not_reopened(journal: QueueJournal) -> None:
    lease = await begun(journal)
    with pytest.raises(Conflict, match="is running"):
        await journal.reopen(lease.run)


async def test_a_queue_key_lets_so_many_run_at_once(journal: QueueJournal) -> None:
    for name in ("r1", "r2", "r3", "r4"):
        await journal.begin(header(name, age_s=ord("9") - ord(name[1]), queue_key="review:x", max_runs="2"))
    await journal.begin(header("other", queue_key="review:y", max_runs="1"))
    first = await journal.claim_next("one", lease_s=LEASE_S, now=NOW)
    assert first is not None
    assert [await taken(journal) for _ in range(3)] == ["r2", "other", None]
    assert await journal.begin(header("r5", queue_key="review:x", max_runs="2"), owner="one", lease_s=LEASE_S) is None
    refused = header("r6", queue_key="review:x", max_runs="2")
    assert await journal.begin(refused, owner="one", lease_s=LEASE_S, queues=False) is None
    with pytest.raises(NotFound):
        await journal.load(refused.id)
    assert await journal.status(RunId("r5")) is RunStatus.QUEUED
    await journal.finish(first, result(header("r1")))
    assert [await taken(journal, at_s=1) for _ in range(2)] == ["r3", None]
    assert await journal.begin(header("r0", queue_key="nul\0", max_runs="1"), owner="one", lease_s=LEASE_S) is not None
    # r2's lease runs out, and with it its place; it is the older one of those that wait
    assert await taken(journal, at_s=15.5) == "r2"


async def test_a_lost_run_that_nobody_may_take_up_is_taken_to_be_ended_and_can_be_resumed(
    journal: QueueJournal,
) -> None:
    lease = await begun(journal, header(auto_resume="false"))
    await journal.put(lease, [entry("a", cost=4)])
    assert await taken(journal, "two", 14) is None
    heir = await journal.claim_next("two", lease_s=LEASE_S, now=after(15))
    assert heir is not None
    assert (heir.run, heir.given_up, heir.silent) == (lease.run, True, 1)
    await journal.finish(heir, worker_lost(await journal.load(lease.run), silent=heir.silent))
    view = await journal.load(lease.run)
    assert view.result is not None
    assert [error.code for error in view.result.errors] == ["worker_lost"]
    assert (view.status, view.spent_microusd) == (RunStatus.FAILED, 4)
    await journal.reopen(lease.run)
    assert await taken(journal, "two", 16) == lease.run


async def test_a_run_that_was_given_back_is_not_lost(journal: QueueJournal) -> None:
    await journal.release(await begun(journal, header(auto_resume="false")))
    lease = await journal.claim_next("two", lease_s=LEASE_S, now=after(99))
    assert lease is not None
    assert (lease.given_up, lease.taken_over, lease.silent) == (False, False, 0)


async def test_a_run_whose_workers_all_fall_silent_is_given_up(journal: QueueJournal) -> None:
    lease = await begun(journal)
    await journal.put(lease, [entry("a", cost=4, event=b"1")])
    for takeover in range(1, 4):
        heir = await journal.claim_next("two", lease_s=LEASE_S, now=after(takeover * LEASE_S), max_takeovers=3)
        assert heir is not None
        assert (heir.taken_over, heir.silent, heir.given_up) == (True, takeover, False)
        await journal.put(heir, [Entry(event=b"2")])
    for takeover in (4, 5):  # who takes it to end it may fall silent as well
        heir = await journal.claim_next("two", lease_s=LEASE_S, now=after(takeover * LEASE_S), max_takeovers=3)
        assert heir is not None
        assert (heir.silent, heir.given_up) == (takeover, True)
        view = await journal.load(lease.run)
    end = worker_lost(view, silent=heir.silent)
    assert "5 one after the other" in end.errors[0].message
    assert end.errors[0].hint
    await journal.finish(heir, end)
    assert (await journal.load(lease.run)).spent_microusd == 4
    await journal.reopen(lease.run)
    for takeover in (6, 7):
        again = await journal.claim_next("two", lease_s=LEASE_S, now=after(takeover * LEASE_S), max_takeovers=3)
        assert again is not None
        assert not again.given_up


async def test_what_ends_between_takeovers_makes_them_count_anew(journal: QueueJournal) -> None:
    await begun(journal)
    for takeover in range(1, 9):
        heir = await journal.claim_next("two", lease_s=LEASE_S, now=after(takeover * LEASE_S), max_takeovers=1)
        assert heir is not None
        await journal.put(heir, [entry(f"a{takeover}")])


async def test_a_run_that_is_given_back_is_taken_up_as_often_as_you_like(journal: QueueJournal) -> None:
    await journal.release(await begun(journal))
    for _ in range(9):
        lease = await journal.claim_next("two", lease_s=LEASE_S, now=NOW, max_takeovers=0)
        assert lease is not None
        await journal.release(lease)


async def test_a_try_of_a_run_forgets_what_failed_but_not_its_cost(journal: QueueJournal) -> None:
    lease = await begun(journal)
    await journal.put(lease, [entry("a", cost=4, event=b"1"), entry("b", cost=3)])
    assert await journal.try_again(lease, 1, forget=["b"], wake_at=after(9), event=b"2") == 2
    view = await journal.load(lease.run)
    assert (list(view.outcomes), view.spent_microusd) == (["a"], 7)
    assert (view.retries, view.retry_at, view.attempts, view.timers) == (1, after(9), {}, {})
    await journal.put(lease, [entry("b", cost=1)])
    assert (await journal.load(lease.run)).spent_microusd == 8
    with pytest.raises(LeaseLost):
        await journal.try_again(msgspec.structs.replace(lease, epoch=9), 2, forget=[], wake_at=NOW, event=b"3")


async def test_what_another_record_has_of_a_run_is_kept(journal: QueueJournal) -> None:
    lease = await begun(journal)
    await journal.put(lease, [entry("a", cost=4), entry("b", cost=3), entry("c", cost=None)])
    assert (await journal.load(lease.run)).paid == Spend()
    for times in (1, 2):
        await journal.finish(lease, result(header(lease.run), RunStatus.FAILED))
        await journal.reopen(lease.run, forget=["b"])
        paid = Spend(known_microusd=4 + 3 * times, unpriced=1)
        again = await journal.claim(lease.run, "two", lease_s=LEASE_S, now=NOW)
        assert again is not None
        lease = again
        await journal.put(lease, [entry("b", cost=3)])
        view = await journal.load(lease.run)
        assert (view.paid, view.spent_microusd) == (paid, paid.known_microusd + 3)
    for number, kept in enumerate(([], [msgspec.structs.replace(outcome("a", cost=4), prompt_tokens=9)])):
        fork = msgspec.structs.replace(header(f"fork_{number}"), parent=lease.run)
        held = await journal.begin(fork, owner="one", outcomes=kept)
        assert held is not None
        await journal.put(held, [entry("b", cost=5)])
        paid = Spend(usage=Usage(prompt_tokens=9 * number), known_microusd=4 * number)
        assert (await journal.load(fork.id)).paid == paid


async def test_what_the_name_of_a_flow_means_stays(journal: QueueJournal) -> None:
    lease = await begun(journal)
    first = PinnedFlow(flow="f", version="1.0.0", digest="d1", document={"steps": []})
    second = msgspec.structs.replace(first, version="2.0.0", digest="d2")
    assert await journal.pin(lease, "f@latest", first) == first
    assert await journal.pin(lease, "f@latest", second) == first
    assert await journal.pin(lease, "f", second) == second
    assert await journal.pins(lease.run) == {"f@latest": first, "f": second}
    with pytest.raises(LeaseLost):
        await journal.pin(msgspec.structs.replace(lease, epoch=9), "g", first)
    await journal.finish(lease, result(header()))
    assert await journal.delete_before(after(1)) == 1
    assert await journal.pins(lease.run) == {}


async def test_runs_come_newest_first_page_by_page(journal: QueueJournal) -> None:
    for number in range(7):
        tenant, flow = ("t2", "other") if number == 3 else ("t1", "review")
        await journal.begin(header(f"run_{number}", tenant=tenant, flow=flow))
    lease = await journal.claim(RunId("run_5"), "one", lease_s=LEASE_S, now=NOW)
    assert lease is not None
    await journal.put(lease, [entry("a", cost=3)])

    async def ids(**how: object) -> list[str]:
        return [view.header.id for view in await journal.runs(**how)]  # pyright: ignore[reportArgumentType]

    assert await ids() == [f"run_{number}" for number in reversed(range(7))]
    assert await ids(tenant=TenantId("t1"), limit=2) == ["run_6", "run_5"]
    assert await ids(tenant=TenantId("t1"), limit=2, before="run_5") == ["run_4", "run_2"]
    assert await ids(flow="other") == ["run_3"]
    assert await ids(status=RunStatus.RUNNING) == ["run_5"]
    assert await ids(tenant=TenantId("t2"), flow="review") == []
    (view,) = await journal.runs(status=RunStatus.RUNNING)
    assert (view.outcomes, view.spent_microusd) == ({}, 3)


async def test_a_page_is_full_of_runs_that_are_seen(journal: QueueJournal) -> None:
    for number in range(12):
        await journal.begin(header(f"run_{number:02}", flow="mine" if number % 4 == 0 else "theirs"))

    async def page(before: str | None, limit: int, **how: str) -> list[str]:
        views = await journal.runs(before=before, limit=limit, sees=lambda flow: flow == "mine", **how)  # pyright: ignore[reportArgumentType]
        return [view.header.id for view in views]

    assert await page(None, 2) == ["run_08", "run_04"]
    assert await page("run_04", 2) == ["run_00"]
    assert await page(None, 9, flow="mine") == ["run_08", "run_04", "run_00"]
    assert await page(None, 9, flow="theirs") == []
    assert await page(None, 0) == []


async def test_runs_that_are_seen_are_found_behind_many_that_are_not(journal: QueueJournal) -> None:
    await journal.begin(header("run_0000", flow="mine"))
    await asyncio.gather(*(journal.begin(header(f"run_{number:04}", flow="theirs")) for number in range(1, 1201)))
    await journal.begin(header("run_9999", flow="mine"))
    views = await journal.runs(limit=3, sees=lambda flow: flow == "mine")
    assert [view.header.id for view in views] == ["run_9999", "run_0000"]


async def test_the_newest_runs_of_several_flows_that_are_seen_are_one_page(journal: QueueJournal) -> None:
    for number, name in enumerate(("a", "b", "c", "a", "a", "b", "c")):
        await journal.begin(header(f"run_{number}", flow=name, tenant="t2" if number == 5 else "t1"))

    async def page(**how: Any) -> list[str]:
        return [view.header.id for view in await journal.runs(sees=lambda flow: flow in "ab", **how)]

    assert await page(limit=3) == ["run_5", "run_4", "run_3"]
    assert await page(limit=3, tenant=TenantId("t1")) == ["run_4", "run_3", "run_1"]
    assert await page(before="run_3", tenant=TenantId("t1")) == ["run_1", "run_0"]
    assert await page(tenant=TenantId("nobody")) == []


async def test_only_old_runs_that_ended_are_deleted(journal: QueueJournal, clock: ManualClock) -> None:
    old, unended = await begun(journal), await begun(journal)
    await journal.put(old, [entry("a", event=b"{}")])
    await journal.finish(old, result(header(old.run)))
    clock.advance(100)
    new = await begun(journal)
    await journal.finish(new, result(header(new.run)))
    assert await journal.delete_before(after(50)) == 1
    with pytest.raises(NotFound):
        await journal.load(old.run)
    assert list(await journal.events(old.run)) == []
    assert {view.header.id for view in await journal.runs()} == {unended.run, new.run}
    assert await journal.delete_before(after(50)) == 0
    assert await journal.begin(header(old.run)) is None  # nothing of it is left in the way


async def test_a_claim_that_nobody_waits_for_any_more_leaves_the_run_to_others(journal: QueueJournal) -> None:
    await journal.begin(header("run"))
    async with asyncio.TaskGroup() as group:
        task = group.create_task(taken(journal, "gone"))
        await asyncio.sleep(0)
        task.cancel()
    if not task.cancelled():
        return  # in memory it is done at once
    with journal.bell.listening(WORK) as came:
        async with asyncio.timeout(5):
            while (run := await taken(journal, "two")) is None:
                await came.wait()
                came.clear()
    assert run == "run"


async def test_the_bell_rings_for_work_cancelling_and_ends(journal: QueueJournal) -> None:
    of = header()
    with (
        journal.bell.listening(WORK) as work,
        journal.bell.listening(CANCEL) as cancel,
        journal.bell.listening(of.id) as ended,
    ):
        await journal.begin(of)
        assert work.is_set()
        lease = await journal.claim_next("one", lease_s=LEASE_S, now=NOW)
        assert lease is not None
        assert not ended.is_set()
        await journal.request_cancel(of.id)
        assert cancel.is_set()
        ended.clear()
        await journal.finish(lease, result(of))
        assert ended.is_set()


async def test_what_makes_no_sense_is_refused(journal: QueueJournal) -> None:
    lease = await begun(journal)
    with pytest.raises(ValueError, match="not as running"):
        await journal.release(lease, status=RunStatus.RUNNING)
    with pytest.raises(ValueError, match="cannot end as waiting"):
        await journal.finish(lease, result(header(lease.run), RunStatus.WAITING))
    with pytest.raises(ValueError, match="'few'"):
        await journal.begin(header(queue_key="k", max_runs="few"))
    with pytest.raises(ValueError, match="must last"):
        await journal.claim_next("one", lease_s=0, now=NOW)


async def test_a_callback_is_taken_by_one_at_a_time_until_it_is_over(journal: QueueJournal, clock: ManualClock) -> None:
    of = header(callback="https://example.org/")
    lease = await begun(journal, of)
    assert await journal.take_callback(hold_s=60) is None
    await journal.put(lease, [entry("a", event=b'{"event":"x"}')])
    await journal.finish(lease, result(of), b'{"event":"flow.finished"}')
    found = await asyncio.gather(*(journal.take_callback(hold_s=60) for _ in range(4)))
    (first,) = [each for each in found if each is not None]
    assert (first.run, first.seq, first.tries) == (of.id, 2, 1)
    clock.advance(61)
    second = await journal.take_callback(hold_s=60)
    assert second is not None
    assert second.tries == 2
    assert not await journal.end_callback(first, b"{}", again_at=None), "somebody else makes the next try"
    assert await journal.end_callback(second, b'{"event":"callback.failed"}', again_at=after(100))
    assert await journal.take_callback(hold_s=60) is None
    clock.advance(60)
    third = await journal.take_callback(hold_s=60)
    assert third is not None
    assert await journal.end_callback(third, b'{"event":"callback.sent"}', again_at=None)
    clock.advance(10_000)
    assert await journal.take_callback(hold_s=60) is None
    assert [event.seq for event in await journal.events(of.id)] == [1, 2, 3, 4]


async def test_a_run_that_goes_on_has_no_callback_until_its_next_end(journal: QueueJournal) -> None:
    of = header(callback="ops")
    lease = await begun(journal, of)
    await journal.finish(lease, result(of, RunStatus.FAILED), b"{}")
    taken_callback = await journal.take_callback(hold_s=60)
    await journal.reopen(of.id)
    assert taken_callback is not None
    assert not await journal.end_callback(taken_callback, b"{}", again_at=None)
    assert await journal.request_cancel(of.id)
    again = await journal.take_callback(hold_s=60)
    assert again is not None
    assert again.seq > taken_callback.seq


async def test_ends_without_a_worker_are_told(journal: QueueJournal) -> None:
    of = header()
    await journal.begin(of)
    assert await journal.request_cancel(of.id)
    (event,) = await journal.events(of.id)
    assert b'"flow.finished"' in event.data
    assert b'"cancelled"' in event.data
    assert (await journal.load(of.id)).events == 1
