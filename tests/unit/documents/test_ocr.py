"""Words in pictures, with the real program: skipped where it is not."""

import asyncio
import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from document_workers import running_workers
from quorate.core.errors import Misconfigured
from quorate.documents.ocr import OcrOptions, read_words
from quorate.documents.rejected import DocumentRejected, Reason
from quorate.documents.workers import DocumentWorkers
from written_documents import drawn_text, write_pdf

LINES = ["Invoice number 48213", "Total amount 199 euro", "Please pay within thirty days"]


@pytest.fixture(scope="module")
def workers() -> Iterator[DocumentWorkers]:
    with running_workers() as running:
        yield running


async def test_a_page_that_is_turned_a_little_and_has_specks(
    tmp_path: Path, workers: DocumentWorkers, tesseract: str
) -> None:
    drawn_text(LINES, angle=1.0, noise=0.003).save(tmp_path / "scan.png")
    read = await read_words(tmp_path / "scan.png", OcrOptions(program=tesseract), workers=workers)
    assert read.text.splitlines() == LINES
    assert read.confidence > 0.8
    assert [word.text for word in read.words if word.line == 2] == ["Total", "amount", "199", "euro"]


async def test_a_scan_of_16_bits(tmp_path: Path, workers: DocumentWorkers, tesseract: str) -> None:
    drawn = drawn_text(LINES[:1]).convert("F")
    Image.fromarray((np.asarray(drawn) * 257).astype(np.uint16)).save(tmp_path / "a.png")
    read = await read_words(tmp_path / "a.png", OcrOptions(program=tesseract), workers=workers)
    assert read.text == LINES[0]


async def test_boxes_are_where_the_words_are(tmp_path: Path, workers: DocumentWorkers, tesseract: str) -> None:
    drawn_text(LINES).save(tmp_path / "a.png")
    read = await read_words(tmp_path / "a.png", OcrOptions(program=tesseract), workers=workers)
    first, last = read.words[0], read.words[-1]
    assert (first.page, first.line, last.line) == (1, 1, 3)
    assert 70 <= first.left <= 95
    assert 55 <= first.top <= 80
    assert last.top > first.top + 150


async def test_every_picture_of_a_tiff(tmp_path: Path, workers: DocumentWorkers, tesseract: str) -> None:
    first, second = drawn_text(["Page one here"]), drawn_text(["Page two here"])
    first.save(tmp_path / "a.tiff", save_all=True, append_images=[second])
    read = await read_words(tmp_path / "a.tiff", OcrOptions(program=tesseract), workers=workers)
    assert [(page.number, page.text) for page in read.pages] == [(1, "Page one here"), (2, "Page two here")]
    second_only = await read_words(tmp_path / "a.tiff", OcrOptions(program=tesseract, pages=[2]), workers=workers)
    assert second_only.text == "Page two here"
    capped = await read_words(tmp_path / "a.tiff", OcrOptions(program=tesseract, max_pages=1), workers=workers)
    assert (capped.text, capped.warnings) == ("Page one here", ["pages: only the first 1 were read"])


async def test_a_scanned_pdf(tmp_path: Path, workers: DocumentWorkers, tesseract: str) -> None:
    first, second = drawn_text(LINES[:1]), drawn_text(LINES[1:2])
    first.save(tmp_path / "scan.pdf", save_all=True, append_images=[second])
    read = await read_words(tmp_path / "scan.pdf", OcrOptions(program=tesseract), workers=workers)
    assert read.text == f"{LINES[0]}\n\n{LINES[1]}"


async def test_uncertain_words_are_left_out(tmp_path: Path, workers: DocumentWorkers, tesseract: str) -> None:
    drawn_text(LINES[:1]).save(tmp_path / "a.png")
    read = await read_words(tmp_path / "a.png", OcrOptions(program=tesseract, min_confidence=1), workers=workers)
    assert (read.text, read.words, read.confidence) == ("", [], 0.0)


@pytest.mark.parametrize("language", ["xyz", "../../x", "eng; true"])
async def test_a_language_that_is_not_there(
    tmp_path: Path, workers: DocumentWorkers, tesseract: str, language: str
) -> None:
    Image.new("L", (50, 50)).save(tmp_path / "a.png")
    with pytest.raises(DocumentRejected, match=r"installed are .*eng") as caught:
        await read_words(
            tmp_path / "a.png", OcrOptions(program=tesseract, languages=["eng", language]), workers=workers
        )
    assert caught.value.reason is Reason.LANGUAGE
    assert "apt-get install tesseract-ocr-" in caught.value.hint


def names_of_running_programs() -> list[str]:
    found: list[str] = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
    return found


async def test_a_picture_that_takes_too_long_leaves_no_program_behind(
    tmp_path: Path, workers: DocumentWorkers, tesseract: str
) -> None:
    Image.effect_noise((4000, 4000), 120).save(tmp_path / "a.png", dpi=(417, 417))  # by which it is known again
    with pytest.raises(DocumentRejected) as caught:
        await read_words(tmp_path / "a.png", OcrOptions(program=tesseract), workers=workers, timeout_s=2.5)
    assert caught.value.reason is Reason.TIMEOUT
    deadline = time.monotonic() + 10
    while any("--dpi 417" in name for name in await asyncio.to_thread(names_of_running_programs)):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


async def test_a_pdf_without_pictures(tmp_path: Path, workers: DocumentWorkers, tesseract: str) -> None:
    path = write_pdf(tmp_path / "a.pdf", ["text"])
    with pytest.raises(DocumentRejected) as caught:
        await read_words(path, OcrOptions(program=tesseract), workers=workers)
    assert caught.value.reason is Reason.NO_TEXT


async def test_without_the_program_the_error_says_how_to_get_it(tmp_path: Path, workers: DocumentWorkers) -> None:
    Image.new("L", (50, 50)).save(tmp_path / "a.png")
    with pytest.raises(Misconfigured, match="apt-get install tesseract-ocr"):
        await read_words(tmp_path / "a.png", OcrOptions(program="no-such-program"), workers=workers)


async def test_what_is_no_picture(tmp_path: Path, workers: DocumentWorkers, tesseract: str) -> None:
    (tmp_path / "a.txt").write_text("plain words")
    with pytest.raises(DocumentRejected, match="the file is text"):
        await read_words(tmp_path / "a.txt", OcrOptions(program=tesseract), workers=workers)
