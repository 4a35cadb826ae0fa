"""Documents are sent to a gateway in its own process as forms: what stands in them comes out of the flows."""

import re
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import httpx2
import pytest

import pages
from reading_model import reading_model
from serving_process import client_of, serving
from written_documents import drawn_text, encrypted_pdf, write_pdf

pytestmark = pytest.mark.subprocess
EXAMPLES = pages.ROOT / "examples/flows"
CONFIG = """
version: 1
providers:
  reader: {{ type: openai, base_url: "{url}", api_key: env:READER_KEY }}
models:
  sim-delta: {{ provider: reader, model: reader }}
  sim-cedar: {{ provider: reader, model: reader }}
  sim-ember: {{ provider: reader, model: reader }}
flows: {{ folder: flows, files: files }}
"""
CONTRACT = (
    "Agreement on deliveries\n1. Parties\nBuyer: Alder Ltd.\nSeller: Birch GmbH.\n2. Term\nIt begins on 2026-01-01.",
    "3. Delivery\nRisk: late delivery costs nothing.\n4. Price\nThe price is 90,000 EUR a year.",
    "5. Liability\nRisk: liability without any cap.\n6. Law\nThe law of Ruritania holds.",
)


def read(text: str) -> str:
    """What a careful reader says of a contract or a receipt: nothing that does not stand there."""
    document = text.replace("\\n", "\n")
    if "Name the parties" in text:
        found = re.findall(r"(Buyer|Seller): ([A-Z]\w+ \w+)", document)
        named = ", ".join(f'{{"name": "{name}", "role": "{role.lower()}"}}' for role, name in found)
        return f"[{named}]"
    if "begin and end" in text:
        return f'{{"begins": "{re.findall(r"begins on ([0-9-]+)", document)[-1]}", "ends": null}}'
    if "List the risks" in text:
        found = re.findall(r"Risk: ([a-z ]+)", document)
        listed = ", ".join(f'{{"risk": "{risk}", "level": {level}}}' for level, risk in enumerate(found, 1))
        return f"[{listed}]"
    items = [each for each in re.findall(r"([A-Z]{3,}) ([0-9]+\.[0-9]{2})", document) if each[0] != "TOTAL"]
    bought = ", ".join(f'{{"name": "{name.lower()}", "price": {price}}}' for name, price in items)
    return f'{{"items": [{bought}], "total": {re.findall(r"TOTAL ([0-9.]+)", document)[-1]}}}'


@contextmanager
def served(folder: Path) -> Generator[httpx2.Client]:
    """The example flows, served; when it ends, nothing but whole files of runs may be left."""
    shutil.copytree(EXAMPLES, folder / "flows")
    spare = folder / "spare"
    spare.mkdir()
    with reading_model(read) as url:
        (folder / "quorate.yaml").write_text(CONFIG.format(url=url))
        with serving(folder, READER_KEY="a-key", TMPDIR=str(spare)) as (_, told), client_of(told) as client:
            yield client
    assert [path.name for path in spare.rglob("*")] == []
    assert [path.name for path in (folder / "files").rglob(".part-*")] == []


def files_of_runs(folder: Path) -> list[Path]:
    return [path for path in (folder / "files").rglob("*") if path.is_file()]


@pytest.mark.parametrize("path", ["/api/v1/contract-analysis/execute", "/api/v1/flows/contract_analysis/run"])
def test_a_contract_of_several_pages_is_analysed(tmp_path: Path, path: str) -> None:
    contract = write_pdf(tmp_path / "contract.pdf", CONTRACT).read_bytes()
    with served(tmp_path) as client:
        answer = client.post(
            path,
            params={"include": "steps"},
            files={"file": ("contract.pdf", contract, "application/pdf")},
            data={"currency": "USD"},
        )
        run = answer.json()
        assert (answer.status_code, run["status"], run["errors"]) == (200, "succeeded", [])
        outputs = run["outputs"]
        assert outputs["parties"] == [{"name": "Alder Ltd", "role": "buyer"}, {"name": "Birch GmbH", "role": "seller"}]
        assert outputs["dates"] == {"begins": "2026-01-01", "ends": None}
        assert [risk["risk"] for risk in outputs["risks"]] == [
            "late delivery costs nothing",
            "liability without any cap",
        ]
        assert outputs["report"].index("without any cap") < outputs["report"].index("costs nothing")
        text = run["steps"]["extract"]["output"]["text"]
        assert [text.count(f"{clause}. ") for clause in range(1, 7)] == [1] * 6
        assert [page["number"] for page in run["steps"]["extract"]["output"]["pages"]] == [1, 2, 3]


@pytest.mark.parametrize("path", ["/api/v1/ocr-analysis/execute", "/api/v1/flows/ocr_analysis/run"])
def test_the_words_of_a_scan_are_read(tmp_path: Path, path: str, tesseract: str) -> None:
    scan = BytesIO()
    drawn_text(["BACK DOOR", "KEEP CLEAR AT NIGHT"], angle=1.5, noise=0.005).save(scan, "PNG")
    with served(tmp_path) as client:
        answer = client.post(path, files={"file": ("sign.png", scan.getvalue(), "image/png")})
        run = answer.json()
        assert (answer.status_code, run["status"], run["errors"]) == (200, "succeeded", [])
        assert "BACK DOOR" in run["outputs"]["text"]
        assert "KEEP CLEAR AT NIGHT" in run["outputs"]["text"]
        assert run["outputs"]["confidence"] > 0.6


def test_a_photo_of_a_receipt_is_added_up(tmp_path: Path, tesseract: str) -> None:
    photo = BytesIO()
    drawn_text(["TEA 2.50", "BREAD 3.20", "TOTAL 5.70"], angle=2, noise=0.01).save(photo, "PNG")
    with served(tmp_path) as client:
        answer = client.post("/api/v1/receipt-ocr/execute", files={"image": ("till.png", photo.getvalue())})
        run = answer.json()
        assert (answer.status_code, run["status"], run["errors"]) == (200, "succeeded", [])
        assert [item["name"] for item in run["outputs"]["items"]] == ["tea", "bread"]
        assert (run["outputs"]["total"], run["outputs"]["adds_up"], run["outputs"]["verdict"]) == (5.7, True, "book")


def test_files_that_cannot_be_read_are_told_so(tmp_path: Path) -> None:
    locked = encrypted_pdf(tmp_path / "locked.pdf", password="a word").read_bytes()
    with served(tmp_path) as client:
        path = "/api/v1/contract-analysis/execute"
        other = client.post(path, files={"file": ("contract.pdf", b"MZ\x90\x00 no contract", "application/pdf")})
        assert (other.status_code, other.json()["code"]) == (400, "invalid_inputs")
        assert "$.file" in other.json()["detail"]
        assert "accepted: application/pdf" in other.json()["detail"]
        assert files_of_runs(tmp_path) == []
        run = client.post(path, files={"file": ("contract.pdf", locked, "application/pdf")})
        assert (run.status_code, run.json()["status"]) == (200, "failed")
        error = run.json()["errors"][0]
        assert (error["stage"], error["code"]) == ("extract", "encrypted")
        assert "password" in error["message"] + error["hint"]
        assert run.json()["outputs"]["parties"] is None
