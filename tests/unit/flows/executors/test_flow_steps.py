"""Steps that run flows: one by name, one that is chosen, several in a row."""

import asyncio
from typing import Any

import pytest
from pydantic import ValidationError

from flow_step import Flows, flow_result, flow_step
from quorate.flows.executor import StepRejected
from quorate.flows.executors.flow_executor import FlowExecutor, FlowExecutorConfig
from quorate.flows.executors.flow_pipeline import FlowPipelineConfig, FlowPipelineExecutor
from quorate.flows.executors.flow_router import FlowRouterConfig, FlowRouterExecutor
from quorate.flows.nested_flow import FlowFailed
from quorate.flows.outcome import RunStatus, StepError

OCR = flow_result("ocr", {"text": "words", "status": "scanned"})
PDF = flow_result("pdf", {"text": "letters"}, status=RunStatus.PARTIAL)
SUMMARY = flow_result("summary", {"summary": "short"})


def flows() -> Flows:
    return Flows(results={"ocr": OCR, "pdf": PDF, "summary": SUMMARY})


def test_the_outputs_of_a_flow_lie_open() -> None:
    known = flows()
    config = FlowExecutorConfig.model_validate({"flow_name": "ocr", "inputs": {"file": 1}, "flow_version": "1.2.0"})
    found = asyncio.run(FlowExecutor().run(config, flow_step(flows=known)))
    assert isinstance(found, dict)
    assert (found["text"], found["flow"], found["run"], found["status"]) == ("words", "ocr", "run_1", "succeeded")
    assert found["outputs"]["status"] == "scanned"
    assert known.ran == [("ocr", "1.2.0", {"file": 1}, "step")]


@pytest.mark.parametrize(("retryable", "status"), [(True, RunStatus.FAILED), (False, RunStatus.CANCELLED)])
def test_a_flow_that_failed_fails_the_step(retryable: bool, status: RunStatus) -> None:
    error = StepError(stage="scan", code="c", message="no light", hint="turn it on", retryable=retryable)
    known = Flows(results={"ocr": flow_result("ocr", status=status, errors=[error])})
    with pytest.raises(FlowFailed, match=r"'ocr' ended as .*: scan: no light") as caught:
        asyncio.run(FlowExecutor().run(FlowExecutorConfig(flow_name="ocr"), flow_step(flows=known)))
    assert (caught.value.retryable, caught.value.hint) == (retryable, "turn it on")


def routed(config: dict[str, Any], **inputs: Any) -> str:
    step = flow_step(flows=flows(), scope={"inputs": inputs})
    found = asyncio.run(FlowRouterExecutor().run(FlowRouterConfig.model_validate(config), step))
    assert isinstance(found, dict)
    return found["flow"]


ROUTES = [
    {"when": "{{ inputs.kind == 'image' }}", "flow_name": "ocr"},
    {"when": "inputs.kind == 'pdf'", "flow": "pdf"},
]


def test_the_first_way_that_holds_is_taken() -> None:
    assert routed({"routes": ROUTES}, kind="image") == "ocr"
    assert routed({"routes": ROUTES}, kind="pdf") == "pdf"
    assert routed({"routes": [*ROUTES, {"flow": "summary"}]}, kind="other") == "summary"
    assert routed({"routes": ROUTES, "default": "summary"}, kind="other") == "summary"


def test_no_way_is_told() -> None:
    with pytest.raises(StepRejected, match="no route holds"):
        routed({"routes": ROUTES}, kind="other")


def test_a_name_from_data_is_one_of_those_allowed() -> None:
    assert routed({"flow_name": "pdf", "allow": ["pdf", "ocr"]}) == "pdf"
    assert routed({"flow_name": "secret", "allow": ["pdf"], "default": "ocr"}) == "ocr"
    with pytest.raises(StepRejected, match="'secret' is not one of those allowed: pdf"):
        routed({"flow_name": "secret", "allow": ["pdf"]})


@pytest.mark.parametrize(
    "config", [{}, {"flow_name": "a"}, {"routes": [{"flow": "a"}], "flow_name": "a", "allow": ["a"]}]
)
def test_a_router_chooses_in_one_way(config: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        FlowRouterConfig.model_validate(config)


def test_the_outputs_of_one_flow_are_the_inputs_of_the_next() -> None:
    known = flows()
    config = FlowPipelineConfig.model_validate({"flows": ["pdf", "summary"], "inputs": {"file": 1}})
    found = asyncio.run(FlowPipelineExecutor().run(config, flow_step(flows=known)))
    assert isinstance(found, dict)
    assert known.ran == [("pdf", None, {"file": 1}, "step[0]"), ("summary", None, {"text": "letters"}, "step[1]")]
    assert (found["summary"], found["status"]) == ("short", "partial")
    assert [each["flow"] for each in found["stages"]] == ["pdf", "summary"]


def test_outputs_can_be_given_other_names() -> None:
    known = flows()
    stages = ["ocr", {"flow": "summary", "map": {"document": "text"}, "inputs": {"words": 5}}]
    asyncio.run(
        FlowPipelineExecutor().run(FlowPipelineConfig.model_validate({"flows": stages}), flow_step(flows=known))
    )
    assert known.ran[1][2] == {"document": "words", "words": 5}
    stages[1] = {"flow": "summary", "map": {"document": "txt"}}
    with pytest.raises(StepRejected, match="before 'summary' has no output 'txt'"):
        asyncio.run(
            FlowPipelineExecutor().run(FlowPipelineConfig.model_validate({"flows": stages}), flow_step(flows=flows()))
        )
