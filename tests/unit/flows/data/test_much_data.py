"""Steps that go through much data: everybody else goes on meanwhile."""

import asyncio
import time
from typing import Any

import pytest

from flow_data_step import data_step
from quorate.flows.data.weight import is_heavy
from quorate.flows.executors.data_combiner import DataCombinerExecutor
from quorate.flows.executors.response_formatter import ResponseFormatterExecutor
from quorate.flows.executors.transform import TransformExecutor
from quorate.flows.executors.validate import ValidateExecutor
from quorate.flows.registry import AnyExecutor
from quorate.flows.run.rendering import rendered
from quorate.templating.environment import Environment

RECORDS = [{"id": number, "name": f"n{number}", "tags": ["a", "b"]} for number in range(4_000)]


@pytest.mark.parametrize(
    ("executor", "config"),
    [
        (ResponseFormatterExecutor(), {"format": "yaml", "data": RECORDS}),
        (ResponseFormatterExecutor(), {"format": "yaml", "template": "{{ data }}", "data": RECORDS}),
        (ResponseFormatterExecutor(), {"format": "html", "template": "{{ data | length }}", "data": RECORDS}),
        (DataCombinerExecutor(), {"sources": ["{{ inputs.all }}"] * 2, "strategy": "join", "join_key": "id"}),
        (DataCombinerExecutor(), {"sources": ["a"], "aggregations": {"n": {"function": "unique", "field": "tags"}}}),
        (TransformExecutor(), {"items": RECORDS, "each": {"n": "{{ item.name | upper }}"}}),
        (ValidateExecutor(), {"data": RECORDS, "schema": {"items": {"required": ["id"]}}}),
    ],
    ids=lambda value: value.name if hasattr(value, "name") else "",
)
async def test_the_event_loop_is_not_held_up(executor: AnyExecutor, config: dict[str, Any]) -> None:
    environment = Environment()
    step = data_step(
        steps={"a": RECORDS}, inputs={"all": RECORDS}, values=lambda written: environment.value(written, name="config")
    )
    work = asyncio.create_task(executor.run(executor.config.model_validate(config), step))
    turns = 0
    began = time.monotonic()
    while not work.done():
        await asyncio.sleep(0)
        turns += 1
    assert turns > 20, f"{turns} turns of the loop in {time.monotonic() - began:.2f} s"
    assert await work


@pytest.mark.parametrize(
    ("executor", "config"),
    [
        (ResponseFormatterExecutor(), {"format": "html", "template": "{{ data | length }}", "data": RECORDS}),
        (DataCombinerExecutor(), {"sources": ["{{ steps.a }}"] * 2, "strategy": "join", "join_key": "id"}),
        (TransformExecutor(), {"items": RECORDS, "each": {"n": "{{ steps }}"}, "limit": 3}),
    ],
    ids=lambda value: value.name if hasattr(value, "name") else "",
)
async def test_steps_that_end_meanwhile_disturb_nothing(executor: AnyExecutor, config: dict[str, Any]) -> None:
    environment = Environment()
    step = data_step(steps={"a": RECORDS}, values=lambda written: environment.value(written, name="config"))
    work = asyncio.create_task(executor.run(executor.config.model_validate(config), step))
    while not work.done():
        steps = step.scope["steps"]
        steps[f"n{len(steps)}"] = {"output": None}
        await asyncio.sleep(0)
    assert await work


async def test_a_template_over_what_a_caller_sent_holds_nobody_up() -> None:
    loop = "{% for each in inputs.all %}{{ each.name | upper }}{% endfor %}"
    value = Environment().value(loop, name="config")
    work = asyncio.create_task(rendered(value, {"inputs": {"all": RECORDS}, "steps": {}}))
    turns = 0
    while not work.done():
        await asyncio.sleep(0)
        turns += 1
    assert turns > 20
    assert (await work).startswith("N0N1N2")


@pytest.mark.parametrize(
    ("data", "heavy"),
    [
        (None, False),
        ([1] * 200, False),
        ([1] * 400, True),
        ({"a": [{"b": [1] * 200}] * 3}, True),
        ("x" * 50_000, False),
        (["x" * 60_000] * 2, True),
    ],
)
def test_what_is_much(data: object, heavy: bool) -> None:
    assert is_heavy(data) is heavy
