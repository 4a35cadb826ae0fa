"""What those who keep count of budgets promise: in memory, in SQLite, in PostgreSQL and in Redis."""

import asyncio
import itertools
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from budget_books import attempt, book, claim, hold
from quorate.access.local_budgets import LocalBudgets
from quorate.access.shared_budgets import SharedBudgets
from quorate.access.stored_budgets import StoredBudgets
from quorate.core.clock import ManualClock
from quorate.model.budget import BudgetBook, BudgetStore, Hold, Standing, Window
from quorate.model.ledger import LedgerLine, Move
from quorate.storage.database import Database

NOW = datetime(2026, 3, 4, 12, 30, 15, tzinfo=UTC)
AT_ONCE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A store, and the database whose ledger it writes, if it writes one."""

    store: BudgetStore
    database: Database | None = None

    async def standing(self, of: BudgetBook, now: datetime = NOW) -> tuple[int, int]:
        """Spent and reserved."""
        found = [each for each in await self.store.read(of.budget, of.since, now) if each.book == of.id]
        return (found[0].spent_microusd, found[0].reserved_microusd) if found else (0, 0)

    async def require_balance(self) -> None:
        if self.database is not None:
            balance = await asyncio.to_thread(self.database.ledger.balance)
            assert balance.books == ()


@pytest.fixture(params=["memory", "sqlite", "postgres", "redis"])
async def kept(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Kept]:
    if request.param == "memory":
        yield Kept(store=LocalBudgets())
    elif request.param == "redis":
        shared = SharedBudgets(request.getfixturevalue("redis_url"))
        yield Kept(store=shared)
        await shared.close()
    else:
        sqlite = request.param == "sqlite"
        url = f"sqlite:///{tmp_path}/q.db" if sqlite else request.getfixturevalue("postgres_url")
        database = await asyncio.to_thread(Database.open, url, clock=ManualClock(NOW))
        yield Kept(store=StoredBudgets(database.budgets), database=database)
        await asyncio.to_thread(database.close)


async def test_reserved_then_spent_and_the_rest_given_back(kept: Kept) -> None:
    day = book(NOW)
    held = hold(NOW, "run_1", claim(day, 60))
    assert (await kept.store.reserve(held, NOW)).refused_by is None
    assert await kept.standing(day) == (0, 60)
    await kept.store.settle(held, [attempt(1, 20), attempt(2, 5, estimated=True)], NOW)
    assert await kept.standing(day) == (25, 0)
    await kept.require_balance()


async def test_what_does_not_fit_is_refused_and_says_why(kept: Kept) -> None:
    day = book(NOW)
    await kept.store.reserve(hold(NOW, "run_1", claim(day, 60)), NOW)
    refused = await kept.store.reserve(hold(NOW, "run_2", claim(day, 41)), NOW)
    assert refused.refused_by == 0
    assert (refused.standings[0].spent_microusd, refused.standings[0].reserved_microusd) == (0, 60)
    assert (await kept.store.reserve(hold(NOW, "run_3", claim(day, 40)), NOW)).refused_by is None
    assert await kept.standing(day) == (0, 100)


async def test_all_books_or_none(kept: Kept) -> None:
    wide, narrow = book(NOW, name="a-wide", limit=1000), book(NOW, name="b-narrow", limit=10)
    refused = await kept.store.reserve(hold(NOW, "run_1", claim(wide, 50), claim(narrow, 50)), NOW)
    assert refused.refused_by == 1
    assert await kept.standing(wide) == await kept.standing(narrow) == (0, 0)
    await kept.require_balance()


async def test_a_soft_book_is_over_and_refuses_nobody(kept: Kept) -> None:
    soft = book(NOW, hard=False, limit=10)
    reserved = await kept.store.reserve(hold(NOW, "run_1", claim(soft, 50)), NOW)
    assert reserved.refused_by is None
    assert reserved.standings[0].reserved_microusd == 50


async def test_more_than_was_reserved_is_spent_all_the_same(kept: Kept) -> None:
    day = book(NOW)
    held = hold(NOW, "run_1", claim(day, 10))
    await kept.store.reserve(held, NOW)
    await kept.store.settle(held, [attempt(1, 25)], NOW)
    assert await kept.standing(day) == (25, 0)
    await kept.require_balance()


async def test_settling_the_same_once_more_changes_nothing(kept: Kept) -> None:
    day = book(NOW)
    held = hold(NOW, "run_1", claim(day, 60))
    await kept.store.reserve(held, NOW)
    for _ in range(3):
        await kept.store.settle(held, [attempt(1, 20)], NOW)
    assert await kept.standing(day) == (20, 0)
    await kept.store.settle(held, [attempt(1, 20), attempt(2, 3)], NOW)  # somebody who ended late
    assert await kept.standing(day) == (23, 0)
    await kept.require_balance()


async def test_a_model_pays_its_own_attempts_alone(kept: Kept) -> None:
    all_of_it, of_model = book(NOW, name="all"), book(NOW, name="one", subject="x")
    held = hold(NOW, "run_1", claim(all_of_it, 50), claim(of_model, 20, "x"))
    await kept.store.reserve(held, NOW)
    await kept.store.settle(held, [attempt(1, 11, model="x"), attempt(2, 22, model="y"), attempt(3, None)], NOW)
    assert await kept.standing(all_of_it) == (33, 0)
    assert await kept.standing(of_model) == (11, 0)
    await kept.require_balance()


async def test_nobody_settling_it_a_reservation_expires(kept: Kept) -> None:
    day = book(NOW)
    lost = hold(NOW, "run_lost", claim(day, 100), expires_s=30)
    await kept.store.reserve(lost, NOW)
    later = NOW + timedelta(seconds=29.9)
    assert (await kept.store.reserve(hold(later, "run_2", claim(day, 1)), later)).refused_by == 0
    later = NOW + timedelta(seconds=30)
    assert (await kept.store.reserve(hold(later, "run_3", claim(day, 100)), later)).refused_by is None
    await kept.store.settle(lost, [attempt(1, 7)], later)  # it was only slow: what it cost counts all the same
    assert await kept.standing(day, later) == (7, 100)
    await kept.require_balance()


async def test_the_sweep_releases_what_expired(kept: Kept) -> None:
    day, other = book(NOW), book(NOW, name="other")
    await kept.store.reserve(hold(NOW, "run_1", claim(day, 10), claim(other, 20), expires_s=30), NOW)
    assert await kept.store.expire(NOW) == 0
    assert await kept.store.expire(NOW + timedelta(seconds=31)) == 2
    assert await kept.store.expire(NOW + timedelta(seconds=32)) == 0
    assert await kept.standing(day, NOW) == await kept.standing(other, NOW) == (0, 0)
    await kept.require_balance()


async def test_looking_releases_what_expired(kept: Kept) -> None:
    day = book(NOW)
    await kept.store.reserve(hold(NOW, "run_1", claim(day, 10), expires_s=30), NOW)
    assert await kept.standing(day, NOW + timedelta(seconds=31)) == (0, 0)


async def test_a_new_window_begins_with_nothing(kept: Kept) -> None:
    minute = book(NOW, window=Window.MINUTE)
    held = hold(NOW, "run_1", claim(minute, 100))
    await kept.store.reserve(held, NOW)
    later = NOW + timedelta(minutes=1)
    following = book(later, window=Window.MINUTE)
    assert following.id != minute.id
    assert (await kept.store.reserve(hold(later, "run_2", claim(following, 100)), later)).refused_by is None
    await kept.store.settle(held, [attempt(1, 40)], later)  # charged to the minute in which it was reserved
    assert await kept.standing(minute) == (40, 0)
    assert await kept.standing(following) == (0, 100)


async def test_books_of_a_budget_are_listed_with_whose_they_are(kept: Kept) -> None:
    ours = book(NOW, name="each", subject="acme", tenant="acme")
    theirs = book(NOW, name="each", subject="globex", tenant="globex")
    total = book(NOW, name="each", subject="acme", tenant="acme", window=Window.TOTAL)
    for number, each in enumerate((theirs, ours, total)):
        await kept.store.reserve(hold(NOW, f"run_{number}", claim(each, 10 + number)), NOW)
    found = await kept.store.read("each", ours.since, NOW)
    assert found == [
        Standing(book=ours.id, subject="acme", tenant="acme", reserved_microusd=11),
        Standing(book=theirs.id, subject="globex", tenant="globex", reserved_microusd=10),
    ]
    assert [each.reserved_microusd for each in await kept.store.read("each", None, NOW)] == [12]
    assert await kept.store.read("nothing", None, NOW) == []


@pytest.mark.timeout(240)
async def test_two_hundred_at_once_and_room_for_ten(kept: Kept) -> None:
    narrow, wide = book(NOW, name="narrow", limit=100), book(NOW, name="wide", limit=10_000)

    async def request(number: int) -> bool:
        held = hold(NOW, f"run_{number}", claim(narrow, 10), claim(wide, 10))
        return (await kept.store.reserve(held, NOW)).refused_by is None

    async with asyncio.TaskGroup() as tasks:
        asked = [tasks.create_task(request(number)) for number in range(AT_ONCE)]
    passed = [number for number, task in enumerate(asked) if task.result()]
    assert len(passed) == 10
    assert await kept.standing(narrow) == await kept.standing(wide) == (0, 100)
    async with asyncio.TaskGroup() as tasks:
        for number in passed:
            held = hold(NOW, f"run_{number}", claim(narrow, 10), claim(wide, 10))
            tasks.create_task(_settle(kept.store, held, number))
    costs = sum(number % 10 for number in passed)
    assert await kept.standing(narrow) == await kept.standing(wide) == (costs, 0)
    await kept.require_balance()


async def _settle(store: BudgetStore, held: Hold, number: int) -> None:
    await store.settle(held, [attempt(1, number % 10)], NOW)


NUMBERS = itertools.count()
#: A run is settled once more right after its answer, if at all: so long every store knows what it has counted.
SETTLED_AGAIN = timedelta(seconds=60)
STEPS = st.lists(
    st.tuples(st.sampled_from(["reserve", "settle", "wait", "sweep"]), st.integers(0, 4), st.integers(0, 60)),
    max_size=40,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15)
@given(steps=STEPS, seed=st.integers(0, 2**30))
@example(steps=[("settle", 2, 0), *[("wait", 0, 60)] * 3, ("sweep", 0, 0), ("settle", 2, 0)], seed=0)
async def test_whatever_happens_the_books_balance(kept: Kept, steps: list[tuple[str, int, int]], seed: int) -> None:
    """Compared with a model of a few lines: what is held by whom until when, and what was spent."""
    name, rng, now = f"b{next(NUMBERS)}", random.Random(seed), NOW
    day = book(NOW, name=name, limit=100)
    holding: dict[str, tuple[int, datetime]] = {}
    begun = set[str]()
    spent = 0
    lines: dict[str, list[LedgerLine]] = {}
    settled: dict[str, datetime] = {}
    for step, who, amount in steps:
        run = f"run_{name}_{who}"
        held = hold(now, run, claim(day, amount), expires_s=20)
        holding = {each: at for each, at in holding.items() if at[1] > now}
        if step == "reserve" and run not in begun:  # a run reserves once
            begun.add(run)
            fits = spent + sum(each for each, _ in holding.values()) + amount <= 100
            assert ((await kept.store.reserve(held, now)).refused_by is None) is fits
            if fits:
                holding[run] = (amount, held.expires_at)
        elif step == "settle" and now - settled.get(run, now) < SETTLED_AGAIN:
            settled[run] = now
            mine = lines.setdefault(run, [])
            before = len(mine)
            new = [attempt(before + 1 + each, rng.randint(0, 30)) for each in range(who % 3)]
            mine += new
            await kept.store.settle(held, mine, now)
            spent += sum(line.amount_microusd or 0 for line in new)
            holding.pop(run, None)
        elif step == "wait":
            now += timedelta(seconds=amount / 3)
        elif step == "sweep":
            await kept.store.expire(now)
        holding = {each: at for each, at in holding.items() if at[1] > now}
        assert await kept.standing(day, now) == (spent, sum(each for each, _ in holding.values()))
    await kept.require_balance()


@pytest.mark.parametrize(
    ("window", "since", "until"),
    [
        (Window.MINUTE, "2026-03-04T12:30", "2026-03-04T12:31"),
        (Window.HOUR, "2026-03-04T12:00", "2026-03-04T13:00"),
        (Window.DAY, "2026-03-04T00:00", "2026-03-05T00:00"),
        (Window.WEEK, "2026-03-02T00:00", "2026-03-09T00:00"),
        (Window.MONTH, "2026-03-01T00:00", "2026-04-01T00:00"),
    ],
)
def test_windows_follow_the_calendar(window: Window, since: str, until: str) -> None:
    assert window.span(NOW) == tuple(datetime.fromisoformat(at).replace(tzinfo=UTC) for at in (since, until))


def test_a_total_has_no_end() -> None:
    assert Window.TOTAL.span(NOW) == (None, None)


@given(at=st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2100, 1, 1)))  # noqa: DTZ001 - made aware below
def test_windows_leave_no_gap(at: datetime) -> None:
    now = at.replace(tzinfo=UTC)
    for window in set(Window) - {Window.TOTAL}:
        since, until = window.span(now)
        assert since is not None
        assert until is not None
        assert since <= now < until
        assert window.span(until)[0] == until


def test_lines_say_from_where_to_where() -> None:
    ways = {
        move: (line.source.value, line.target.value) for move in Move for line in [attempt(1, 1, book="b", move=move)]
    }
    assert ways == {
        Move.RESERVE: ("available", "reserved"),
        Move.SETTLE: ("reserved", "spent"),
        Move.OVERRUN: ("available", "spent"),
        Move.RELEASE: ("reserved", "available"),
    }


async def test_a_run_that_was_settled_before_it_reserved_gives_back_what_it_holds(kept: Kept) -> None:
    day = book(NOW, name="early", limit=100)
    held = hold(NOW, "run_early", claim(day, 10))
    await kept.store.settle(held, [], NOW)
    await kept.store.reserve(held, NOW)
    assert await kept.standing(day) == (0, 10)
    await kept.store.settle(held, [], NOW)
    assert await kept.standing(day) == (0, 0)
    await kept.require_balance()
