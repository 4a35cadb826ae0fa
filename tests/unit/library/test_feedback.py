"""Labels through the library: a question, what was said of its answer, and what was learned."""

import asyncio
from pathlib import Path

import pytest

from quorate import Quorate, SyncQuorate
from quorate.consensus import Kind
from quorate.core.clock import SystemClock
from quorate.core.errors import AllFailed, InvalidRequest, NotFound, Unavailable
from quorate.core.ids import RunId
from quorate.model.event import State
from quorate.storage.database import Database
from quorate.storage.run_store import StoredRun
from quorate.storage.scope import ALL_TENANTS
from quorate.testing import ScriptedModel

SUM = "What is 17 * 23? Answer with the number."


def panel() -> list[ScriptedModel]:
    return [ScriptedModel("a", "391"), ScriptedModel("b", "391"), ScriptedModel("c", "371")]


def stored(file: Path, run: str) -> StoredRun:
    with Database.open(f"sqlite:///{file}", clock=SystemClock()) as database:
        assert database.ledger.balance().holds
        return database.runs.get(ALL_TENANTS, RunId(run))


async def test_a_run_is_on_record_with_its_votes(tmp_path: Path) -> None:
    async with Quorate.of(panel(), records=tmp_path / "runs.db") as q:
        result = await q.ask(SUM)
    run = (await asyncio.to_thread(stored, tmp_path / "runs.db", result.run_id)).run
    assert (run.tenant, run.model, run.mode, run.status, run.agreement_kind) == ("local", "ask", "all", 200, "number")
    assert run.weighting == "equal"
    assert {branch.branch: (branch.cluster, branch.vote) for branch in run.branches} == {
        "a": (0, 1.0),
        "b": (0, 1.0),
        "c": (1, 1.0),
    }
    assert run.prompt is None


async def test_a_label_is_kept_and_learned_from(tmp_path: Path) -> None:
    async with Quorate.of(panel(), records=tmp_path / "runs.db") as q:
        result = await q.ask(SUM)
        label = await q.feedback(result.run_id, correct=True, note="17 * 23 = 391")
        assert (label.run_id, label.correct, label.note) == (result.run_id, True, "17 * 23 = 391")
        for _ in range(99):
            await q.feedback((await q.ask(SUM)).run_id, correct=True)
        trust = q.catalog.resources.for_tenant("local").trust
        records = {model: trust.track_record(model, Kind.NUMBER) for model in "abc"}
        assert {model: record and (record.right, record.total) for model, record in records.items()} == {
            "a": (100, 100),
            "b": (100, 100),
            "c": (0, 100),
        }
        (warning,) = (await q.ask(SUM)).warnings
        assert "c 0%" in warning


async def test_a_label_may_be_of_one_branch(tmp_path: Path) -> None:
    async with Quorate.of(panel(), records=tmp_path / "runs.db") as q:
        run = (await q.ask(SUM)).run_id
        assert (await q.feedback(run, correct=False, branch="c")).branch == "c"
        with pytest.raises(NotFound, match="its branches are 'a', 'b', 'c'"):
            await q.feedback(run, correct=False, branch="d")
        with pytest.raises(NotFound, match="no run 'run_x'"):
            await q.feedback("run_x", correct=True)
        with pytest.raises(InvalidRequest, match="1001 characters"):
            await q.feedback(run, correct=True, note="x" * 1001)


async def test_failures_and_streams_are_on_record_too(tmp_path: Path) -> None:
    file = tmp_path / "runs.db"
    async with Quorate.of([ScriptedModel("a", "391"), ScriptedModel("b", Unavailable("down"))], records=file) as q:
        with pytest.raises((Unavailable, AllFailed)):
            await q.ask(SUM, models="b", retries=0)
        async with q.stream(SUM, models="a") as answer:
            assert "".join([piece async for piece in answer]) == "391"
            streamed = answer.result.run_id
    with_stream = (await asyncio.to_thread(stored, file, streamed)).run
    assert (with_stream.stream, with_stream.model, with_stream.state) == (True, "a", State.FINISHED)

    def states() -> list[State]:
        with Database.open(f"sqlite:///{file}", clock=SystemClock()) as database:
            return [run.state for run in database.runs.page(ALL_TENANTS, 9)]

    assert sorted(await asyncio.to_thread(states)) == [State.FAILED, State.FINISHED]


async def test_without_records_there_is_nothing_to_label() -> None:
    async with Quorate.of(panel()) as q:
        result = await q.ask(SUM)
        with pytest.raises(InvalidRequest, match=r"keeps no records; make it with `records`"):
            await q.feedback(result.run_id, correct=True)


def test_the_same_without_await(tmp_path: Path) -> None:
    with SyncQuorate.of(panel(), records=tmp_path / "runs.db") as q:
        result = q.ask(SUM)
        assert q.feedback(result.run_id, correct=True).correct
    with SyncQuorate.of(panel(), records=tmp_path / "runs.db") as q:
        assert not q.feedback(result.run_id, correct=False).correct


async def test_the_configured_database_is_used(tmp_path: Path) -> None:
    config = tmp_path / "quorate.yaml"
    config.write_text(
        "version: 1\nmodels: { m: { type: simulated, profile: sim-atlas, latency_s: 0, tokens_per_s: 100000 } }\n"
        "storage: { url: 'sqlite:///kept.db' }\n"
    )
    async with Quorate.from_file(config, records=True) as q:
        result = await q.ask(SUM, models="m")
        await q.feedback(result.run_id, correct=True)
    assert (await asyncio.to_thread(stored, tmp_path / "kept.db", result.run_id)).run.model == "m"
