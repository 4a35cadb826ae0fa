"""Errors come in the order of the flow, whichever step ended first; expressions see when and with what a run began."""

import asyncio
from typing import Any

import pytest

from flow_site import FlowSite, flow, literal, shown_config, step
from patience import until
from quorate.flows.outcome import FlowResult
from quorate.flows.plan import Durability, ErrorRule, Foreach, OnFailure, OnItemError, StepKind
from quorate.testing import run_virtual

GOES_ON = ErrorRule(action=OnFailure.CONTINUE)


def _stages(*steps: Any, **fields: Any) -> list[str]:
    async def go() -> FlowResult:
        return await FlowSite(flow(*steps, **fields), BELOW).run()

    return [error.stage for error in run_virtual(go()).errors]


def _fails(name: str, after_s: float) -> Any:
    return step(name, does={"fails": "no", "passing": False, "after_s": after_s}, on_error=GOES_ON)


BELOW = flow(_fails("y", 2), _fails("x", 1), name="below")


def test_steps_come_as_they_are_written() -> None:
    assert _stages(_fails("b", 3), _fails("a", 2), _fails("c", 1)) == ["b", "a", "c"]


def test_what_is_in_a_group_or_a_nested_flow_comes_where_that_stands() -> None:
    group = step("g", kind=StepKind.GROUP, steps=(_fails("z", 3), _fails("i", 1)))
    stages = _stages(step("sub", does={"flow": "below"}), group, _fails("first", 0))
    assert stages == ["sub/x", "sub/y", "g/z", "g/i", "first"]


def test_items_come_by_their_numbers() -> None:
    loop = Foreach(items=literal(list(range(11))), on_item_error=OnItemError.COLLECT)
    config = literal({"fails": "no", "passing": False})
    assert _stages(step("x", config=config, foreach=loop)) == [f"x[{number}]" for number in range(11)]


def test_the_last_steps_and_the_outputs_come_last() -> None:
    plan = {"finally_": (_fails("a", 0),), "outputs": {"b": shown_config(lambda s: s["nothing"])}}
    assert _stages(_fails("z", 0), **plan) == ["z", "finally/a", "outputs.b"]


@pytest.mark.parametrize("durability", [Durability.FAST, Durability.DURABLE])
def test_expressions_see_the_seed_and_the_beginning_of_a_run(durability: Durability) -> None:
    async def go() -> tuple[FlowResult, str]:
        site = FlowSite(flow(step("a", config=shown_config(lambda s: s["run"]))))
        return await site.run(durability=durability), site.clock.now().isoformat()

    result, now = run_virtual(go())
    assert (result.outputs["a"]["seed"], result.outputs["a"]["started_at"]) == (7, now)


def test_a_run_taken_up_again_began_when_it_began() -> None:
    async def go() -> FlowResult:
        def seen(name: str, *needs: str) -> Any:
            return step(name, *needs, config=shown_config(lambda s: [s["run"]["seed"], s["run"]["started_at"]]))

        site = FlowSite(flow(seen("a"), step("wait", "a", does={"after_s": 50}), seen("b", "wait")))
        run = await site.begun()
        task = asyncio.create_task(site.work(run))
        await until(lambda: "wait" in site.do.ran)
        await asyncio.sleep(20)
        task.cancel()
        await asyncio.wait((task,))
        return await site.work(run)

    result = run_virtual(go())
    assert result.outputs["a"] == result.outputs["b"]
