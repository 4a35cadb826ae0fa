"""How many runs and steps are under way at once: of a flow, of a nested one, of a group."""

import asyncio
from typing import Any

import pytest

from flow_site import FlowSite, Shown, flow, literal, step
from quorate.core.errors import QueueFull
from quorate.flows.outcome import FlowResult, RunStatus
from quorate.flows.plan import Durability, FlowLimits, FlowPlan, Foreach, StepKind
from quorate.testing import run_virtual

ITEMS = Foreach(items=literal([1, 2, 3, 4]))


def _most(*plans: FlowPlan) -> tuple[FlowResult, FlowSite]:
    async def go() -> tuple[FlowResult, FlowSite]:
        site = FlowSite(*plans)
        return await site.run(), site

    return run_virtual(go())


def _nested(limits: FlowLimits, *, loop: Foreach | None = None) -> tuple[FlowPlan, FlowPlan]:
    below = flow(*(step(name, does={"after_s": 1}) for name in "abcd"), name="below", limits=limits, outputs={})
    return flow(step("sub", does={"flow": "below"}, foreach=loop)), below


def test_a_nested_flow_has_its_own_number_of_steps_at_once() -> None:
    result, site = _most(*_nested(FlowLimits(concurrency=2)))
    assert result.status is RunStatus.SUCCEEDED
    assert site.do.most == 3  # two of its steps, and the one that runs it
    assert result.latency.total_s == 2


def test_a_nested_flow_that_allows_one_run_at_once_is_waited_for() -> None:
    result, _ = _most(*_nested(FlowLimits(runs=1), loop=ITEMS))
    assert result.status is RunStatus.SUCCEEDED
    assert result.latency.total_s == 4


def test_a_nested_flow_with_a_key_waits_only_for_those_of_the_same_key() -> None:
    one = step("one", does={"after_s": 1})
    below = flow(one, name="below", limits=FlowLimits(runs=1, key=Shown(lambda s: s["inputs"]["who"])))
    asks = Shown(lambda s: {"flow": "below", "inputs": {"who": s["item"] % 2}})
    result, _ = _most(flow(step("sub", config=asks, foreach=ITEMS)), below)
    assert result.latency.total_s == 2


def test_a_flow_that_runs_itself_runs_in_its_own_place() -> None:
    config = literal({"flow": "flow", "inputs": {"deep": True}})
    again = step("again", config=config, condition=Shown(lambda s: not s["inputs"].get("deep")))
    result, _ = _most(flow(again, limits=FlowLimits(runs=1)))
    assert result.status is RunStatus.SUCCEEDED


@pytest.mark.parametrize("durability", [Durability.FAST, Durability.DURABLE])
def test_a_run_more_than_a_flow_allows_is_refused_and_later_not(durability: Durability) -> None:
    async def go() -> None:
        site = FlowSite(flow(step("a", does={"after_s": 1}), limits=FlowLimits(runs=1, key=Shown(_who))))

        async def run(who: str) -> FlowResult:
            return await site.run(inputs={"who": who}, durability=durability)

        first, other = asyncio.create_task(run("a")), asyncio.create_task(run("b"))
        await asyncio.sleep(0.5)
        if durability is Durability.FAST:  # the journal of this test counts nothing
            with pytest.raises(QueueFull, match="'flow'"):
                await run("a")
        assert {(await each).status for each in (first, other)} == {RunStatus.SUCCEEDED}
        assert (await run("a")).status is RunStatus.SUCCEEDED

    run_virtual(go())


def _who(scope: Any) -> str:
    return scope["inputs"]["who"]


def test_a_cancelled_run_in_memory_gives_its_place_back() -> None:
    async def go() -> None:
        site = FlowSite(flow(step("a", does={"after_s": 9}), limits=FlowLimits(runs=1)))
        first = asyncio.create_task(site.run())
        await asyncio.sleep(1)
        first.cancel()
        await asyncio.wait((first,))
        assert (await site.run()).status is RunStatus.SUCCEEDED

    run_virtual(go())


def test_the_concurrency_of_a_group_is_that_of_the_steps_in_it() -> None:
    inner = tuple(step(name, does={"after_s": 1}) for name in "abcd")
    result, site = _most(flow(step("group", kind=StepKind.GROUP, steps=inner, concurrency=2)))
    assert site.do.most == 2
    assert result.latency.total_s == 2


def test_a_group_in_a_group_holds_to_both_limits() -> None:
    def inner(name: str) -> tuple[Any, ...]:
        return tuple(step(f"{name}{each}", does={"after_s": 1}) for each in range(3))

    groups = [step(name, kind=StepKind.GROUP, steps=inner(name), concurrency=2) for name in "xy"]
    _, site = _most(flow(step("all", kind=StepKind.GROUP, steps=tuple(groups), concurrency=3)))
    assert site.do.most == 3
