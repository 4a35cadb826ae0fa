"""An answer of a simulated model is called so wherever it goes: out of a cache, over a crash, out of a nested flow."""

import asyncio
from dataclasses import replace
from typing import Any, ClassVar

import pytest

from flow_site import Do, FlowSite, flow, literal, of_step, step
from patience import until
from quorate.flows.journals.memory import MemoryJournal
from quorate.flows.outcome import FlowResult, RunStatus
from quorate.flows.plan import CacheRule, Durability, FlowPlan, Foreach, StepKind
from quorate.flows.step_cache import MemoryStepCache
from quorate.testing import VirtualClock, run_virtual


class Asks(Do):
    """Does as it is told, as somebody who asks models; live."""

    billed: ClassVar[bool] = True


ANSWER: Any = {"gives": {"answer": "42", "simulated": True}}
ASKS = step("asks", does=ANSWER)


def _site(*plans: FlowPlan) -> FlowSite:
    return FlowSite(*plans, journal=MemoryJournal(), cache=MemoryStepCache(VirtualClock()), do=Asks())


def _simulated(result: FlowResult) -> set[str]:
    return {path for path, each in result.steps.items() if each.simulated}


async def _twice(site: FlowSite) -> tuple[FlowResult, list[str]]:
    """Run a flow twice; return how the second run ended, and what it executed."""
    assert (await site.run()).simulated
    site.do.ran.clear()
    return await site.run(), site.do.ran


def test_a_cached_step_is_still_simulated() -> None:
    cached = replace(ASKS, cache=CacheRule())
    result, ran = run_virtual(_twice(_site(flow(cached, step("after", "asks")))))
    assert (result.simulated, _simulated(result), ran) == (True, {"asks"}, ["after"])


def test_the_kept_outputs_of_a_whole_flow_are_still_simulated() -> None:
    result, ran = run_virtual(_twice(_site(flow(ASKS, cache=CacheRule(), outputs={"x": literal(1)}))))
    assert (result.simulated, ran) == (True, [])


@pytest.mark.parametrize("rule", [None, CacheRule()])
def test_a_flow_that_asks_simulated_models_within_another_makes_that_simulated(rule: CacheRule | None) -> None:
    below = flow(ASKS, name="below", cache=rule, outputs={"answer": of_step("asks", "answer")})
    result, _ = run_virtual(_twice(_site(flow(step("sub", does={"flow": "below"})), below)))
    assert result.simulated


def test_items_and_steps_of_groups_are_simulated() -> None:
    items = step("items", does=ANSWER, foreach=Foreach(items=literal([1, 2])))
    result = run_virtual(_site(flow(items, step("g", kind=StepKind.GROUP, steps=(ASKS,)))).run())
    assert _simulated(result) == {"items[0]", "items[1]", "g/asks"}
    assert result.simulated


def test_a_run_taken_up_again_a_fork_and_a_replay_are_still_simulated() -> None:
    async def go() -> list[FlowResult]:
        site = _site(flow(ASKS, step("wait", "asks", does={"after_s": 50})))
        call = site.call()
        task = asyncio.create_task(site.run(call=call, durability=Durability.DURABLE))
        await until(lambda: "wait" in site.do.ran)
        assert await site.runner.cancel(call.id)
        ends = [await task]
        ends.append(await site.runner.resume(call.id))
        ends.append(await site.runner.resume(await site.runner.fork(call.id, "wait")))
        ends.append(await site.runner.replay(call.id))
        assert site.do.ran.count("asks") == 1
        return ends

    ends = run_virtual(go())
    assert [end.status for end in ends] == [RunStatus.CANCELLED] + [RunStatus.SUCCEEDED] * 3
    assert [(end.simulated, _simulated(end)) for end in ends] == [(True, {"asks"})] * 4
