"""Flows in the words in which they were asked for run as they stand, once they are told what comes into them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pages
from flow_house import flow_house
from flow_samples import COMPOSITION, CONDITIONS, FUNCTIONS, PARALLEL
from quorate.core.errors import Overloaded
from quorate.flows.executor import Executor, StepContext
from quorate.flows.outcome import RunStatus, StepStatus
from quorate.source.section import Section
from written_documents import write_pdf

EXAMPLES = pages.ROOT / "examples/flows"
FILE = "inputs: {file: {type: file, required: true}}\n"
OVERLOADED = 2


class Generic(Executor[Section, dict[str, Any]]):
    """Stands for an executor of somebody else's: it reads the file of the flow, once it has been asked often enough."""

    name = "generic_processor"
    summary = "Reads any file."
    config = Section
    result = dict
    open_result = True

    def __init__(self) -> None:
        self.asked = 0

    async def run(self, config: Section, step: StepContext) -> dict[str, Any]:
        del config
        self.asked += 1
        if self.asked <= OVERLOADED:
            raise Overloaded("come back later")
        return {"text": f"{step.scope['inputs']['file']['size']} bytes"}


def folder_with(tmp_path: Path, flows: Mapping[str, str]) -> Path:
    folder = tmp_path / "flows"
    folder.mkdir()
    for name, text in flows.items():
        (folder / f"{name}.yaml").write_text(text)
    return folder


async def test_flows_are_composed(tmp_path: Path, tesseract: str) -> None:
    children = {name: (EXAMPLES / name / "flow.yaml").read_text() for name in ("document_analysis", "ocr_analysis")}
    folder = folder_with(tmp_path, {**children, "composed": FILE + COMPOSITION})
    contract = write_pdf(tmp_path / "contract.pdf", ["Between Alder Ltd and Birch GmbH"])
    async with flow_house(folder, tmp_path / "kept", answers={"Sum the text up": "A contract."}) as house:
        result = await house.run("complex_analysis", {}, files={"file": contract})
    assert result.steps["document_analysis"].output["summary"] == "A contract."
    assert result.steps["document_analysis/summarise"].status is StepStatus.SUCCEEDED
    assert result.simulated
    # A PDF that was not scanned has no picture to read, and nothing in the flow says that this is no failure.
    assert (result.status, result.errors[0].stage, result.errors[0].code) == (
        RunStatus.FAILED,
        "ocr_analysis/read",
        "no_text",
    )


async def test_conditions_choose_who_reads(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, {"triage": "name: triage\n" + FILE + CONDITIONS})
    contract = write_pdf(tmp_path / "contract.pdf", ["Between Alder Ltd and Birch GmbH"])
    archive = tmp_path / "notes.txt"
    archive.write_text("Notes")
    generic = Generic()
    async with flow_house(folder, tmp_path / "kept", executors=[(generic.name, generic)]) as house:
        of_pdf = await house.run("triage", {}, files={"file": contract})
        of_text = await house.run("triage", {}, files={"file": archive})
    assert (of_pdf.status, of_text.status) == (RunStatus.SUCCEEDED, RunStatus.SUCCEEDED)
    assert "Alder" in of_pdf.steps["process_pdf"].output["text"]
    assert of_pdf.steps["fallback_processing"].status is StepStatus.SKIPPED
    assert of_text.steps["process_pdf"].status is StepStatus.SKIPPED
    fallback = of_text.steps["fallback_processing"]
    assert (fallback.output, fallback.attempts) == ({"text": "5 bytes"}, OVERLOADED + 1)


async def test_a_parallel_group_is_waited_for(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, {"parallel": "name: parallel\n" + FILE + PARALLEL})
    letter = tmp_path / "letter.txt"
    letter.write_text("The stairs are lovely.")
    answers = {"analyze sentiment": "positive", "extract entities": "stairs"}
    async with flow_house(folder, tmp_path / "kept", answers=answers) as house:
        result = await house.run("parallel", {}, files={"file": letter})
    assert (result.status, result.errors) == (RunStatus.SUCCEEDED, ())
    combined = result.steps["combine_analysis"].output
    assert "positive" in str(combined)
    assert "stairs" in str(combined)
    began = result.steps["combine_analysis"].started_s
    for name in ("analyze_sentiment", "extract_entities"):
        each = result.steps[name]
        assert began >= each.started_s + each.latency_s


async def test_functions_in_python_are_used_in_steps(tmp_path: Path) -> None:
    inputs = "inputs: {text: {type: string, required: true}, amount: {type: number, default: 12.5}}\n"
    folder = folder_with(tmp_path, {"functions": "name: functions\n" + inputs + FUNCTIONS})
    answers = {"$12.50 USD": "It is worth that."}
    async with flow_house(folder, tmp_path / "kept", answers=answers) as house:
        result = await house.run("functions", {"text": "the lovely stairs"})
    assert (result.status, result.errors) == (RunStatus.SUCCEEDED, ())
    assert result.steps["process_text"].output["text"] == "It is worth that."
