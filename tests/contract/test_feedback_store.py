"""What the table of labels promises, on SQLite and on PostgreSQL."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from quorate.core.clock import ManualClock
from quorate.core.errors import NotFound
from quorate.core.ids import RunId, TenantId
from quorate.model.feedback import CheckedRun, Feedback, Voter
from quorate.storage.database import Database
from quorate.storage.scope import ALL_TENANTS
from run_records import branch_record, run_record

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
CLOCK = ManualClock(NOW)
A, B = TenantId("tenant_a"), TenantId("tenant_b")


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    url = f"sqlite:///{tmp_path}/quorate.db" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    with Database.open(url, clock=CLOCK) as database:
        for tenant in (A, B):
            database.runs.insert([compared(f"run_{tenant}", tenant=tenant)])
        yield database


def compared(run_id: str, **changes: Any) -> Any:
    """A run in which `x` and `y` agreed against `z`, and `w` abstained."""
    branches = (
        branch_record("x", cluster=0, vote=1.0, selected=True),
        branch_record("y", cluster=0, vote=2.0),
        branch_record("z", cluster=1, vote=0.5),
        branch_record("w", vote=1.0),
    )
    given = {"agreement": 2 / 3, "agreement_kind": "number", "weighting": "given", "branches": branches, **changes}
    return run_record("panel", id=run_id, **given)


def label(number: int = 1, *, of: str = A, **changes: Any) -> Feedback:
    given: dict[str, Any] = {"principal": "key_1", "correct": True, "at_s": float(1000 + number), **changes}
    return Feedback(id=f"fb_{number}", run_id=f"run_{of}", tenant=of, **given)


def test_a_label_comes_back_as_it_was(database: Database) -> None:
    kept = database.feedback.put(A, label(note="as the book says \N{BOOKS}", branch="z", correct=False))
    assert kept == label(note="as the book says \N{BOOKS}", branch="z", correct=False)
    assert database.feedback.page(A, 10) == [kept]


def test_the_second_label_of_one_principal_replaces_the_first(database: Database) -> None:
    first = database.feedback.put(A, label(1, note="sure"))
    second = database.feedback.put(A, label(2, correct=False))
    assert (second.id, second.correct, second.note, second.at_s) == (first.id, False, None, 1002.0)
    database.feedback.put(A, label(3, principal="key_2"))
    database.feedback.put(A, label(4, branch="x"))
    assert [each.correct for each in database.feedback.page(A, 10)] == [True, True, False]


def test_a_run_of_another_tenant_is_as_unknown_as_one_that_is_not_there(database: Database) -> None:
    words: list[str] = []
    for scope, run in ((B, f"run_{A}"), (B, "run_nobody")):
        with pytest.raises(NotFound, match="x-quorate-run-id") as error:
            database.feedback.put(scope, Feedback(id="fb", run_id=run, tenant=B, principal="p", correct=True, at_s=1))
        words.append(error.value.message.replace(run, "RUN"))
    assert words[0] == words[1]
    assert database.feedback.page(ALL_TENANTS, 10) == []


def test_a_label_is_its_run_s_tenant_s_whoever_says_it(database: Database) -> None:
    assert database.feedback.put(ALL_TENANTS, label(of=A, principal="key_operator")).tenant == A
    assert database.feedback.page(B, 10) == []
    assert len(database.feedback.page(A, 10)) == 1


def test_a_branch_that_is_not_there_is_refused_with_those_that_are(database: Database) -> None:
    with pytest.raises(NotFound, match=r"no branch 'v'; its branches are 'x', 'y', 'z', 'w'"):
        database.feedback.put(A, label(branch="v"))


def test_pages_meet_and_may_be_of_one_run(database: Database) -> None:
    for number in range(5):
        database.feedback.put(A, label(number, principal=f"key_{number}"))
    database.feedback.put(B, label(9, of=B))
    first = database.feedback.page(A, 3)
    rest = database.feedback.page(A, 3, database.feedback.cursor(first[-1]))
    assert [each.id for each in (*first, *rest)] == ["fb_4", "fb_3", "fb_2", "fb_1", "fb_0"]
    assert [each.id for each in database.feedback.page(ALL_TENANTS, 9, run=RunId(f"run_{B}"))] == ["fb_9"]


def test_every_label_changes_the_generation_and_keys_do_not(database: Database) -> None:
    before, of_keys = database.feedback.generation(), database.keys.generation()
    database.feedback.put(A, label())
    database.feedback.put(A, label(correct=False))
    assert database.feedback.generation() == before + 2
    assert database.keys.generation() == of_keys


def test_a_checked_run_has_its_votes_and_what_most_say(database: Database) -> None:
    for number, (branch, correct) in enumerate([("", True), ("", True), ("", False), ("z", True), ("z", False)]):
        database.feedback.put(A, label(number, principal=f"key_{number}", branch=branch, correct=correct))
    (found,) = database.feedback.checked_runs(A)
    assert found == CheckedRun(
        run_id=f"run_{A}",
        tenant=A,
        kind="number",
        weighting="given",
        score=pytest.approx(2 / 3),  # pyright: ignore[reportArgumentType] - compares like the number
        voters=(
            Voter(branch="x", model="x", cluster=0, vote=1.0, selected=True),
            Voter(branch="y", model="y", cluster=0, vote=2.0, selected=False),
            Voter(branch="z", model="z", cluster=1, vote=0.5, selected=False),
            Voter(branch="w", model="w", cluster=None, vote=1.0, selected=False),
        ),
        verdicts=(("", True),),
    )
    assert database.feedback.checked_runs(B) == []


def test_of_each_tenant_the_latest_labels_count(database: Database) -> None:
    database.runs.insert([compared(f"run_{number}", tenant=A) for number in range(4)])
    for number in (3, 0, 2, 1):
        database.feedback.put(A, msgspec.structs.replace(label(number), run_id=f"run_{number}"))
    database.feedback.put(B, label(9, of=B))
    assert [run.run_id for run in database.feedback.checked_runs(ALL_TENANTS, 2)] == ["run_2", "run_3", f"run_{B}"]


def test_a_label_goes_with_its_run(database: Database) -> None:
    database.feedback.put(A, label())
    database.runs.purge(NOW + timedelta(days=9), 1, 1)
    assert database.feedback.page(A, 10) == []
