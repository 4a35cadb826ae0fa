"""The writer of runs before real databases that fail: nothing is lost."""

import sqlite3
import stat
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest

from quorate.core.clock import SystemClock
from quorate.core.ids import RunId, TenantId
from quorate.model.event import State
from quorate.model.run import BranchRecord, RunRecord
from quorate.storage import writer as writer_module
from quorate.storage.database import Database
from quorate.storage.redact import Redactor
from quorate.storage.scope import ALL_TENANTS
from quorate.storage.writer import RunWriter

CLOCK = SystemClock()
TENANT = TenantId("t")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "GATHER_S", 0.005)
    monkeypatch.setattr(writer_module, "FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr(writer_module, "LONGEST_PAUSE_S", 0.05)


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/quorate.db" if request.param == "sqlite" else request.getfixturevalue("postgres_url")


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    with Database.open(url, clock=CLOCK) as database:
        yield database


def run(run_id: str, **changed: Any) -> RunRecord:
    given: dict[str, Any] = {
        "tenant": TENANT,
        "key_id": None,
        "request_id": "req",
        "operation": "chat",
        "model": "m",
        "mode": "single",
        "state": State.FINISHED,
        "status": 200,
        "stream": False,
        "started_at_s": 1_750_000_000.0,
        "finished_at_s": 1_750_000_001.0,
    }
    return RunRecord(id=run_id, **(given | changed))


def branch(**changed: Any) -> BranchRecord:
    return BranchRecord(
        branch="b",
        model="m",
        provider="p",
        state=State.FINISHED,
        started_at_s=1_750_000_000.0,
        finished_at_s=1_750_000_001.0,
        **changed,
    )


def start(database: Database, folder: Path) -> RunWriter:
    return RunWriter(
        database.runs, queue_size=1000, redact=Redactor(), clock=CLOCK, spill=database.spill(folder / "spilled")
    )


def put(writer: RunWriter, *records: RunRecord) -> None:
    for record in records:
        assert writer.reserve()
        writer.put(record)


def stored(database: Database) -> list[str]:
    return sorted(each.id for each in database.runs.page(ALL_TENANTS, 1000))


def wait_until(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 15
    while not condition():
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.01)


def test_what_is_put_is_written_with_its_texts_redacted(database: Database, tmp_path: Path) -> None:
    writer = start(database, tmp_path)
    put(
        writer, *(run(f"run_{number:04}", prompt="mail me: a@b.example", branches=(branch(),)) for number in range(700))
    )
    assert writer.flush(15)
    assert (writer.written, writer.waiting, writer.failures, writer.texts_dropped) == (700, 0, 0, 0)
    assert writer.close(15)
    assert len(stored(database)) == 700
    assert database.runs.get(TENANT, RunId("run_0000")).run.prompt == "mail me: [email]"


REFUSED = {
    "a NUL": run("odd", request_id="a\0b"),
    "half a character": run("odd", error_code="\ud800"),
    "a huge count": run("odd", prompt_tokens=10**40, branches=(branch(completion_tokens=-(10**40)),)),
    "a huge status": run("odd", status=10**9),
    "a time that is none": run("odd", finished_at_s=float("nan")),
    "a time beyond all time": run("odd", finished_at_s=1e300, first_token_at_s=float("-inf")),
}


@pytest.mark.parametrize("odd", REFUSED.values(), ids=REFUSED)
def test_an_odd_value_costs_neither_its_run_nor_the_others(database: Database, tmp_path: Path, odd: RunRecord) -> None:
    writer = start(database, tmp_path)
    put(writer, run("first", prompt="p"), msgspec.structs.replace(odd, prompt="kept?"), run("last"))
    assert writer.close(15)
    assert stored(database) == ["first", "last", "odd"]
    assert (writer.written, writer.waiting, writer.refused) == (3, 0, 0)
    assert database.runs.get(TENANT, RunId("first")).run.prompt == "p"
    assert database.runs.get(TENANT, RunId("odd")).run.id == "odd"


def test_what_no_database_takes_waits_in_a_file_for_a_person(database: Database, tmp_path: Path) -> None:
    writer = start(database, tmp_path)
    put(writer, run("first"), run("never", request_id=None), run("last"))
    assert writer.close(15)
    assert stored(database) == ["first", "last"]
    assert (writer.written, writer.refused) == (2, 1)
    (file,) = (database.file.parent if database.file else tmp_path / "spilled").glob("refused-*")
    assert b'"never"' in file.read_bytes()


def rename(url: str, database: Database, name: str, to: str) -> None:
    """What somebody does who is at work on the database."""
    statement = f"ALTER TABLE {name} RENAME TO {to}"
    if database.file is None:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(statement.encode())
    else:
        with closing(sqlite3.connect(database.file)) as connection:
            connection.execute(statement)


def test_a_table_that_is_away_for_a_while_is_waited_for(
    url: str, database: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    writer = start(database, tmp_path)
    rename(url, database, "branches", "aside")
    put(writer, run("run_1", branches=(branch(),)))
    wait_until(lambda: writer.failures > 0)
    assert (writer.waiting, writer.refused) == (1, 0)
    assert "branches" in caplog.text
    rename(url, database, "aside", "branches")
    assert writer.close(15)
    assert stored(database) == ["run_1"]


def lock(database: Database) -> sqlite3.Connection:
    """Takes the lock of a SQLite file, as another program may."""
    other = sqlite3.connect(str(database.file), isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    return other


def test_a_locked_file_is_waited_for(tmp_path: Path) -> None:
    with Database.open(f"sqlite:///{tmp_path}/quorate.db", clock=CLOCK) as database, closing(lock(database)) as other:
        writer = start(database, tmp_path)
        put(writer, run("run_1"))
        assert not writer.flush(0.2)
        assert writer.waiting == 1
        other.execute("ROLLBACK")
        assert writer.close(15)
        assert stored(database) == ["run_1"]


def test_what_a_locked_file_does_not_take_is_taken_in_by_the_next_start(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/quorate.db"
    records = [run(f"run_{number:03}", prompt="a@b.example", branches=(branch(),)) for number in range(600)]
    with Database.open(url, clock=CLOCK) as database:
        with closing(lock(database)):
            others = set(threading.enumerate())
            writer = start(database, tmp_path)
            own = set(threading.enumerate()) - others
            put(writer, *records)
            assert not writer.close(0.2)
        (file,) = tmp_path.glob("unwritten-*.jsonl")
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert b"a@b.example" not in file.read_bytes()
        for thread in own:
            thread.join(15)
    with Database.open(url, clock=CLOCK) as database:
        again = start(database, tmp_path)
        wait_until(lambda: not file.exists())
        assert again.close(15)
        assert stored(database) == [each.id for each in records]
        found = database.runs.get(TENANT, RunId("run_599")).run
        assert found == msgspec.structs.replace(records[-1], prompt="[email]")


class Door:
    """Shuts a PostgreSQL database and opens it again, as an operator or a failure does."""

    def __init__(self, url: str) -> None:
        base, _, self._name = url.rpartition("/")
        self._name = self._name.partition("?")[0]
        self._admin = f"{base}/postgres"

    def _execute(self, *statements: str) -> None:
        with psycopg.connect(self._admin, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def shut(self) -> None:
        self._execute(
            f'ALTER DATABASE "{self._name}" ALLOW_CONNECTIONS false',
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{self._name}'",
        )

    def open(self) -> None:
        self._execute(f'ALTER DATABASE "{self._name}" ALLOW_CONNECTIONS true')


@pytest.fixture
def door(postgres_url: str) -> Iterator[Door]:
    door = Door(postgres_url)
    yield door
    door.open()


def test_a_server_that_goes_away_and_comes_back_costs_nothing(postgres_url: str, door: Door, tmp_path: Path) -> None:
    with Database.open(postgres_url, clock=CLOCK) as database:
        writer = start(database, tmp_path)
        put(writer, run("before"))
        assert writer.flush(15)
        door.shut()
        put(writer, run("during"))
        wait_until(lambda: writer.failures > 0)
        assert writer.away_s > 0
        assert writer.waiting == 1
        door.open()
        put(writer, run("after"))
        assert writer.flush(15)
        assert (writer.away_s, writer.waiting) == (0.0, 0)
        assert writer.close(15)
        assert stored(database) == ["after", "before", "during"]


def test_a_server_that_stays_away_leaves_a_file_for_the_next_start(
    postgres_url: str, door: Door, tmp_path: Path
) -> None:
    records = [run(f"run_{number:03}") for number in range(3)]
    with Database.open(postgres_url, clock=CLOCK) as database:
        writer = start(database, tmp_path)
        door.shut()
        put(writer, *records)
        assert not writer.close(0.3)
        assert len(database.spill(tmp_path / "spilled").waiting()) == 1
    door.open()
    with Database.open(postgres_url, clock=CLOCK) as database:
        again = start(database, tmp_path)
        wait_until(lambda: not database.spill(tmp_path / "spilled").waiting())
        assert again.close(15)
        assert stored(database) == [each.id for each in records]


def test_taking_in_twice_changes_nothing(database: Database, tmp_path: Path) -> None:
    spill = database.spill(tmp_path / "spilled")
    database.runs.insert([run("run_1", started_at_s=datetime(2026, 1, 1, tzinfo=UTC).timestamp())])
    spill.keep([run("run_1"), run("run_2")])
    writers = [start(database, tmp_path) for _ in range(2)]
    wait_until(lambda: not spill.waiting())
    assert all(writer.close(15) for writer in writers)
    assert stored(database) == ["run_1", "run_2"]
    assert database.runs.get(TENANT, RunId("run_1")).run.started_at_s > 1_750_000_001
