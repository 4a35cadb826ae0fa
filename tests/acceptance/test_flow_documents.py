"""Flows over real documents: a contract that is a PDF, a scan of one, a photo of a receipt."""

from pathlib import Path

import pages
from flow_house import flow_house
from quorate.flows.outcome import FlowResult, RunStatus, StepStatus
from written_documents import drawn_text, write_pdf

FOLDER = pages.ROOT / "examples/flows"
CONTRACT = """Agreement between Alder Ltd (the buyer) and Birch GmbH (the seller).
It begins on 2026-01-01 and has no end.
Birch GmbH is liable without any limit."""
ANSWERS = {
    "Name the parties": '[{"name": "Alder Ltd", "role": "buyer"}, {"name": "Birch GmbH", "role": "seller"}]',
    "begin and end": '{"begins": "2026-01-01", "ends": null}',
    "List the risks": '[{"risk": "late delivery", "level": 2}, {"risk": "no cap on liability", "level": 5}]',
}


def assert_analysed(result: FlowResult) -> None:
    assert [party["name"] for party in result.outputs["parties"]] == ["Alder Ltd", "Birch GmbH"]
    assert result.outputs["dates"] == {"begins": "2026-01-01", "ends": None}
    report = result.outputs["report"]
    assert "Alder Ltd | buyer" in report
    assert report.index("no cap on liability") < report.index("late delivery")


async def test_a_contract_as_a_pdf_is_analysed(tmp_path: Path) -> None:
    contract = write_pdf(tmp_path / "contract.pdf", [CONTRACT, "Page two: late delivery costs nothing."])
    async with flow_house(FOLDER, tmp_path / "kept", answers=ANSWERS) as house:
        result = await house.run("contract_analysis", {}, files={"file": contract})
    assert (result.status, result.errors) == (RunStatus.SUCCEEDED, ())
    text = result.steps["extract"].output["text"]
    assert "Birch GmbH is liable without any limit." in text
    assert "Page two" in text
    assert_analysed(result)


async def test_a_contract_that_is_a_scan_is_analysed(tmp_path: Path, tesseract: str) -> None:
    contract = tmp_path / "scan.pdf"
    drawn_text(["Agreement between Alder Ltd", "and Birch GmbH"], angle=1.5, noise=0.005).save(contract, resolution=200)
    async with flow_house(FOLDER, tmp_path / "kept", answers=ANSWERS) as house:
        result = await house.run("contract_analysis", {}, files={"file": contract})
    assert (result.status, result.errors) == (RunStatus.SUCCEEDED, ())
    assert "Alder Ltd" in result.steps["extract"].output["text"]
    assert "Birch" in result.steps["extract"].output["text"]
    assert_analysed(result)


async def test_a_noisy_photo_of_a_receipt_is_read_and_added_up(tmp_path: Path, tesseract: str) -> None:
    receipt = tmp_path / "receipt.png"
    drawn_text(["TEA 2.50", "BREAD 3.20", "TOTAL 5.70"], angle=2, noise=0.01).save(receipt)
    answers = {
        "BREAD 3.20": '{"items": [{"name": "tea", "price": 2.5}, {"name": "bread", "price": 3.2}], "total": 5.7}',
    }
    async with flow_house(FOLDER, tmp_path / "kept", answers=answers) as house:
        result = await house.run("receipt_ocr", {}, files={"image": receipt})
    assert (result.status, result.errors) == (RunStatus.SUCCEEDED, ())
    scan = result.steps["scan"].output
    assert "TOTAL 5.70" in scan["text"]
    assert scan["confidence"] > 0.6
    assert (result.outputs["total"], result.outputs["adds_up"], result.outputs["verdict"]) == (5.7, True, "book")


async def test_who_reads_a_file_depends_on_what_it_is(tmp_path: Path, tesseract: str) -> None:
    files = {
        "pdf": write_pdf(tmp_path / "contract.pdf", [CONTRACT]),
        "image": tmp_path / "scan.png",
        "text": tmp_path / "letter.txt",
    }
    drawn_text(["Agreement between Alder Ltd", "and Birch GmbH"], angle=-1.5, noise=0.005).save(files["image"])
    files["text"].write_text(CONTRACT)
    readers = ("process_pdf", "process_image", "fallback_processing")
    read_by: dict[str, str] = {}
    async with flow_house(FOLDER, tmp_path / "kept", answers={"kind of document": '"contract"'}) as house:
        for file in files.values():
            result = await house.run("document_triage", {}, files={"file": file})
            assert (result.status, result.errors, result.outputs["kind"]) == (RunStatus.SUCCEEDED, (), "contract")
            assert "Alder Ltd" in result.outputs["text"]
            done = [name for name in readers if result.steps[name].status is StepStatus.SUCCEEDED]
            read_by[result.outputs["file_type"]] = ",".join(done)
    assert read_by == {"pdf": "process_pdf", "image": "process_image", "text": "fallback_processing"}


async def test_a_flow_of_flows_looks_at_one_file_in_two_ways(tmp_path: Path, tesseract: str) -> None:
    letter = pages.ROOT / "examples/flows/complex_analysis/fixtures/letter.txt"
    scan = tmp_path / "scan.png"
    drawn_text(["BACK DOOR"]).save(scan)
    async with flow_house(FOLDER, tmp_path / "kept", answers={"Sum the text up": "A letter."}) as house:
        of_letter = await house.run("complex_analysis", {}, files={"file": letter})
        of_scan = await house.run("complex_analysis", {}, files={"file": scan})
    assert (of_letter.status, [error.stage.split("/")[0] for error in of_letter.errors]) == (
        RunStatus.PARTIAL,
        ["ocr_analysis"],
    )
    assert of_letter.outputs["result"]["document_analysis"]["summary"] == "A letter."
    assert of_letter.outputs["read_by"] == ["document_analysis"]
    assert of_scan.status is RunStatus.PARTIAL
    assert of_scan.outputs["read_by"] == ["ocr_analysis"]
    assert of_scan.outputs["result"]["ocr_analysis"]["text"].strip() == "BACK DOOR"
