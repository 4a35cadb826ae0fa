"""Tests that are written in flows: what they expect, what they may do, what they tell."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from quorate.config import build, settings_from_text
from quorate.config.flows_setup import open_flows
from quorate.core.clock import SystemClock
from quorate.flows.expectation import OPERATORS, checked
from quorate.flows.flow_tests import FlowTestReport, FlowTests
from quorate.flows.outcome import FlowResult, Latency, RunStatus, StepError, StepOutcome, StepStatus

NO_TIME = Latency(total_s=0, work_s=0, parallel_s=0, sequential_s=0, critical_path_s=0, speedup=1, steps={}, groups={})
MODELS = """
webhooks: {desk: {url: 'http://127.0.0.1:1/'}}
version: 1
providers: {up: {base_url: 'http://127.0.0.1:1/v1', api_key: file:/nowhere}}
models:
  quick: {type: simulated, time_scale: 0}
  real: {provider: up, model: m}
  pair: {type: ensemble, members: [quick, real]}
flows: {files: FILES}
"""


def outcome(path: str, output: Any = None, status: StepStatus = StepStatus.SUCCEEDED, code: str = "") -> StepOutcome:
    error = StepError(stage=path, code=code, message="no") if code else None
    return StepOutcome(path=path, status=status, output=output, error=error)


RESULT = FlowResult(
    run_id="run_1",
    flow="demo",
    version="1.0.0",
    digest="d",
    status=RunStatus.PARTIAL,
    outputs={"text": "Painting", "n": 3, "ok": True, "deep": {"list": [{"a": 1}, None]}},
    errors=(StepError(stage="plays", code="mocked", message="no"),),
    steps={
        each.path: each
        for each in (
            outcome("summary", {"text": "short"}),
            outcome("plays", code="mocked", status=StepStatus.FAILED),
            outcome("route/review", status=StepStatus.SKIPPED),
            outcome("each[0]", "x"),
        )
    },
    latency=NO_TIME,
    cost_microusd=0,
)


@pytest.mark.parametrize(
    "expect",
    [
        {"status": "partial"},
        {"status": {"one_of": ["partial", "succeeded"]}},
        {"outputs.text": "Painting"},
        {"outputs.text": {"contains": "aint", "matches": "^P", "length": 8, "type": "string"}},
        {"outputs.n": {"gt": 2, "gte": 3, "lt": 3.5, "lte": 3, "type": "number", "equals": 3.0}},
        {"outputs.deep.list.0.a": 1},
        {"outputs.deep": {"list": [{"a": 1}, None]}},
        {"outputs": {"n": 3, "ok": True}},
        {"outputs.deep": {"contains": "list"}},
        {"outputs.deep.list": {"contains": {"a": 1}, "length": 2}},
        {"steps.summary.text": "short"},
        {"steps.plays.success": False, "steps.plays.error.code": "mocked"},
        {"steps.review.skipped": True},
        {"steps": {"summary": {"contains": {"text": "short"}}}},
        {"skipped": ["review"], "failed": "plays", "errors": ["plays"]},
    ],
)
def test_what_is_as_expected_passes(expect: dict[str, Any]) -> None:
    assert [check for check in checked(expect, RESULT) if not check.passed] == []


@pytest.mark.parametrize(
    ("expect", "found"),
    [
        ({"status": "succeeded"}, "partial"),
        ({"outputs.text": "painting"}, "Painting"),
        ({"outputs.ok": 1}, "true"),
        ({"outputs.n": True}, "3"),
        ({"outputs.nn": 3}, "nothing: no 'nn'; did you mean 'n'?"),
        ({"outputs.text.size": 3}, "nothing: no 'size' in string"),
        ({"outputs.deep.list.7": 3}, "nothing: no '7' in array"),
        ({"outputs.text": {"gt": 2}}, "Painting"),
        ({"outputs.text": {"matches": "("}}, "Painting"),
        ({"outputs.text": {"length": 2}}, "length 8"),
        ({"outputs.n": {"type": "string"}}, "integer"),
        ({"skipped": []}, "route/review"),
        ({"failed": ["summary"]}, "plays"),
        ({"steps.plays.text": "x"}, "nothing: no 'text' in object"),
    ],
)
def test_what_is_not_says_what_was_found(expect: dict[str, Any], found: str) -> None:
    [check] = checked(expect, RESULT)
    assert (check.passed, check.found) == (False, found)


def test_every_operator_is_told_in_the_reference() -> None:
    page = (Path(__file__).parents[3] / "docs/howto/write-a-flow.md").read_text()
    assert [name for name in OPERATORS if f"`{name}`" not in page] == []


def reports_of(folder: Path, text: str, *, live: bool = False) -> list[FlowTestReport]:
    """Runs the tests of one flow."""
    flows = folder / "flows"
    flows.mkdir(exist_ok=True)
    (flows / "demo.yaml").write_text(text)
    settings = settings_from_text(MODELS.replace("FILES", str(folder / "files")))
    built = build(settings)
    opened = open_flows(built, SystemClock(), folder=flows, durable=False)
    assert opened.book.problems() == ()

    tests = FlowTests(opened, live=live)

    async def run() -> list[FlowTestReport]:
        try:
            return list(await tests.run_all(opened.plan("demo")))
        finally:
            await opened.close()
            await built.close()

    return asyncio.run(run())


def failures(report: FlowTestReport) -> Iterator[str]:
    yield from (error.code for error in (report.result.errors if report.result else ()))


def asking(model: str) -> str:
    return f"""
steps: [{{name: a, executor: llm, config: {{model: '{model}', prompt: hi}}}}]
tests: [{{name: t}}]
"""


def test_simulated_models_answer(tmp_path: Path) -> None:
    [report] = reports_of(tmp_path, asking("quick"))
    assert report.passed, report


@pytest.mark.parametrize("model", ["real", "pair", "up:any"])
def test_real_models_are_not_asked(tmp_path: Path, model: str) -> None:
    [report] = reports_of(tmp_path, asking(model))
    assert not report.passed
    assert list(failures(report)) == ["not_in_a_test"]


def test_a_live_test_asks_them(tmp_path: Path) -> None:
    [report] = reports_of(tmp_path, asking("real"), live=True)
    assert list(failures(report)) != ["not_in_a_test"]  # its key is not there, and that is what it says


@pytest.mark.parametrize(
    "step",
    [
        "{name: a, executor: http, config: {url: 'http://127.0.0.1:1/'}}",
        "{name: a, executor: prompt, config: {prompt: any}}",
        "{name: a, executor: webhook, config: {webhook: desk}}",
    ],
)
def test_nothing_goes_out(tmp_path: Path, step: str) -> None:
    [report] = reports_of(tmp_path, f"steps: [{step}]\ntests: [{{name: t}}]\n")
    assert list(failures(report)) == ["not_in_a_test"]


def test_a_wait_takes_no_time(tmp_path: Path) -> None:
    text = "steps: [{name: a, executor: wait, config: {seconds: 7d}}]\ntests: [{name: t}]\n"
    [report] = reports_of(tmp_path, text)
    assert report.passed
    assert report.duration_s < 30


def test_files_are_read_from_beside_the_flow(tmp_path: Path) -> None:
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "letter.txt").write_text("Dear neighbours")
    text = """
inputs: {file: {type: file, required: true}}
outputs: {kind: "{{ steps.kind.file_type }}", size: "{{ inputs.file.size }}"}
steps: [{name: kind, executor: file_type, config: {source: "{{ inputs.file }}"}}]
tests:
  - {name: there, inputs: {file: letter.txt}, expect: {status: succeeded, outputs.kind: text, outputs.size: 15}}
  - {name: gone, inputs: {file: other.txt}}
"""
    there, gone = reports_of(tmp_path, text)
    assert there.passed, there
    assert "other.txt' cannot be read: No such file" in gone.error
    assert list((tmp_path / "files").iterdir()) == []


def test_a_report_is_plain_json(tmp_path: Path) -> None:
    text = """
outputs: {n: 1}
steps: [{name: a, executor: transform, config: {value: 1}}]
tests: [{name: t, expect: {outputs.n: 2, status: succeeded}}]
"""
    [report] = reports_of(tmp_path, text)
    found = report.to_dict()
    assert not found["passed"]
    assert found["checks"][0] == {"what": "outputs.n", "expected": "2", "found": "1", "passed": False}
