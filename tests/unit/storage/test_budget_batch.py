"""What waits at one moment is one transaction, and one that fails takes no other with it."""

import contextlib
import sqlite3
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy.exc import IntegrityError

from quorate.core.clock import SystemClock
from quorate.model.budget import BudgetBook, Claim, Hold
from quorate.storage.budget_batch import BudgetStep
from quorate.storage.database import Database
from quorate.storage.errors import StorageUnavailable

NOW = datetime(2026, 1, 1, tzinfo=UTC)
BOOK = BudgetBook(
    id="b:m@total", budget="b", subject="m", tenant="", limit_microusd=100, hard=True, since=None, until=None
)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database.open(f"sqlite:///{tmp_path}/q.db", clock=SystemClock())
    yield opened
    opened.close()


def step(run: str, amount: int = 10) -> BudgetStep:
    claims = (Claim(book=BOOK, amount_microusd=amount),)
    hold = Hold(run=run, tenant="t", key_id=None, claims=claims, expires_at=NOW + timedelta(minutes=1))
    return BudgetStep(hold=hold, now=NOW)


def test_what_is_queued_is_done_by_whoever_comes_first_in_its_order(database: Database) -> None:
    steps = [step(f"run_{number}") for number in range(12)]
    for each in steps:
        database.budgets.queue(each)
    database.budgets.finish(steps[-1])
    assert all(each.done for each in steps)
    refused = [each.outcome is not None and each.outcome.refused_by is not None for each in steps]
    assert refused == [False] * 10 + [True] * 2


def test_one_that_fails_takes_no_other_with_it(database: Database) -> None:
    twice = [step("run_1"), step("run_1"), step("run_2")]
    for each in twice:
        database.budgets.queue(each)
    assert database.budgets.finish(twice[2]) is not None
    assert database.budgets.finish(twice[0]) is not None
    with pytest.raises(IntegrityError):
        database.budgets.finish(twice[1])
    (standing,) = database.budgets.read("b", None, NOW)
    assert standing.reserved_microusd == 20


def test_many_threads_never_see_the_same_room(database: Database) -> None:
    steps = [step(f"run_{number}", amount=7) for number in range(60)]

    def work(mine: list[BudgetStep]) -> None:
        for each in mine:
            database.budgets.queue(each)
            database.budgets.finish(each)

    threads = [threading.Thread(target=work, args=(steps[start::6],)) for start in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    passed = [each for each in steps if each.outcome is not None and each.outcome.refused_by is None]
    assert len(passed) == 14


def test_a_database_that_is_away_is_away_for_all_at_once(database: Database, tmp_path: Path) -> None:
    steps = [step(f"run_{number}") for number in range(5)]
    for each in steps:
        database.budgets.queue(each)
    with contextlib.closing(sqlite3.connect(tmp_path / "q.db")) as other:
        other.execute("DROP TABLE budget_holds")
    with pytest.raises(StorageUnavailable):
        database.budgets.finish(steps[0])
    assert all(each.failure is steps[0].failure for each in steps)
