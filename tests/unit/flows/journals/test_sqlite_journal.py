import asyncio
import sqlite3
import stat
from pathlib import Path

import pytest

from flow_runs import entry, header, result
from quorate.core.clock import SystemClock
from quorate.core.errors import Misconfigured
from quorate.flows.journals.packing import Unreadable
from quorate.flows.journals.schema import VERSION
from quorate.flows.journals.sqlite import SqliteJournal, SqliteSession
from quorate.flows.journals.stored import StoredJournal
from quorate.flows.outcome import RunStatus
from quorate.flows.plan import Durability


async def test_the_file_is_this_users_alone(tmp_path: Path) -> None:
    file = tmp_path / "new" / "folder" / "flows.db"
    journal = SqliteJournal(file)
    await journal.begin(header())
    assert [stat.S_IMODE(path.stat().st_mode) for path in file.parent.iterdir()] == [0o600] * 3
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    await journal.close()


async def test_a_newer_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "flows.db"
    journal = SqliteJournal(file)
    await journal.open()
    await journal.close()
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE flow_schema SET version = 99")
    connection.close()
    journal = SqliteJournal(file)
    for _ in range(2):
        with pytest.raises(Misconfigured, match=f"version 99, this program knows versions up to {VERSION}"):
            await journal.open()
    with pytest.raises(Misconfigured):
        await journal.queued()
    await journal.close()


async def test_a_file_of_the_first_version_is_brought_up_to_date(tmp_path: Path) -> None:
    file = tmp_path / "flows.db"
    journal = SqliteJournal(file)
    lease = await journal.begin(header(), owner="one")
    await journal.close()
    with sqlite3.connect(file) as connection:
        connection.execute("ALTER TABLE flow_runs DROP COLUMN takeovers")
        connection.execute("DROP TABLE flow_pins")
        connection.execute("DROP TABLE flow_paid")
        connection.execute("DROP INDEX flow_runs_flow")
        connection.execute("UPDATE flow_schema SET version = 1")
    connection.close()
    journal = SqliteJournal(file)
    assert lease is not None
    await journal.put(lease, [entry("a")])
    assert list((await journal.load(lease.run)).outcomes) == ["a"]
    assert await journal.pins(lease.run) == {}
    await journal.finish(lease, result(header(lease.run), RunStatus.FAILED))
    await journal.reopen(lease.run)
    assert (await journal.load(lease.run)).reopened == 1
    await journal.close()


async def test_what_was_reopened_in_an_older_version_has_all_its_costs_in_a_record(tmp_path: Path) -> None:
    file = tmp_path / "flows.db"
    journal = SqliteJournal(file)
    lease = await journal.begin(header(), owner="one")
    assert lease is not None
    await journal.put(lease, [entry("a", cost=7)])
    await journal.finish(lease, result(header(lease.run), RunStatus.FAILED))
    await journal.reopen(lease.run)
    await journal.close()
    with sqlite3.connect(file) as connection:
        connection.execute("DROP TABLE flow_paid")
        connection.execute("DROP INDEX flow_runs_flow")
        connection.execute("UPDATE flow_schema SET version = 2")
    connection.close()
    journal = SqliteJournal(file)
    view = await journal.load(lease.run)
    assert view.paid.known_microusd == view.spent_microusd == 7
    await journal.close()


@pytest.mark.parametrize("place", ["a folder", "not a database"])
async def test_a_file_that_cannot_be_used_is_told(tmp_path: Path, place: str) -> None:
    file = tmp_path / "flows.db"
    if place == "a folder":
        file.mkdir()
    else:
        file.write_bytes(b"no database, but long enough to look at" * 100)
    journal = SqliteJournal(file)
    with pytest.raises(Misconfigured, match=r"flows\.db' cannot be opened"):
        await journal.open()
    await journal.close()


async def test_a_damaged_row_is_told(tmp_path: Path) -> None:
    file = tmp_path / "flows.db"
    journal = SqliteJournal(file)
    lease = await journal.begin(header(), owner="one")
    assert lease is not None
    await journal.put(lease, [entry("a", "x" * 100_000)])
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE flow_outcomes SET data = substr(data, 1, 40)")
    connection.close()
    with pytest.raises(Unreadable, match="damaged"):
        await journal.load(lease.run)
    await journal.close()


async def test_long_outcomes_are_kept_small(tmp_path: Path) -> None:
    file = tmp_path / "flows.db"
    journal = SqliteJournal(file)
    lease = await journal.begin(header(), owner="one")
    assert lease is not None
    await journal.put(lease, [entry("a", "the same again " * 100_000)])
    with sqlite3.connect(file) as connection:
        assert connection.execute("SELECT length(data) FROM flow_outcomes").fetchone()[0] < 10_000
    connection.close()
    await journal.close()


def test_a_strict_commit_is_synced_and_others_are_not(tmp_path: Path) -> None:
    session = SqliteSession(tmp_path / "flows.db", strict=False)
    levels: list[int] = []
    for strict in (False, True, True, False):
        session.begin(strict=strict)
        levels.append(session.rows("PRAGMA synchronous")[0][0])
        session.run("CREATE TABLE IF NOT EXISTS t (a)")
        session.commit()
    session.close()
    assert levels == [1, 2, 2, 1]  # NORMAL, FULL, FULL, NORMAL


def watched_journal(file: Path) -> tuple[StoredJournal, list[bool]]:
    """A journal, and for each of its commits whether it was strict."""
    seen: list[bool] = []

    class Watched(SqliteSession):
        def begin(self, *, strict: bool) -> None:
            seen.append(strict)
            super().begin(strict=strict)

    return StoredJournal(lambda: Watched(file, strict=False), is_away=lambda _: False), seen


async def test_a_strict_run_has_strict_commits(tmp_path: Path) -> None:
    journal, seen = watched_journal(tmp_path / "flows.db")
    strict = await journal.begin(header(durability=Durability.STRICT), owner="one")
    durable = await journal.begin(header(), owner="one")
    assert strict is not None
    assert durable is not None
    await journal.put(strict, [entry("a")])
    await journal.put(durable, [entry("a")])
    assert seen[-4:] == [True, False, True, False]
    await journal.release(strict)
    heir = await journal.claim_next("two", lease_s=15, now=SystemClock().now())
    assert heir is not None
    assert heir.strict
    await journal.close()


async def test_what_ends_in_one_turn_of_the_loop_is_one_commit(tmp_path: Path) -> None:
    journal, seen = watched_journal(tmp_path / "flows.db")
    lease = await journal.begin(header(), owner="one")
    assert lease is not None
    before = len(seen)
    await asyncio.gather(*(journal.put(lease, [entry(name)]) for name in "abc"))
    assert len(seen) - before == 1
    assert list((await journal.load(lease.run)).outcomes) == ["a", "b", "c"]
    await journal.close()


async def test_everything_submitted_before_the_end_is_written(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "flows.db")
    lease = await journal.begin(header(), owner="one")
    assert lease is not None
    async with asyncio.TaskGroup() as group:
        puts = [group.create_task(journal.put(lease, [entry(f"s[{at}]")])) for at in range(500)]
        await asyncio.sleep(0)
        await journal.close()
    assert all(put.done() for put in puts)
    with pytest.raises(RuntimeError, match="is closed"):
        await journal.queued()
    again = SqliteJournal(tmp_path / "flows.db")
    assert len((await again.load(lease.run)).outcomes) == 500
    await again.close()


async def test_who_waits_too_long_for_another_process_is_told(tmp_path: Path) -> None:
    file = tmp_path / "flows.db"
    journal = SqliteJournal(file)
    await journal.open()
    other = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    async with asyncio.TaskGroup() as group:
        task = group.create_task(journal.begin(header()))
        await asyncio.sleep(0.2)
        assert not task.done()
        await asyncio.to_thread(other.execute, "COMMIT")
    other.close()
    assert await journal.queued() == 1
    await journal.close()
