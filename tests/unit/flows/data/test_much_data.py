"""Steps that go through much data: everybody else goes on meanwhile."""

import asyncio
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from flow_data_step import data_step
from quorate.flows.data.weight import at_once, is_heavy
from quorate.flows.executors.data_combiner import DataCombinerExecutor
from quorate.flows.executors.response_formatter import ResponseFormatterExecutor
from quorate.flows.executors.transform import TransformExecutor
from quorate.flows.executors.validate import ValidateExecutor
from quorate.flows.registry import AnyExecutor
from quorate.flows.run.rendering import rendered
from quorate.templating.environment import Environment
from quorate.templating.template import TemplateError
from quorate.templating.work import briefly


@pytest.fixture(autouse=True)
def frequent_turns() -> Iterator[None]:
    """Threads take turns every 0.1 ms: a fast machine is through with the work in two of the usual 5 ms."""
    usual_s = sys.getswitchinterval()
    sys.setswitchinterval(0.0001)
    yield
    sys.setswitchinterval(usual_s)


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


LONG = [
    "{% for i in range(10000) %}{{ i }}{% endfor %}",
    "{% for i in range(inputs.n) %}{{ i * 2 }} {% endfor %}",
    "{% for i in range(100) %}{% for j in range(30) %}{{ i * j }}{% endfor %}{% endfor %}",
    "{{ range(4000) | map('string') | sort | length }}",
    "{{ range(4000) | map('string') | sort | map('upper') | map('lower') | unique | join(',') | length }}",
    "{{ ('x' * 1000000) | upper | replace('X', 'yy') | length }}",
]


async def longest_wait_s(work: "asyncio.Task[Any]") -> float:
    """The longest time for which others did not get their turn."""
    longest, before = 0.0, time.monotonic()
    while not work.done():
        await asyncio.sleep(0)
        longest, before = max(longest, (now := time.monotonic()) - before), now
    return longest


@pytest.mark.parametrize("written", LONG)
async def test_much_work_on_little_data_is_done_elsewhere(written: str) -> None:
    value = Environment().value(written, name="config")
    scope = {"inputs": {"n": 10_000}, "steps": {}}
    loop = threading.get_ident()
    seen: list[int] = []

    def render() -> Any:
        made = value.render(scope)
        seen.append(threading.get_ident())
        return made

    assert await at_once(render) == value.render(scope)
    assert seen != [loop]
    work = asyncio.create_task(rendered(value, scope))
    await longest_wait_s(work)
    assert await work == value.render(scope)


async def test_a_template_that_computes_for_long_holds_nobody_up() -> None:
    written = "{% for i in range(10000) %}{% for j in range(3) %}{{ [i, j] | sort }}{% endfor %}{% endfor %}"
    value = Environment().value(written, name="config")
    began = time.monotonic()
    with suppress(TemplateError):
        value.render({})
    whole_s = time.monotonic() - began
    work = asyncio.create_task(rendered(value, {"steps": {}}))
    longest_s = await longest_wait_s(work)
    assert longest_s < whole_s / 2
    with suppress(TemplateError):
        await work


@pytest.mark.parametrize(
    "written", ["{{ inputs.n * 2 }}", "{% for i in range(10) %}{{ i }}{% endfor %}", "{{ range(50) | sum }}"]
)
async def test_an_ordinary_template_stays_where_it_is(written: str) -> None:
    value = Environment().value(written, name="config")
    assert (
        await at_once(lambda: (value.render({"inputs": {"n": 3}}), threading.get_ident())[1]) == threading.get_ident()
    )


def test_an_error_is_the_same_however_it_is_rendered() -> None:
    value = Environment().value("{{ 1 / 0 | upper }} {{ inputs.none }}", name="config")
    with pytest.raises(TemplateError) as brief:
        briefly(lambda: value.render({}))
    with pytest.raises(TemplateError) as whole:
        value.render({})
    assert str(brief.value) == str(whole.value)


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
