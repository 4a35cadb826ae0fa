"""Flows under kill -9: whatever the moment, each run ends right, and no finished step is executed again."""

import asyncio
import random
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest

from journal_process import opened
from killed_flows import SLOW, Line, begun_again, lines, workers_of
from marked_flows import Documents, MarkedFlows, one_by_one
from patience import until, until_it
from quorate.core.ids import RunId
from quorate.flows.journal import RunView
from quorate.flows.journals.memory import MemoryJournal
from quorate.flows.outcome import FlowResult
from quorate.flows.plan import Durability
from quorate.flows.queue_journal import QueueJournal
from quorate.model import new_call
from random_flows import named_document

KILLS = 30
RUNS_FOR_EACH = 2

KINDS = pytest.mark.parametrize("kind", ["sqlite", "postgres"])


def url_of(kind: str, request: pytest.FixtureRequest, folder: Path) -> str:
    return str(folder / "flows.db") if kind == "sqlite" else request.getfixturevalue("postgres_url")


class Submitted:
    """Random flows put into a journal, and how each ends when its steps are done one after the other; live."""

    def __init__(self, journal: QueueJournal, documents: Documents = named_document) -> None:
        self._flows = MarkedFlows(begun=lambda run, path: None, documents=documents)
        self._journal = journal
        self.names: dict[RunId, str] = {}

    async def add(self, name: str) -> RunId:
        header = await self._flows.runner(self._journal).header(self._flows.plan(name), {"n": 1}, new_call())
        self.names[header.id] = name
        await self._journal.begin(header)
        return header.id

    async def expected(self, name: str) -> FlowResult:
        plan = one_by_one(self._flows.plan(name))
        return await self._flows.runner(MemoryJournal()).run(plan, {"n": 1}, new_call(), durability=Durability.FAST)

    async def have_ended(self) -> bool:
        statuses = [await self._journal.status(run) for run in self.names]
        return all(status.is_final for status in statuses)


def unkept(view: RunView, said: list[Line]) -> list[str]:
    """The paths that the journal acknowledged and does not have."""
    of_it = [each.path for each in said if each.what == "done" and each.run == view.header.id]
    return [path for path in of_it if path not in view.outcomes]


async def ends_kept(journal: QueueJournal, run: RunId) -> Counter[str]:
    """How often the end of each step that was executed is among the events that are kept."""
    told = [msgspec.json.decode(event.data) for event in await journal.events(run)]
    return Counter(event["step"] for event in told if event["event"] in ("step.finished", "step.failed"))


@pytest.mark.subprocess
@pytest.mark.timeout(300)
@KINDS
async def test_killed_workers_cost_no_finished_step(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    url, log = url_of(kind, request, tmp_path), tmp_path / "log"
    rng = random.Random()
    journal = opened(url)
    submitted = Submitted(journal)
    with workers_of(url, log) as workers:
        for number in range(KILLS):
            for _ in range(RUNS_FOR_EACH):
                await submitted.add(f"random_{rng.randrange(1_000_000)}")
            worker = workers.start(f"w{number}")
            before = len(lines(log))
            await until(lambda before=before: len(lines(log)) > before)  # it is at work
            await asyncio.sleep(rng.uniform(0.0, 0.8))
            assert worker.is_alive, worker.told
            worker.kill()
        workers.start("last")
        await until_it(submitted.have_ended, every_s=0.1)
    said = lines(log)
    assert begun_again(said) == []
    owners = [{line.owner for line in said if line.run == run} for run in submitted.names]
    assert sum(len(each) > 1 for each in owners) > KILLS // 3  # or the kills came while nothing was under way
    for run, name in submitted.names.items():
        view, expected = await journal.load(run), await submitted.expected(name)
        assert view.result is not None
        assert (view.status, view.result.outputs) == (expected.status, expected.outputs), name
        assert set(view.outcomes) == set(expected.steps), name
        assert unkept(view, said) == [], name
    await journal.close()


def test_a_step_that_begins_after_its_end_is_found() -> None:
    start, done = Line("start", "r", "a", "w0"), Line("done", "r", "a", "w0")
    assert begun_again([start, start, done, Line("start", "q", "a", "w1")]) == []
    assert begun_again([start, done, start]) == [start]


def slow_flow(name: str) -> dict[str, Any]:
    """A step, one that takes long enough to be caught, and one behind it."""
    names = ["first", f"second{SLOW}", "third"]
    steps = [
        {"name": step, "executor": "mark", "config": {"sum": 1}, "depends_on": names[max(0, number - 1) : number]}
        for number, step in enumerate(names)
    ]
    outputs = {step: f"{{{{ steps.{step}.by }}}}" for step in names}
    return {"name": name, "steps": steps, "outputs": outputs}


@pytest.mark.subprocess
@KINDS
@pytest.mark.parametrize("how", ["killed", "frozen"])
async def test_another_worker_takes_over_and_the_zombie_writes_nothing(
    kind: str, how: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    url, log, slow = url_of(kind, request, tmp_path), tmp_path / "log", f"second{SLOW}"
    journal = opened(url)
    submitted = Submitted(journal, slow_flow)
    runs = [await submitted.add("slow") for _ in range(3)]
    with workers_of(url, log) as workers:
        lost = workers.start("lost")
        await until(lambda: sum(line.path == slow for line in lines(log)) == len(runs))
        lost.kill() if how == "killed" else lost.freeze()
        heir = workers.start("heir")
        await until_it(submitted.have_ended, every_s=0.05)
        if how == "frozen":
            heir.kill()
            lost.thaw()
            later = await submitted.add("slow")  # it wakes up, writes nothing of what it had, and works on
            await until_it(submitted.have_ended, every_s=0.05)
            result = (await journal.load(later)).result
            assert result is not None
            assert set(result.outputs.values()) == {"lost"}
    for run in runs:
        view = await journal.load(run)
        assert view.result is not None
        assert view.result.outputs == {"first": "lost", slow: "heir", "third": "heir"}
        assert await ends_kept(journal, run) == Counter(["first", slow, "third"])
        assert Line("done", run, slow, "lost") not in lines(log)
        assert unkept(view, lines(log)) == []
    assert begun_again(lines(log)) == []
    await journal.close()
