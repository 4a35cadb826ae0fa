"""Runs that failed for something that may pass: taken up again by themselves, as often as their flow says."""

import asyncio
from collections import Counter
from typing import Any

import pytest

from flow_journal import KeptJournal
from flow_site import FlowSite, Shown, flow, step
from patience import until
from quorate.flows.event import FlowRetry, FlowStarted
from quorate.flows.journals.memory import MemoryJournal
from quorate.flows.outcome import FlowResult, RunStatus
from quorate.flows.plan import Durability, FlowLimits, Foreach, StepKind
from quorate.model.event import Event
from quorate.testing import run_virtual

TWICE = FlowLimits(max_retries=2)


class Passing:
    """Fails so many times, then works; live."""

    def __init__(self, times: int, **does: Any) -> None:
        self.left = times
        self.does = does

    def config(self) -> Shown:
        return Shown(self._made)

    def _made(self, scope: Any) -> dict[str, Any]:
        del scope
        self.left -= 1
        return {"fails": "" if self.left < 0 else "busy", **self.does}


def _ran(*steps: Any, durability: Durability = Durability.FAST, **fields: Any) -> tuple[FlowResult, FlowSite]:
    async def go() -> tuple[FlowResult, FlowSite]:
        site = FlowSite(flow(*steps, limits=TWICE, **fields))
        return await site.run(durability=durability), site

    return run_virtual(go())


@pytest.mark.parametrize("durability", [Durability.FAST, Durability.DURABLE])
def test_what_failed_is_done_again_and_what_has_finished_is_not(durability: Durability) -> None:
    steps = step("a"), step("b", "a", config=Passing(2).config()), step("c", "b"), step("d")
    result, site = _ran(*steps, durability=durability)
    assert (result.status, result.errors, result.retries) == (RunStatus.SUCCEEDED, (), 2)
    assert Counter(site.do.ran) == {"a": 1, "b": 3, "c": 1, "d": 1}


def test_the_attempts_at_a_run_end() -> None:
    result, site = _ran(step("a", config=Passing(9).config()))
    assert (result.status, result.retries, site.do.ran) == (RunStatus.FAILED, 2, ["a", "a", "a"])
    assert [error.message for error in result.errors] == ["busy"]


def test_what_will_not_pass_is_not_tried_again() -> None:
    lasting = step("b", does={"fails": "no", "passing": False})
    result, site = _ran(step("a", config=Passing(1, after_s=1).config()), lasting)
    assert (result.retries, sorted(site.do.ran)) == (0, ["a", "b"])


def test_catch_and_finally_are_done_once_when_the_run_ends() -> None:
    _, site = _ran(step("a", config=Passing(9).config()), catch=(step("c"),), finally_=(step("f"),))
    assert site.do.ran == ["a", "a", "a", "catch/c", "finally/f"]
    _, site = _ran(step("a", config=Passing(1).config()), catch=(step("c"),), finally_=(step("f"),))
    assert site.do.ran == ["a", "a", "finally/f"]


def test_items_and_steps_of_groups_that_finished_are_kept() -> None:
    item = step("loop", config=Passing(1).config(), foreach=Foreach(items=Shown(lambda s: [1, 2, 3]), max_parallel=1))
    inner = step("x"), step("y", "x", config=Passing(1).config())
    result, site = _ran(item, step("group", kind=StepKind.GROUP, steps=inner))
    assert result.status is RunStatus.SUCCEEDED
    assert site.do.ran.count("group/x") == 1
    assert site.do.ran.count("group/y") == 2


def test_it_is_not_waited_beyond_the_deadline() -> None:
    async def go() -> tuple[FlowResult, float]:
        site = FlowSite(flow(step("a", config=Passing(99).config()), limits=FlowLimits(max_retries=50)))
        call = site.call(timeout_s=100)
        return await site.run(call=call), site.clock.monotonic()

    result, took_s = run_virtual(go())
    assert result.status is RunStatus.FAILED
    assert 0 < result.retries < 50
    assert took_s <= 100


def test_the_money_of_failed_tries_counts() -> None:
    async def go() -> tuple[FlowResult, int]:
        journal = MemoryJournal()
        site = FlowSite(flow(step("a", config=Passing(2, costs=5).config()), limits=TWICE), journal=journal)
        result = await site.run(durability=Durability.DURABLE)
        return result, (await journal.load(next(iter(await journal.runs())).header.id)).retries

    result, retries = run_virtual(go())
    assert (result.cost_microusd, retries) == (15, 2)


def test_the_money_of_what_a_reopened_run_does_again_counts() -> None:
    async def go() -> FlowResult:
        site = FlowSite(flow(step("a", config=Passing(1, costs=5).config())), journal=MemoryJournal())
        call = site.call()
        await site.run(call=call, durability=Durability.DURABLE)
        return await site.runner.resume(call.id)

    result = run_virtual(go())
    assert (result.status, result.cost_microusd) == (RunStatus.SUCCEEDED, 10)


def test_a_try_is_told_of_and_kept() -> None:
    async def go() -> tuple[FlowSite, list[Event], Any]:
        site = FlowSite(flow(step("a", config=Passing(1).config()), limits=TWICE))
        call = site.call()
        await site.run(call=call, durability=Durability.DURABLE)
        return site, list(site.sink.events), await site.journal.load(call.id)

    site, events, view = run_virtual(go())
    retry = next(each for each in events if isinstance(each, FlowRetry))
    assert (retry.retry, retry.code, retry.message) == (1, "provider_unavailable", "busy")
    assert [each.resumed for each in events if isinstance(each, FlowStarted)] == [False, True]
    assert view.retries == 1
    kept = b"".join(next(iter(site.journal.rows.values())).events)
    assert kept.count(b"flow.retry") == 1


def test_a_worker_that_takes_over_goes_on_counting_and_waits_for_the_rest_of_the_delay() -> None:
    async def go() -> tuple[FlowResult, FlowSite, float]:
        busy = Passing(3)
        site = FlowSite(flow(step("a"), step("b", "a", config=busy.config()), limits=TWICE), journal=KeptJournal())
        run = await site.begun()
        first = asyncio.create_task(site.work(run))
        await until(lambda: site.journal.rows[run].retries == 2)
        first.cancel()
        await asyncio.wait((first,))
        due = site.journal.rows[run].retry_at
        result = await site.work(run)
        return result, site, (due - site.clock.now()).total_seconds()

    result, site, left_s = run_virtual(go())
    assert (result.status, result.retries) == (RunStatus.FAILED, 2)
    assert left_s <= 0
    assert site.do.ran == ["a", "b", "b", "b"]


def test_a_run_cancelled_while_it_waits_ends_as_cancelled() -> None:
    async def go() -> RunStatus:
        site = FlowSite(flow(step("a", config=Passing(9).config()), limits=FlowLimits(max_retries=90)))
        call = site.call()
        task = asyncio.create_task(site.run(call=call))
        await until(lambda: any(isinstance(each, FlowRetry) for each in site.sink.events))
        assert await site.runner.cancel(call.id)
        return (await task).status

    assert run_virtual(go()) is RunStatus.CANCELLED


def test_a_replay_of_a_run_that_failed_executes_nothing_again() -> None:
    async def go() -> tuple[FlowResult, int]:
        site = FlowSite(flow(step("a", config=Passing(9).config()), limits=TWICE))
        call = site.call()
        await site.run(call=call, durability=Durability.DURABLE)
        site.do.ran.clear()
        return await site.runner.replay(call.id), len(site.do.ran)

    result, ran = run_virtual(go())
    assert (result.status, result.retries, ran) == (RunStatus.FAILED, 0, 0)
