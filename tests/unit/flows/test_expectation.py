"""What a test of a flow expects, against how a run went."""

from typing import Any

import pytest

from quorate.flows.expectation import checked
from quorate.flows.outcome import FlowResult, Latency, RunStatus, StepError, StepOutcome, StepStatus

LATENCY = Latency(total_s=1, work_s=1, parallel_s=0, sequential_s=1, critical_path_s=1, speedup=1, steps={}, groups={})
ERROR = StepError(stage="b", code="timeout", message="late")
RESULT = FlowResult(
    run_id="run_1",
    flow="f",
    version="1.0.0",
    digest="d",
    status=RunStatus.PARTIAL,
    outputs={"answer": "forty two", "rows": [{"n": 1}, {"n": 2}], "on": True},
    errors=(ERROR,),
    steps={
        "a": StepOutcome(path="a", status=StepStatus.SUCCEEDED, output={"text": "hello"}),
        "b": StepOutcome(path="b", status=StepStatus.FAILED, error=ERROR, handled_by="continue"),
        "g/c": StepOutcome(path="g/c", status=StepStatus.SKIPPED, reason="no"),
    },
    latency=LATENCY,
    cost_microusd=0,
)


@pytest.mark.parametrize(
    "expect",
    [
        {"status": "partial"},
        {"outputs.answer": {"contains": "two", "matches": "^forty", "length": 9, "type": "string"}},
        {"outputs": {"rows": [{"n": 1}, {"n": 2}]}},
        {"outputs.rows.1.n": {"gt": 1, "gte": 2, "lt": 3, "lte": 2, "one_of": [2, 3], "equals": 2}},
        {"steps.a.text": "hello", "steps.a.success": True, "steps.c.skipped": True},
        {"skipped": ["c"], "failed": "b", "errors": ["b"]},
    ],
)
def test_what_is_so_passes(expect: dict[str, Any]) -> None:
    checks = checked(expect, RESULT)
    assert checks
    assert [check for check in checks if not check.passed] == []


@pytest.mark.parametrize(
    ("expect", "found"),
    [
        ({"status": "succeeded"}, "partial"),
        ({"outputs.answer": "forty"}, "forty two"),
        ({"outputs.anwser": "x"}, "nothing: no 'anwser'; did you mean 'answer'?"),
        ({"outputs.on": 1}, "true"),
        ({"outputs.rows": {"length": 3}}, "length 2"),
        ({"skipped": []}, "g/c"),
        ({"failed": ["a"]}, "b"),
    ],
)
def test_what_is_not_so_says_what_was_found(expect: dict[str, Any], found: str) -> None:
    (check,) = checked(expect, RESULT)
    assert (check.passed, check.found) == (False, found)
