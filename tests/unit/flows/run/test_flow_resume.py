"""Runs over a journal: what has finished is not done again, whoever ends the run and however."""

import asyncio
from typing import Any

import msgspec
import pytest

from flow_journal import KeptJournal
from flow_site import FlowSite, Shown, flow, of_step, shown_config, step
from quorate.core.errors import Conflict
from quorate.flows.event import FlowFinished, StepDelta, StepFinished, StepStarted
from quorate.flows.executor import StepRejected
from quorate.flows.journal import LeaseLost
from quorate.flows.outcome import FlowResult, RunStatus, StepStatus
from quorate.flows.plan import Durability, ErrorRule, Foreach, Jitter, OnFailure, RetryRule, StepKind
from quorate.testing import run_virtual

TAGS = [
    "flow.started",
    "step.started",
    "step.delta",
    "step.delta",
    "step.finished",
    "step.started",
    "step.finished",
    "flow.finished",
]


def test_a_run_goes_on_where_its_worker_died() -> None:
    async def go() -> tuple[FlowResult, FlowSite]:
        plan = flow(step("a"), step("b", "a"), step("c", "b", config=shown_config(lambda s: s["steps"]["a"]["output"])))
        site = FlowSite(plan, journal=KeptJournal())
        run = await site.begun()
        await site.journal.dies_under(site.work(run), 2)
        return await site.work(run), site

    result, site = run_virtual(go())
    assert result.outputs == {"a": "a", "b": "b", "c": "a"}
    assert site.do.ran.count("a") == 1


@pytest.mark.parametrize(("finally_", "ended_with"), [((), ("b",)), ((step("clean"),), ())])
def test_the_last_step_is_kept_with_the_end_of_the_run(finally_: tuple[Any, ...], ended_with: tuple[str, ...]) -> None:
    async def go() -> tuple[FlowResult, FlowSite]:
        site = FlowSite(flow(step("a"), step("b", "a"), finally_=finally_))
        return await site.run(durability=Durability.DURABLE), site

    result, site = run_virtual(go())
    assert result.outputs == {"a": "a", "b": "b"}
    assert site.journal.ended_with == ended_with
    ((_, row),) = site.journal.rows.items()
    assert [msgspec.json.decode(event).get("step") for event in row.events][-2:] == [
        ("finally/clean" if finally_ else "b"),
        None,
    ]
    assert set(row.outcomes) >= {"a", "b"}


def test_a_cancelled_run_does_what_finally_says_and_keeps_that() -> None:
    async def go() -> tuple[FlowSite, Any]:
        plan = flow(step("a", does={"costs": 3, "after_s": 50}), finally_=(step("clean"),))
        site = FlowSite(plan)
        run = await site.begun()
        task = asyncio.create_task(site.work(run))
        await asyncio.sleep(1)
        await site.journal.request_cancel(run)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return site, await site.journal.load(run)

    site, view = run_virtual(go())
    assert view.status is RunStatus.CANCELLED
    assert site.do.ran == ["a", "finally/clean"]
    assert view.result.steps["a"].status is StepStatus.CANCELLED
    assert [error.code for error in view.result.errors] == ["cancelled"]


def test_an_interruption_that_is_no_cancellation_ends_nothing() -> None:
    async def go() -> tuple[FlowSite, Any]:
        site = FlowSite(flow(step("a", does={"after_s": 50}), finally_=(step("clean"),)))
        run = await site.begun()
        task = asyncio.create_task(site.work(run))
        await asyncio.sleep(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return site, await site.journal.load(run)

    site, view = run_virtual(go())
    assert view.status is RunStatus.RUNNING
    assert site.do.ran == ["a"]


def test_cancelling_a_run_here_gives_its_caller_the_result() -> None:
    async def go() -> FlowResult:
        site = FlowSite(flow(step("a", does={"costs": 3, "after_s": 50})))
        call = site.call()
        task = asyncio.create_task(site.run(call=call))
        await asyncio.sleep(1)
        assert await site.runner.cancel(call.id)
        return await task

    result = run_virtual(go())
    assert (result.status, result.outputs) == (RunStatus.CANCELLED, {"a": None})


def test_a_worker_that_lost_its_run_stops_at_once_and_writes_nothing() -> None:
    async def go() -> FlowSite:
        site = FlowSite(flow(step("a", does={"after_s": 5}), step("b", "a"), finally_=(step("clean"),)))
        run = await site.begun()
        task = asyncio.create_task(site.work(run))
        await asyncio.sleep(1)
        site.journal.rows[run].epoch += 1
        with pytest.raises(LeaseLost):
            await task
        return site

    site = run_virtual(go())
    assert site.do.ran == ["a"]
    assert site.journal.puts == []


def test_a_run_that_takes_long_keeps_its_lease() -> None:
    async def go() -> FlowResult:
        site = FlowSite(flow(step("a", does={"after_s": 500})), lease_s=30)
        call = site.call()
        task = asyncio.create_task(site.run(call=call, durability=Durability.DURABLE))
        await asyncio.sleep(400)
        assert await site.journal.claim(call.id, "thief", lease_s=30, now=site.clock.now()) is None
        return await task

    assert run_virtual(go()).status is RunStatus.SUCCEEDED


def test_a_wish_to_cancel_from_elsewhere_is_heard() -> None:
    async def go() -> FlowResult:
        site = FlowSite(flow(step("a", does={"after_s": 500})), lease_s=30)
        call = site.call()
        task = asyncio.create_task(site.run(call=call, durability=Durability.DURABLE))
        await asyncio.sleep(1)
        await site.journal.request_cancel(call.id)
        return await task

    result = run_virtual(go())
    assert result.status is RunStatus.CANCELLED
    assert result.latency.total_s == 10


def test_attempts_are_counted_on_and_delays_go_on() -> None:
    async def go() -> tuple[FlowResult, float]:
        rule = RetryRule(max_attempts=2, initial_s=100, most_s=100, jitter=Jitter.NONE)
        site = FlowSite(flow(step("a", does={"fails": "busy", "times": 5}, retry=rule)))
        run = await site.begun()
        task = asyncio.create_task(site.work(run))
        await asyncio.sleep(60)
        task.cancel()
        await asyncio.wait((task,))
        result = await site.work(run)
        return result, site.clock.monotonic()

    result, at_s = run_virtual(go())
    assert (result.steps["a"].attempts, at_s) == (2, 100)


def test_a_sleep_is_counted_from_the_first_time_it_was_asked_for() -> None:
    async def go() -> float:
        site = FlowSite(flow(step("a", does={"sleeps_s": 100})))
        run = await site.begun()
        task = asyncio.create_task(site.work(run))
        await asyncio.sleep(60)
        task.cancel()
        await asyncio.wait((task,))
        await site.work(run)
        return site.clock.monotonic()

    assert run_virtual(go()) == 100


def test_what_failed_is_tried_again_and_what_succeeded_is_not() -> None:
    async def go() -> tuple[FlowResult, FlowResult, FlowSite]:
        world = {"down": True}
        bad = Shown(lambda scope: {"fails": "no" if world["down"] else "", "passing": False, "gives": 1})
        inner = (step("good"), step("bad", "good", config=bad))
        plan = flow(step("g", kind=StepKind.GROUP, steps=inner), step("after", "g"))
        site = FlowSite(plan)
        call = site.call()
        first = await site.run(call=call, durability=Durability.DURABLE)
        world["down"] = False
        second = await site.runner.resume(call.id)
        with pytest.raises(Conflict, match="nothing to resume"):
            await site.runner.resume(call.id)
        return first, second, site

    first, second, site = run_virtual(go())
    assert (first.status, second.status) == (RunStatus.FAILED, RunStatus.SUCCEEDED)
    assert second.outputs == {"g": {"good": "good", "bad": 1}, "after": "after"}
    assert site.do.ran == ["g/good", "g/bad", "g/bad", "after"]


def test_a_fork_does_again_what_comes_after_its_step() -> None:
    async def go() -> tuple[FlowResult, FlowSite, Any]:
        inner = (step("x"), step("y", "x"), step("z"))
        plan = flow(step("a"), step("g", "a", kind=StepKind.GROUP, steps=inner), step("c", "g"), step("d", "a"))
        site = FlowSite(plan)
        call = site.call()
        await site.run(call=call, durability=Durability.DURABLE)
        site.do.ran.clear()
        new = await site.runner.fork(call.id, "x")
        result = await site.work(new)
        return result, site, (await site.journal.load(new)).header.parent == call.id

    result, site, is_child = run_virtual(go())
    assert site.do.ran == ["g/x", "g/y", "c"]
    assert result.status is RunStatus.SUCCEEDED
    assert is_child


def test_a_replay_gives_the_same_and_executes_nothing() -> None:
    async def go() -> tuple[FlowResult, FlowResult, FlowSite]:
        loop = Foreach(items=Shown(lambda scope: [1, 2]))
        plan = flow(
            step("a", does={"gives": {"n": 3}, "after_s": 9}),
            step("l", "a", config=shown_config(lambda s: s["item"]), foreach=loop),
            step("sub", "a", does={"flow": "below"}),
            step("no", "a", condition=Shown(lambda scope: False)),
            step("bad", "l", does={"after_s": 1, "fails": "no", "passing": False}),
            step("late", "sub", does={"after_s": 9}),
            step("never", "late"),
        )
        site = FlowSite(plan, flow(step("in"), name="below"))
        call = site.call()
        first = await site.run(call=call, durability=Durability.DURABLE)
        site.do.ran.clear()
        return first, await site.runner.replay(call.id), site

    first, again, site = run_virtual(go())
    assert [path for path in site.do.ran if path != "sub"] == []
    assert (again.outputs, again.errors, again.status) == (first.outputs, first.errors, first.status)
    assert again.steps.keys() == first.steps.keys()
    assert again.latency.total_s == 0


def test_whoever_watches_sees_all_ends_in_order_with_their_numbers() -> None:
    async def go() -> tuple[list[Any], FlowSite]:
        site = FlowSite(flow(step("a", does={"says": ("x", "y")}), step("b", "a")))
        call = site.call()
        watch = site.runner.watch(call.id)
        await site.run(call=call, durability=Durability.DURABLE)
        return [seen async for seen in watch], site

    seen, site = run_virtual(go())
    assert site.sink.tags == TAGS
    assert [each.event for each in seen] == site.sink.events
    assert [each.seq for each in seen if each.seq is not None] == [1, 2, 3]
    assert [each.event.percent for each in seen if isinstance(each.event, StepFinished)] == [50, 100]


def test_somebody_who_reads_slowly_loses_pieces_of_text_and_no_end() -> None:
    async def go() -> tuple[list[Any], int]:
        site = FlowSite(flow(step("a", does={"says": ("x",) * 50})))
        call = site.call()
        watch = site.runner.watch(call.id, room=10)
        await site.run(call=call)
        return [seen.event async for seen in watch], watch.lost

    events, lost = run_virtual(go())
    assert len([each for each in events if isinstance(each, StepDelta)]) + lost + 1 >= 50
    assert lost >= 40
    assert isinstance(events[-1], FlowFinished)
    assert any(isinstance(each, StepFinished) for each in events)


def test_the_journal_has_the_events_of_ends() -> None:
    async def go() -> tuple[list[bytes], FlowSite]:
        site = FlowSite(flow(step("a")))
        call = site.call()
        await site.run(call=call, durability=Durability.DURABLE)
        return [each.data for each in await site.journal.events(call.id)], site

    events, site = run_virtual(go())
    assert [data[:40].split(b'"')[3] for data in events] == [b"flow.started", b"step.finished", b"flow.finished"]
    assert site.sink.of(StepStarted)


def test_a_run_of_which_secrets_are_missing_is_not_begun() -> None:
    async def go() -> dict[str, Any]:
        site = FlowSite(flow(step("a"), secrets=("X",), outputs={"a": of_step("a")}))
        with pytest.raises(StepRejected):
            await site.run(durability=Durability.DURABLE)
        return site.journal.rows

    assert run_virtual(go()) == {}


def test_a_queued_run_whose_document_is_no_flow_here_ends_as_failed() -> None:
    async def go() -> FlowResult:
        site = FlowSite(flow(step("a"), name="gone"))
        run = await site.begun()
        site.known.clear()
        return await site.work(run)

    result = run_virtual(go())
    assert (result.status, result.errors[0].code) == (RunStatus.FAILED, "not_found")


def test_what_was_spent_before_a_crash_counts_in_the_result() -> None:
    async def go() -> FlowResult:
        plan = flow(step("a", does={"costs": 7}), step("b", "a", does={"costs": 2}))
        site = FlowSite(plan, journal=KeptJournal())
        run = await site.begun()
        await site.journal.dies_under(site.work(run), 1)
        return await site.work(run)

    result = run_virtual(go())
    assert (result.cost_microusd, result.prompt_tokens) == (9, 6)


def test_a_restored_group_shows_its_steps_and_its_handled_errors() -> None:
    async def go() -> FlowResult:
        bad = step("bad", does={"fails": "no", "passing": False}, on_error=ErrorRule(action=OnFailure.CONTINUE))
        group = step("g", kind=StepKind.GROUP, steps=(step("good"), bad))
        seen = shown_config(lambda s: [s["steps"]["good"]["output"], s["steps"]["bad"]["success"]])
        site = FlowSite(flow(group, step("after", "g", config=seen)), journal=KeptJournal())
        run = await site.begun()
        await site.journal.dies_under(site.work(run), 3)
        return await site.work(run)

    result = run_virtual(go())
    assert result.outputs["after"] == ["good", False]
    assert result.status is RunStatus.PARTIAL
    assert [error.stage for error in result.errors] == ["g/bad"]
