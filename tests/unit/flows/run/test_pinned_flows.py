"""A flow that a step runs is the same for the whole run, whatever becomes of the files."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from flow_site import FlowSite, flow, step
from patience import until
from quorate.flows.journals.memory import MemoryJournal
from quorate.flows.outcome import FlowResult, RunStatus
from quorate.flows.plan import Durability
from quorate.testing import run_virtual

OLD = flow(step("in", does={"gives": "old"}), name="below")
NEW = replace(flow(step("in", does={"gives": "new"}), name="below"), digest="sha256:new", version="2.0.0")


def _changed(site: FlowSite) -> None:
    site.plans["below"] = NEW
    site.known[NEW.digest] = NEW


def _gone(site: FlowSite) -> None:
    del site.plans["below"]


@pytest.mark.parametrize("change", [_changed, _gone])
def test_a_run_taken_up_again_runs_the_flow_that_it_saw_first(change: Callable[[FlowSite], None]) -> None:
    async def go() -> FlowResult:
        first, second = step("a", does={"flow": "below"}), step("b", "a", does={"flow": "below"})
        wait = step("wait", "a", does={"after_s": 9})
        site = FlowSite(flow(first, replace(second, needs=("wait",)), wait), OLD)
        run = await site.begun()
        task = asyncio.create_task(site.work(run))
        await until(lambda: "wait" in site.do.ran)
        task.cancel()
        await asyncio.wait((task,))
        change(site)
        return await site.work(run)

    result = run_virtual(go())
    assert result.status is RunStatus.SUCCEEDED
    assert (result.outputs["a"], result.outputs["b"]) == ({"in": "old"}, {"in": "old"})


def test_a_run_in_memory_sees_one_version_too() -> None:
    async def go() -> FlowResult:
        wait = step("wait", "a", does={"after_s": 9})
        site = FlowSite(flow(step("a", does={"flow": "below"}), wait, step("b", "wait", does={"flow": "below"})), OLD)
        task = asyncio.create_task(site.run())
        await until(lambda: "wait" in site.do.ran)
        _changed(site)
        return await task

    assert run_virtual(go()).outputs["b"] == {"in": "old"}


def test_a_fork_runs_the_flows_of_the_old_run() -> None:
    async def go() -> FlowResult:
        journal = MemoryJournal()
        site = FlowSite(flow(step("a", does={"flow": "below"})), OLD, journal=journal)
        call = site.call()
        await site.run(call=call, durability=Durability.DURABLE)
        _changed(site)
        return await site.runner.resume(await site.runner.fork(call.id, "a"))

    assert run_virtual(go()).outputs["a"] == {"in": "old"}


@pytest.mark.parametrize("change", [_changed, _gone])
def test_a_replay_sees_the_flows_of_the_run(change: Callable[[FlowSite], None]) -> None:
    async def go() -> FlowResult:
        site = FlowSite(flow(step("a", does={"flow": "below"})), OLD, journal=MemoryJournal())
        call = site.call()
        await site.run(call=call, durability=Durability.DURABLE)
        change(site)
        return await site.runner.replay(call.id)

    result = run_virtual(go())
    assert (result.status, result.outputs) == (RunStatus.SUCCEEDED, {"a": {"in": "old"}})
