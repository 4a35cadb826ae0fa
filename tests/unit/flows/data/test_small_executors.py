"""Conditions, waiting, validation, and the list of what every installation has."""

import asyncio
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from pydantic import ValidationError

from flow_data_step import data_step, run_step
from quorate.flows.executor import StepRejected
from quorate.flows.executors.condition import ConditionConfig, ConditionExecutor, ConditionResult
from quorate.flows.executors.standard import STANDARD, standard_executors
from quorate.flows.executors.validate import SchemaProblem, ValidateConfig, ValidateExecutor, ValidateResult
from quorate.flows.executors.wait import WaitConfig, WaitExecutor
from quorate.testing import VirtualClock, run_virtual

SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}, "l": {"items": {"minimum": 2}}}, "required": ["n"]}


def decided(written: dict[str, Any], **steps: Any) -> ConditionResult:
    return run_virtual(run_step(ConditionExecutor(), written, data_step(steps=steps, inputs={"n": 5})))


def test_conditions_and_the_first_case_that_holds() -> None:
    written = {
        "conditions": {"big": "inputs.n > 3", "known": "{{ steps.s.x in [1, 2] }}"},
        "cases": [
            {"name": "never", "when": False},
            {"name": "both", "when": "holds.big and holds.known", "value": {"model": "{{ steps.s.x }}"}},
            {"name": "later", "when": True},
        ],
        "else": "nothing",
    }
    assert decided(written, s={"x": 2}) == ConditionResult(
        conditions={"big": True, "known": True}, case="both", value={"model": 2}
    )
    assert decided(written, s={"x": 9}).case == "later"


def test_no_case_and_else() -> None:
    written = {"cases": [{"name": "a", "when": "data == 'x'"}], "data": "y", "else": "{{ inputs.n }}"}
    assert decided(written) == ConditionResult(conditions={}, case=None, value=5)


def test_a_condition_that_gives_a_text_is_named() -> None:
    with pytest.raises(StepRejected, match=r"conditions\.odd gave the text 'no'"):
        decided({"conditions": {"odd": "'no'"}})


def test_waiting_for_a_time_and_until_one() -> None:
    async def waited(written: dict[str, Any], until_s: float | None = None) -> float:
        clock = VirtualClock()
        began = clock.now()
        if until_s is not None:
            elsewhere = timezone(timedelta(hours=5))
            written = {"until": (began + timedelta(seconds=until_s)).astimezone(elsewhere).isoformat()}
        result = await run_step(WaitExecutor(), written, data_step(sleep=asyncio.sleep, clock=clock))
        assert abs(datetime.fromisoformat(result.ended_at) - clock.now()) <= timedelta(seconds=0.001)
        return (clock.now() - began).total_seconds()

    assert run_virtual(waited({"seconds": "1m"})) == pytest.approx(60)
    assert run_virtual(waited({"duration": 0.5})) == pytest.approx(0.5)
    assert run_virtual(waited({}, until_s=7200)) == pytest.approx(7200)
    assert run_virtual(waited({}, until_s=-5)) == 0


@pytest.mark.parametrize(
    "written",
    [
        {},
        {"seconds": 1, "until": "2030-01-01T00:00:00Z"},
        {"until": "2030-01-01T00:00:00"},  # whose midnight?
        {"seconds": "1 w"},
    ],
)
def test_a_wait_needs_one_clear_time(written: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        WaitConfig.model_validate(written)


def checked(written: dict[str, Any], **steps: Any) -> ValidateResult:
    return run_virtual(run_step(ValidateExecutor(), written, data_step(steps=steps)))


def test_validation_passes_data_on() -> None:
    assert checked({"data": "{{ steps.s }}", "schema": SCHEMA}, s={"n": 1}) == ValidateResult(
        valid=True, problems=(), data={"n": 1}
    )


def test_strict_validation_lists_all_problems_with_paths() -> None:
    with pytest.raises(StepRejected) as caught:
        checked({"data": {"n": "x", "l": [2, 1]}, "schema": SCHEMA})
    assert caught.value.reason == "invalid_data"
    assert "$.n: " in caught.value.message
    assert "$.l[1]: " in caught.value.message


def test_a_report_says_what_does_not_fit() -> None:
    result = checked({"data": {}, "schema": SCHEMA, "mode": "report"})
    assert not result.valid
    assert result.problems == (SchemaProblem(path="$", message='"n" is a required property'),)


def test_a_schema_that_is_none_is_found_when_it_is_read() -> None:
    with pytest.raises(ValidationError, match=r"\$\.type"):
        ValidateConfig.model_validate({"data": 1, "schema": {"type": "nope"}})
    with pytest.raises(ValidationError, match="no reference outside"):
        ValidateConfig.model_validate({"data": 1, "schema": {"$ref": "http://127.0.0.1/schema"}})


def test_conditions_need_something_to_decide() -> None:
    with pytest.raises(ValidationError, match="expected `conditions` or `cases`"):
        ConditionConfig.model_validate({"else": 1})


def test_every_standard_executor_is_found_by_its_name() -> None:
    executors = standard_executors()
    assert {executor.name for executor in STANDARD} <= set(executors.names())
    for executor in (executors.get(cls.name) for cls in STANDARD):
        assert executor.summary.endswith(".")
        fields = executor.config.model_fields.items()
        assert executor.raw <= {field.alias or name for name, field in fields}
