"""What the stores promise, on SQLite and on PostgreSQL."""

import inspect
import json
import re
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, create_engine, text
from sqlalchemy import inspect as inspect_tables

import budget_books
import quorate.storage
from quorate.core.clock import ManualClock
from quorate.core.errors import Conflict, InvalidRequest, Misconfigured, NotFound
from quorate.core.ids import KeyId, RunId, TenantId, new_id
from quorate.model.allowance import Allowance
from quorate.model.event import State
from quorate.model.ledger import reservation
from quorate.model.past import Past
from quorate.model.run import BranchRecord, RunRecord
from quorate.storage.answer_store import Begun, DifferentBody, InProgress, Replay
from quorate.storage.connections import Connections
from quorate.storage.database import Database
from quorate.storage.errors import StorageUnavailable
from quorate.storage.location import locate
from quorate.storage.revision import HEAD, REVISION_TABLE, create, migrate
from quorate.storage.rows import KeyRow, TenantRow
from quorate.storage.schema import metadata
from quorate.storage.scope import ALL_TENANTS

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
CLOCK = ManualClock(NOW)
A, B = TenantId("tenant_a"), TenantId("tenant_b")
ODD = [
    "",
    "'",
    "'; DROP TABLE runs; --",
    '"',
    "\\",
    "%",
    "_",
    "\0",
    "a\0b",
    "\ud800",
    "\u202e",
    "é" * 3,
    "x" * 1_000_000,
]


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/quorate.db" if request.param == "sqlite" else request.getfixturevalue("postgres_url")


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    with Database.open(url, clock=CLOCK) as database:
        yield database


def tenant(tenant_id: str = A, **changed: Any) -> TenantRow:
    return TenantRow(id=TenantId(tenant_id), name=tenant_id, created_at=changed.pop("created_at", NOW), **changed)


def key(key_id: str, *, of: TenantId = A, **changed: Any) -> KeyRow:
    given: dict[str, Any] = {
        "name": key_id,
        "prefix": f"qk_{key_id}",
        "digest": key_id.encode() * 4,
        "scopes": ("chat",),
        "created_at": NOW,
    }
    return KeyRow(id=KeyId(key_id), tenant=of, **(given | changed))


def branch(name: str = "m", **changed: Any) -> BranchRecord:
    given: dict[str, Any] = {
        "model": "m",
        "provider": "p",
        "state": State.FINISHED,
        "started_at_s": 1_750_000_000.25,
        "finished_at_s": 1_750_000_001.5,
        "cost_microusd": 7,
    }
    return BranchRecord(branch=name, **(given | changed))


def run(run_id: str = "", *, of: TenantId = A, **changed: Any) -> RunRecord:
    given: dict[str, Any] = {
        "key_id": "key_1",
        "request_id": "req_1",
        "operation": "chat",
        "model": "m",
        "mode": "single",
        "state": State.FINISHED,
        "status": 200,
        "stream": False,
        "started_at_s": 1_750_000_000.125,
        "finished_at_s": 1_750_000_001.5,
        "cost_microusd": 7,
    }
    return RunRecord(id=run_id or new_id("run", CLOCK), tenant=of, **(given | changed))


def full_run(**changed: Any) -> RunRecord:
    """A run with a value in every field."""
    given: dict[str, Any] = {
        "mode": "quorum",
        "stream": True,
        "first_token_at_s": 1_750_000_000.5,
        "prompt_tokens": 11,
        "completion_tokens": 12,
        "cached_tokens": 13,
        "reasoning_tokens": 14,
        "cost_microusd": 2**53 + 1,
        "estimated": True,
        "agreement": 2 / 3,
        "agreement_kind": "number",
        "weighting": "learned",
        "error_code": "none",
        "parent_id": "run_parent",
        "trace_id": "0af7651916cd43dd8448eb211c80319c",
        "prompt": "What is 17 * 23?",
        "answer": "391 \N{GRINNING FACE}",
        "branches": (
            branch("panel/b", first_token_at_s=1_750_000_000.75, group=1, attempts=3, estimated=True, selected=True),
            branch("panel/a", prompt_tokens=1, completion_tokens=2, cost_microusd=None, leaf=False, error_code="x"),
            branch("panel/a", cluster=1, vote=0.5),
        ),
        "ledger": (
            budget_books.attempt(1, 7, branch="panel/b", attempt=2, estimated=True),
            budget_books.attempt(2, None, branch="panel/a"),
            budget_books.attempt(3, 7, branch="panel/a"),
            reservation("team:a@total", 9, 1_750_000_001.0),
        ),
    }
    return run(**(given | changed))


# Opening


def test_server_is_started_before_the_first_test(postgres_url: str) -> None:
    assert postgres_url.startswith("postgresql")


def test_an_opened_database_is_current_and_answers(database: Database) -> None:
    database.ping()
    assert database.revision_is_current()


@pytest.mark.parametrize("make", [create, migrate])
def test_schema_is_the_same_made_at_once_or_migrated(url: str, make: Callable[[Connection], None]) -> None:
    connections = Connections(locate(url))
    with connections.writing() as connection:
        make(connection)
    with connections.reading() as connection:
        options = {"version_table": REVISION_TABLE, "compare_type": True, "compare_server_default": True}
        differences = compare_metadata(MigrationContext.configure(connection, opts=options), metadata)
        generation = connection.execute(text("SELECT name, number FROM meta")).all()
        revisions = connection.execute(text("SELECT version_num FROM quorate_revision")).scalars().all()
    connections.close()
    assert differences == []
    assert sorted(tuple(row) for row in generation) == [("feedback", 0), ("generation", 1)]
    assert revisions == [HEAD]


def test_a_migration_can_be_taken_back_and_made_again(url: str) -> None:
    connections = Connections(locate(url))
    config = Config()
    config.set_main_option("script_location", str(Path(quorate.storage.__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    with connections.writing() as connection:
        create(connection)
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
        assert set(inspect_tables(connection).get_table_names()) == {REVISION_TABLE}
    connections.close()
    with Database.open(url, clock=CLOCK) as database:
        assert database.revision_is_current()
        database.runs.insert([full_run()])


def test_what_was_charged_before_there_was_a_ledger_is_in_it(url: str) -> None:
    connections = Connections(locate(url))
    config = Config()
    config.set_main_option("script_location", str(Path(quorate.storage.__file__).parent / "migrations"))
    with Database.open(url, clock=CLOCK) as database:
        database.runs.insert([full_run(run_id="run_old", ledger=())])
        assert not database.ledger.balance().holds
    with connections.writing() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0001")
    connections.close()
    with Database.open(url, clock=CLOCK) as database:
        balance = database.ledger.balance()
        assert balance.holds
        assert balance.settled_microusd == 14
        assert [line.branch for line in database.runs.get(ALL_TENANTS, RunId("run_old")).run.ledger] == [
            "panel/b",
            "panel/a",
        ]


def test_a_new_database_needs_no_alembic(tmp_path: Path) -> None:
    program = (
        "import sys; from quorate.core.clock import SystemClock; from quorate.storage.database import Database\n"
        f"Database.open('sqlite:///{tmp_path}/new.db', clock=SystemClock()).close()\n"
        "sys.exit('alembic' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_many_processes_may_start_at_once(url: str) -> None:
    at_once = threading.Barrier(6)

    def start(_: int) -> bool:
        at_once.wait()
        with Database.open(url, clock=CLOCK) as database:
            return database.revision_is_current()

    with ThreadPoolExecutor(6) as threads:
        assert list(threads.map(start, range(6))) == [True] * 6


def execute(url: str, statement: str) -> None:
    connections = Connections(locate(url))
    with connections.writing() as connection:
        connection.execute(text(statement))
    connections.close()


def test_a_newer_database_is_refused(url: str) -> None:
    Database.open(url, clock=CLOCK).close()
    execute(url, "UPDATE quorate_revision SET version_num = '9999'")
    with pytest.raises(Misconfigured, match=r"'9999'.*newer"):
        Database.open(url, clock=CLOCK)


def test_a_migration_that_fails_leaves_nothing(url: str) -> None:
    execute(url, "CREATE TABLE branches (somebody_elses INTEGER)")
    with pytest.raises(Exception, match=r"cannot be opened: .*branches"):
        Database.open(url, clock=CLOCK)
    execute(url, "DROP TABLE branches")
    with Database.open(url, clock=CLOCK) as database:
        assert database.revision_is_current()


# Tenants and keys


def test_a_tenant_comes_back_as_it_was(database: Database) -> None:
    row = tenant(allowance=Allowance(requests_per_minute=1, tokens_per_minute=2**40, concurrent_requests=3))
    database.tenants.add(row)
    assert database.tenants.get(A) == row


def test_a_tenant_is_changed_only_where_it_is_asked(database: Database) -> None:
    database.tenants.add(tenant(allowance=Allowance(requests_per_minute=1)))
    assert database.tenants.update(A, disabled_at=NOW).disabled_at == NOW
    changed = database.tenants.update(A, name="new")
    assert (changed.name, changed.disabled_at, changed.allowance.requests_per_minute) == ("new", NOW, 1)
    assert database.tenants.update(A, disabled_at=None, allowance=Allowance()) == replace(tenant(), name="new")
    with pytest.raises(NotFound):
        database.tenants.update(B, name="x")


def test_adding_never_overwrites(database: Database) -> None:
    database.tenants.add(tenant())
    database.tenants.add(tenant(B))
    database.keys.add(key("key_1"))
    with pytest.raises(Conflict):
        database.tenants.add(replace(tenant(), name="stolen"))
    for stolen in (key("key_1", of=B), key("key_2", of=B, digest=b"key_1" * 4)):
        with pytest.raises(Conflict):
            database.keys.add(stolen)
    assert database.tenants.get(A).name == A
    assert database.keys.get(A, KeyId("key_1")).tenant == A
    assert database.keys.page(B, 10) == []


def test_a_key_needs_its_tenant(database: Database) -> None:
    with pytest.raises(NotFound, match="tenant_a"):
        database.keys.add(key("key_1"))


def test_a_key_comes_back_whole_but_for_its_digest(database: Database) -> None:
    database.tenants.add(tenant())
    row = key(
        "key_1",
        scopes=("chat", "admin"),
        models=("gpt-*", "o'neill\0"),
        allowance=Allowance(tokens_per_minute=5),
        created_by="key_0",
        expires_at=NOW + timedelta(microseconds=1),
    )
    database.keys.add(row)
    stored = database.keys.get(A, row.id)
    assert stored == replace(row, digest=b"", models=("gpt-*", "o'neill\ufffd"))
    ((live, owner),) = database.keys.live(NOW)
    assert live == replace(stored, digest=row.digest)
    assert owner == tenant()


def test_no_digest_is_given_out(database: Database) -> None:
    database.tenants.add(tenant())
    database.keys.add(key("key_1", digest=b"\x01SECRET"))
    old = database.keys.replace(A, KeyId("key_1"), key("key_2", digest=b"\x02SECRET"), NOW)
    given = [database.keys.get(A, KeyId("key_1")), *database.keys.page(A, 10), old]
    given.append(database.keys.revoke(A, KeyId("key_1"), NOW))
    for row in given:
        assert row.digest == b""
        assert b"U0VDUkVU" not in msgspec.json.encode(row)  # SECRET in base 64
    for live, _ in database.keys.live(NOW):
        assert "SECRET" not in repr(live)


def test_live_keys_are_those_that_are_good(database: Database) -> None:
    database.tenants.add(tenant())
    database.tenants.add(tenant(B, disabled_at=NOW))
    database.keys.add(key("good", expires_at=NOW + timedelta(seconds=1)))
    database.keys.add(key("expired", expires_at=NOW))
    database.keys.add(key("revoked"))
    database.keys.add(key("disabled", of=B))
    database.keys.revoke(A, KeyId("revoked"), NOW)
    assert [row.id for row, _ in database.keys.live(NOW)] == ["good"]
    assert database.keys.count() == 4


def test_revoking_again_keeps_the_first_time(database: Database) -> None:
    database.tenants.add(tenant())
    database.keys.add(key("key_1"))
    database.keys.revoke(A, KeyId("key_1"), NOW)
    assert database.keys.revoke(A, KeyId("key_1"), NOW + timedelta(1)).revoked_at == NOW


def test_rotation_overlaps_and_never_prolongs(database: Database) -> None:
    database.tenants.add(tenant())
    database.keys.add(key("old", expires_at=NOW + timedelta(minutes=5)))
    old = database.keys.replace(A, KeyId("old"), key("new"), NOW + timedelta(hours=1))
    assert (old.replaced_by, old.expires_at) == ("new", NOW + timedelta(minutes=5))
    assert {row.id for row, _ in database.keys.live(NOW)} == {"old", "new"}
    for refused, error in ((key("third"), Conflict), (key("new"), Conflict)):
        with pytest.raises(error):
            database.keys.replace(A, KeyId("old"), refused, NOW)
    with pytest.raises(Conflict, match="another tenant"):
        database.keys.replace(A, KeyId("new"), key("third", of=B), NOW)
    assert database.keys.count() == 2


def test_of_two_rotations_at_once_one_succeeds(database: Database) -> None:
    database.tenants.add(tenant())
    database.keys.add(key("old"))

    def rotate(number: int) -> bool:
        try:
            database.keys.replace(A, KeyId("old"), key(f"new_{number}"), NOW)
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(rotate, range(8))) == 1
    assert database.keys.count() == 2


def test_of_several_first_keys_at_once_one_is_made(url: str) -> None:
    at_once = threading.Barrier(6)

    def start(number: int) -> bool:
        with Database.open(url, clock=CLOCK) as database:
            at_once.wait()
            return database.keys.add_first(key(f"key_{number}"), tenant())

    with ThreadPoolExecutor(6) as threads:
        assert sum(threads.map(start, range(6))) == 1
    with Database.open(url, clock=CLOCK) as database:
        (found,) = database.keys.page(ALL_TENANTS, 10)
        assert not database.keys.add_first(key("key_late"), tenant())
        database.keys.take_back(B, found.id)
        assert database.keys.count() == 1
        database.keys.take_back(A, found.id)
        assert database.keys.count() == 0
        assert database.keys.add_first(key("key_late"), tenant()), "the tenant is there already"


def test_every_write_to_keys_and_tenants_changes_the_generation(database: Database) -> None:
    writes: list[Callable[[], object]] = [
        lambda: database.tenants.add(tenant()),
        lambda: database.keys.add(key("key_1")),
        lambda: database.keys.replace(A, KeyId("key_1"), key("key_2"), NOW),
        lambda: database.keys.revoke(A, KeyId("key_2"), NOW),
        lambda: database.tenants.update(A, disabled_at=NOW),
        lambda: database.keys.take_back(A, KeyId("key_1")),
        lambda: database.keys.take_back(A, KeyId("key_2")),
        lambda: database.keys.add_first(key("key_3"), tenant()),
    ]
    seen = [database.keys.generation()]
    for write in writes:
        write()
        seen.append(database.keys.generation())
    assert len(set(seen)) == len(writes) + 1
    database.runs.insert([run()])
    with pytest.raises(NotFound):
        database.keys.revoke(B, KeyId("key_1"), NOW)
    assert database.keys.generation() == seen[-1]


# Scope


def test_another_tenants_things_do_not_exist(database: Database) -> None:
    for owner in (A, B):
        database.tenants.add(tenant(owner))
        database.keys.add(key(f"key_{owner}", of=owner))
        database.runs.insert([full_run(run_id=f"run_{owner}", of=owner)])
    theirs = KeyId(f"key_{B}")
    attempts: list[Callable[[], object]] = [
        lambda: database.keys.get(A, theirs),
        lambda: database.keys.revoke(A, theirs, NOW),
        lambda: database.keys.replace(A, theirs, key("new", of=A), NOW),
        lambda: database.runs.get(A, RunId(f"run_{B}")),
    ]
    for attempt in attempts:
        with pytest.raises(NotFound):
            attempt()
    assert [row.tenant for row in database.keys.page(A, 10)] == [A]
    assert [row.tenant for row in database.runs.page(A, 10)] == [A]
    assert database.runs.page(A, 10, key_id=theirs) == []
    assert database.runs.totals(A).runs == 1
    assert database.keys.get(ALL_TENANTS, theirs).tenant == B
    assert database.runs.totals(ALL_TENANTS).runs == 2


#: Public methods that take no scope, and why that is right.
WITHOUT_SCOPE = {
    "KeyStore.add": "the row names its tenant",
    "KeyStore.add_first": "the row names its tenant",
    "KeyStore.cursor": "the row was given out already",
    "KeyStore.live": "the workers check every tenant's keys",
    "KeyStore.generation": "a counter of the whole database",
    "KeyStore.count": "whether there is any key, at the first start",
    "RunStore.insert": "each record names its tenant",
    "RunStore.cursor": "the record was given out already",
    "RunStore.purge": "retention is the operator's, for all tenants",
    "FeedbackStore.cursor": "a place, no row",
    "FeedbackStore.generation": "one number for all labels: whoever learns reads them all",
    "AnswerStore.purge": "time is up for all tenants alike",
}


def test_scope_is_the_first_parameter_of_every_query(database: Database) -> None:
    seen: set[str] = set()
    for store in (database.keys, database.runs, database.answers, database.feedback):
        for name, method in inspect.getmembers(store, inspect.ismethod):
            if name.startswith("_"):
                continue
            path = f"{type(store).__name__}.{name}"
            first = next(iter(inspect.signature(method).parameters), "")
            seen.add(path)
            assert (first in {"scope", "tenant"}) != (path in WITHOUT_SCOPE), path
    assert seen >= set(WITHOUT_SCOPE)


# Runs


def test_a_run_comes_back_as_it_was(database: Database) -> None:
    stored = full_run(run_id="run_1")
    database.runs.insert([stored, run("run_2", parent_id="run_1"), run("run_3", key_id=None, cost_microusd=None)])
    found = database.runs.get(A, RunId("run_1"))
    assert found.run == stored
    assert found.children == ("run_2",)
    assert database.runs.get(A, RunId("run_3")).run == run("run_3", key_id=None, cost_microusd=None)


def test_children_are_looked_up_in_an_index(tmp_path: Path) -> None:
    """Not found by walking through all runs of a tenant."""
    Database.open(f"sqlite:///{tmp_path}/quorate.db", clock=CLOCK).close()
    query = "SELECT started_at, id FROM runs WHERE tenant = 't' AND parent_id = 'p' LIMIT 1000"
    with closing(sqlite3.connect(tmp_path / "quorate.db")) as connection:
        plan = connection.execute(f"EXPLAIN QUERY PLAN {query}").fetchall()
    assert "runs_of_parent" in str(plan)


def test_every_field_is_tested() -> None:
    """A field that is added to the records must be kept as well."""
    plain, full = run("run_1"), full_run(run_id="run_1")
    same = {name for name in RunRecord.__struct_fields__ if getattr(plain, name) == getattr(full, name)}
    given = {"id", "tenant", "key_id", "request_id", "operation", "model", "state", "status"}
    assert same == given | {"started_at_s", "finished_at_s"}
    default = branch()
    kept = {name for each in full.branches for name in BranchRecord.__struct_fields__
            if getattr(each, name) != getattr(default, name)}  # fmt: skip
    always = {"model", "provider", "state", "started_at_s", "finished_at_s"}
    assert kept == set(BranchRecord.__struct_fields__) - always


def test_writing_again_changes_nothing(database: Database) -> None:
    first = full_run(run_id="run_1")
    database.runs.insert([first])
    database.runs.insert([first, full_run(run_id="run_1", of=B, model="other", prompt="stolen"), run("run_2")])
    assert database.runs.get(A, RunId("run_1")).run == first
    assert database.runs.totals(ALL_TENANTS).runs == 2


def test_a_batch_is_all_or_nothing(database: Database) -> None:
    with pytest.raises(Exception, match=r"."):
        database.runs.insert([run("run_1"), run("run_2", branches=(branch(cost_microusd=2**70),))])
    assert database.runs.page(A, 10) == []


def test_pages_meet_and_do_not_overlap(database: Database) -> None:
    # several at the same time: the id decides
    runs = [run(f"run_{number:02}", started_at_s=1_750_000_000.0 + number // 4) for number in range(25)]
    database.runs.insert(runs)
    seen: list[str] = []
    after = None
    while page := database.runs.page(A, 7, after):
        seen += [each.id for each in page]
        after = database.runs.cursor(page[-1])
    assert seen == [f"run_{number:02}" for number in reversed(range(25))]


def test_pages_of_keys_and_tenants_meet(database: Database) -> None:
    for number in range(5):
        database.tenants.add(tenant(f"t{number}", created_at=NOW + timedelta(seconds=number // 2)))
        database.keys.add(key(f"k{number}", of=TenantId("t0"), created_at=NOW + timedelta(seconds=number // 2)))
    first = database.tenants.page(3)
    second = database.tenants.page(3, database.tenants.cursor(first[-1]))
    assert [row.id for row in first + second] == ["t4", "t3", "t2", "t1", "t0"]
    first_keys = database.keys.page(TenantId("t0"), 3)
    second_keys = database.keys.page(ALL_TENANTS, 3, database.keys.cursor(first_keys[-1]))
    assert [row.id for row in first_keys + second_keys] == ["k4", "k3", "k2", "k1", "k0"]


def test_filters_of_runs(database: Database) -> None:
    late = 1_750_000_100.0
    database.runs.insert(
        [run("a"), run("b", model="n"), run("c", state=State.FAILED), run("d", key_id="k"), run("e", started_at_s=late)]
    )

    def ids(**filters: Any) -> set[str]:
        return {each.id for each in database.runs.page(A, 10, **filters)}

    assert ids(model="n") == {"b"}
    assert ids(state=State.FAILED) == {"c"}
    assert ids(key_id=KeyId("k")) == {"d"}
    at = datetime.fromtimestamp(late, UTC)
    assert ids(since=at) == {"e"}
    assert ids(until=at) == {"a", "b", "c", "d"}
    assert ids(model="m", since=at, state=State.FAILED) == set()


def test_totals(database: Database) -> None:
    database.runs.insert(
        [run(prompt_tokens=1, completion_tokens=2) for _ in range(3)]
        + [run(model="n", cost_microusd=2**60), run(model="n", cost_microusd=None)]
    )
    totals = database.runs.totals(A)
    assert (totals.runs, totals.unpriced, totals.cost_microusd) == (5, 1, 21 + 2**60)
    assert (totals.prompt_tokens, totals.completion_tokens) == (3, 6)
    assert [(each.model, each.runs, each.cost_microusd) for each in totals.by_model] == [("n", 2, 2**60), ("m", 3, 21)]
    assert database.runs.totals(B).runs == 0


def test_what_is_on_record_of_a_model_is_one_tenant_s_own(database: Database) -> None:
    def seen(tenant: TenantId, seconds: float, tokens: int, state: State = State.FINISHED) -> RunRecord:
        times: dict[str, Any] = {"started_at_s": 1000.0, "finished_at_s": 1000.0 + seconds}
        return run(of=tenant, branches=(branch("m", state=state, completion_tokens=tokens, **times),))

    own = [seen(A, 1.0, 10), seen(A, 2.0, 20), seen(A, 9.0, 30), seen(A, 50.0, 500, State.FAILED)]
    database.runs.insert([*own, seen(B, 100.0, 1000)])
    assert database.runs.past(A, ["m", "other"]) == {"m": Past(answers=3, answer_tokens=20, latency_s=2.0)}
    assert database.runs.past(TenantId("nobody"), ["m"]) == {}
    assert database.runs.past(A, []) == {}


def test_texts_go_before_runs_and_runs_take_everything_along(database: Database) -> None:
    database.runs.insert([full_run(run_id=f"run_{number}") for number in range(3)])
    written = datetime.fromtimestamp(1_750_000_001.5, UTC)
    assert database.runs.purge(written + timedelta(days=1), runs_days=None, texts_days=2).texts == 0
    assert database.runs.purge(written + timedelta(days=3), runs_days=None, texts_days=2).texts == 3
    left = database.runs.get(A, RunId("run_0")).run
    assert (left.prompt, left.answer, len(left.branches)) == (None, None, 3)
    assert database.runs.purge(written + timedelta(days=9), runs_days=5, texts_days=2).runs == 3
    with pytest.raises(NotFound):
        database.runs.get(A, RunId("run_0"))


def test_a_purge_that_is_told_to_end_ends(database: Database) -> None:
    database.runs.insert([run(prompt="p") for _ in range(2300)])
    ending = threading.Event()
    ending.set()
    purged = database.runs.purge(NOW, runs_days=1, texts_days=1, ending=ending)
    assert (purged.texts, purged.runs) == (1000, 0)
    assert database.runs.totals(ALL_TENANTS).runs == 2300


def test_a_purge_goes_on_until_all_is_deleted(database: Database) -> None:
    database.runs.insert([run(branches=(branch(),)) for _ in range(2300)])
    assert database.runs.purge(NOW, runs_days=1, texts_days=1).runs == 2300
    assert database.runs.totals(ALL_TENANTS).runs == 0


# Odd values


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: repr(odd[:24]))
def test_odd_values_find_nothing_and_break_nothing(database: Database, odd: str) -> None:
    database.tenants.add(tenant())
    database.keys.add(key("key_1"))
    database.runs.insert([run("run_1")])
    assert database.runs.page(TenantId(odd), 10) == []
    assert database.runs.page(A, 10, model=odd) == []
    assert database.runs.page(A, 10, key_id=KeyId(odd)) == []
    assert database.keys.page(TenantId(odd), 10) == []
    lookups: list[Callable[[], object]] = [
        lambda: database.runs.get(A, RunId(odd)),
        lambda: database.runs.get(TenantId(odd), RunId("run_1")),
        lambda: database.keys.get(A, KeyId(odd)),
        lambda: database.keys.revoke(A, KeyId(odd), NOW),
        lambda: database.tenants.get(TenantId(odd)),
        lambda: database.tenants.update(TenantId(odd), name=odd),
        lambda: database.keys.add(key("key_2", of=TenantId(odd))),
    ]
    for look_up in lookups:
        with pytest.raises(NotFound):
            look_up()
    pages: list[Callable[[], object]] = [
        lambda: database.runs.page(A, 10, odd),
        lambda: database.keys.page(A, 10, odd),
        lambda: database.tenants.page(10, odd),
    ]
    for page in pages:
        with pytest.raises(InvalidRequest):
            page()
    assert (database.keys.count(), database.runs.totals(ALL_TENANTS).runs) == (1, 1)


@pytest.mark.parametrize("limit", [0, -1, 1001, 10**30])
def test_odd_limits_are_refused(database: Database, limit: int) -> None:
    for page in (database.runs.page, database.keys.page):
        with pytest.raises(InvalidRequest, match="1 to 1000"):
            page(A, limit)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(texts=st.lists(st.text(), min_size=5, max_size=5), when=st.datetimes(timezones=st.just(UTC)))
def test_whatever_is_stored_comes_back(database: Database, texts: list[str], when: datetime) -> None:
    name, model, prompt, answer, pattern = texts
    database_id = new_id("t", CLOCK)
    row = tenant(database_id, created_at=when)
    database.tenants.add(replace(row, name=name))
    assert database.tenants.get(row.id) == replace(row, name=name.replace("\0", "\ufffd"))
    database.keys.add(key(database_id, of=row.id, models=(pattern,)))
    assert database.keys.get(row.id, KeyId(database_id)).models == (pattern.replace("\0", "\ufffd"),)
    stored = run(of=row.id, model=model, prompt=prompt, answer=answer)
    database.runs.insert([stored])
    found = database.runs.get(row.id, RunId(stored.id)).run
    assert (found.model, found.prompt, found.answer) == tuple(
        each.replace("\0", "\ufffd") for each in (model, prompt, answer)
    )
    assert database.runs.page(row.id, 10, model=model) == [msgspec.structs.replace(found, prompt=None, answer=None)]


def test_a_model_name_of_a_megabyte_is_cut(database: Database) -> None:
    database.runs.insert([run("run_1", model="x" * 1_000_000)])
    assert database.runs.get(A, RunId("run_1")).run.model == "x" * 400


# Cursors


def test_cursors_cannot_be_made_or_changed(database: Database) -> None:
    stored = run("run_1")
    database.runs.insert([stored])
    cursor = database.runs.cursor(stored)
    assert database.runs.page(A, 10, cursor) == []
    assert re.fullmatch(r"[A-Za-z0-9_-]+", cursor)
    for position in range(0, len(cursor), 5):
        changed = cursor[:position] + ("A" if cursor[position] != "A" else "B") + cursor[position + 1 :]
        with pytest.raises(InvalidRequest, match="not a cursor"):
            database.runs.page(A, 10, changed)
    with pytest.raises(InvalidRequest):
        database.keys.page(A, 10, cursor)  # of another list


def test_cursors_hold_after_a_restart_and_in_every_process(url: str) -> None:
    stored = run("run_1")
    with Database.open(url, clock=CLOCK) as one, Database.open(url, clock=CLOCK) as other:
        cursor = one.runs.cursor(stored)
        assert other.runs.cursor(stored) == cursor
    with Database.open(url, clock=CLOCK) as later:
        assert later.runs.page(A, 10, cursor) == []


def test_a_cursor_without_a_database_is_told_like_everything_else(url: str) -> None:
    with Database.open(url, clock=CLOCK) as one:
        cursor = one.runs.cursor(run("run_1"))
    with Database.open(url, clock=CLOCK) as database:
        engine = create_engine(locate(url).url)
        with engine.begin() as other:
            other.execute(text("DROP TABLE meta"))
        engine.dispose()
        for ask in (lambda: database.runs.page(A, 10, cursor), lambda: database.runs.cursor(run("run_1"))):
            with pytest.raises(StorageUnavailable):
                ask()


def test_a_server_that_is_cut_off_without_a_word_is_given_up(postgres_url: str) -> None:
    with Database.open(postgres_url, clock=CLOCK) as database:
        engine = database.runs._connections.engine  # pyright: ignore[reportPrivateUsage] - what the driver was told
        with engine.connect() as connection:
            driver = connection.connection.driver_connection
            assert driver is not None
            told = driver.info.get_parameters()
    assert 0 < int(told["tcp_user_timeout"]) <= 30_000
    assert int(told["keepalives_idle"]) + int(told["keepalives_interval"]) * int(told["keepalives_count"]) <= 30


# Idempotent answers


def test_of_two_hundred_begins_one_begins(database: Database) -> None:
    at_once = threading.Barrier(25)

    def begin(_: int) -> list[object]:
        at_once.wait()
        return [database.answers.begin(A, "/r", "key", b"d", NOW) for _ in range(8)]

    with ThreadPoolExecutor(25) as threads:
        results = [result for each in threads.map(begin, range(25)) for result in each]
    assert len(results) == 200
    assert sum(isinstance(result, Begun) for result in results) == 1
    assert sum(isinstance(result, InProgress) for result in results) == 199


def test_a_finished_request_is_replayed(database: Database) -> None:
    begun = database.answers.begin(A, "/r", "key", b"d", NOW)
    assert isinstance(begun, Begun)
    assert isinstance(database.answers.begin(A, "/r", "key", b"d", NOW), InProgress)
    assert isinstance(database.answers.begin(A, "/r", "key", b"other", NOW), DifferentBody)
    database.answers.finish(A, begun, status=201, body=b"\0\xff")
    database.answers.abandon(A, begun)  # too late to change anything
    assert database.answers.begin(A, "/r", "key", b"d", NOW) == Replay(status=201, body=b"\0\xff")
    assert isinstance(database.answers.begin(A, "/r", "key", b"other", NOW), DifferentBody)
    for tenant_id, route, name in ((B, "/r", "key"), (A, "/s", "key"), (A, "/r", "other")):
        assert isinstance(database.answers.begin(tenant_id, route, name, b"d", NOW), Begun)


def test_an_abandoned_request_may_begin_again(database: Database) -> None:
    begun = database.answers.begin(A, "/r", "key", b"d", NOW)
    assert isinstance(begun, Begun)
    database.answers.abandon(B, begun)
    assert isinstance(database.answers.begin(A, "/r", "key", b"d", NOW), InProgress)
    database.answers.abandon(A, begun)
    assert isinstance(database.answers.begin(A, "/r", "key", b"other", NOW), Begun)


def test_keys_are_free_again_after_a_day_and_after_a_crash(database: Database) -> None:
    first = database.answers.begin(A, "/r", "key", b"d", NOW)
    assert isinstance(first, Begun)
    later = NOW + timedelta(minutes=15)
    second = database.answers.begin(A, "/r", "key", b"d", later)
    assert isinstance(second, Begun)
    database.answers.finish(A, first, status=500, body=b"late")  # the one that was taken for dead
    assert isinstance(database.answers.begin(A, "/r", "key", b"d", later), InProgress)
    database.answers.finish(A, second, status=200, body=b"x")
    almost = later + timedelta(hours=24, microseconds=-1)
    assert isinstance(database.answers.begin(A, "/r", "key", b"d", almost), Replay)
    assert database.answers.purge(almost) == 0
    assert isinstance(database.answers.begin(A, "/r", "key", b"new", later + timedelta(hours=24)), Begun)
    assert database.answers.purge(later + timedelta(hours=48)) == 1


@pytest.mark.parametrize("odd", [each for each in ODD if 0 < len(each) < 256], ids=repr)
def test_odd_idempotency_keys(database: Database, odd: str) -> None:
    assert isinstance(database.answers.begin(A, odd, odd, b"d", NOW), Begun)
    assert isinstance(database.answers.begin(A, odd, odd, b"d", NOW), InProgress)


@pytest.mark.parametrize("bad", ["", "x" * 256])
def test_bad_idempotency_keys(database: Database, bad: str) -> None:
    with pytest.raises(InvalidRequest, match="1 to 255"):
        database.answers.begin(A, "/r", bad, b"d", NOW)


def test_rows_print_without_what_is_secret(database: Database) -> None:
    assert "digest" not in repr(key("key_1"))
    assert json.dumps(database.url_for_display).count("@") <= 1
