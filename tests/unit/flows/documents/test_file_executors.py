"""Steps that check files, read documents, change images and read pictures."""

import asyncio
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from PIL import Image
from pydantic import ValidationError
from pypdf import PdfReader, PdfWriter

from document_workers import running_workers
from file_steps import FileSteps
from quorate.core.errors import Misconfigured
from quorate.core.ids import RunId
from quorate.core.secret import Secret
from quorate.documents.workers import DocumentWorkers
from quorate.flows.executor import StepRejected
from quorate.flows.executors.document_extractor import DocumentExtractorExecutor
from quorate.flows.executors.file_handler import FileHandlerExecutor
from quorate.flows.executors.file_type import FileAnalyzerExecutor, FileTypeExecutor
from quorate.flows.executors.image_handler import ImageHandlerExecutor
from quorate.flows.executors.ocr_processor import OcrProcessorExecutor
from quorate.flows.executors.standard import STANDARD, standard_executors
from quorate.flows.registry import AnyExecutor
from quorate.source.described import described_schema
from written_documents import drawn_text, encrypted_pdf, write_docx, write_pdf


@pytest.fixture(scope="module")
def workers() -> Iterator[DocumentWorkers]:
    with running_workers() as running:
        yield running


@pytest.fixture
def steps(tmp_path: Path) -> FileSteps:
    return FileSteps(tmp_path / "files")


@pytest.fixture
def pdf(tmp_path: Path) -> Path:
    return write_pdf(tmp_path / "a.pdf", ["First page words.", "Second page words.", "Third."])


def png(width: int = 60, height: int = 30) -> bytes:
    content = io.BytesIO()
    Image.new("RGB", (width, height), "red").save(content, format="PNG")
    return content.getvalue()


def written_and_broken_scan(folder: Path) -> bytes:
    """A PDF with a page of text, and a page with a picture whose points are damaged."""
    writer = PdfWriter(clone_from=write_pdf(folder / "text.pdf", ["Words of page one."]))
    drawn_text(["Scanned words"]).save(folder / "scan.pdf")
    page = writer.add_page(PdfReader(folder / "scan.pdf").pages[0])
    picture = next(iter(cast("Any", page)["/Resources"]["/XObject"].values())).get_object()
    picture._data = b"\xff\xd8 no picture"
    content = io.BytesIO()
    writer.write(content)
    return content.getvalue()


def test_all_are_found_by_name() -> None:
    known = standard_executors()
    assert [known.get(kind.name).summary for kind in STANDARD]
    assert known.get("file_analyzer").result is known.get("file_type").result


@pytest.mark.parametrize(
    "kind",
    [DocumentExtractorExecutor, FileHandlerExecutor, ImageHandlerExecutor, OcrProcessorExecutor],
    ids=lambda kind: kind.name,
)
def test_configs_for_files_need_nothing(kind: type[AnyExecutor]) -> None:
    schema = described_schema(kind().config)
    assert schema["additionalProperties"] is False
    assert "required" not in schema
    assert all(entry.get("description") for entry in schema["properties"].values())


class TestFileHandler:
    async def test_a_file_that_fits_is_let_through(self, steps: FileSteps, pdf: Path) -> None:
        source = await steps.keep(pdf, name="../Contract 1.pdf")
        found = await steps.run(FileHandlerExecutor(), source=source, max_size="1 MB", allowed_formats=["pdf", "docx"])
        assert (found.name, found.file_type, found.extension) == ("Contract 1.pdf", "pdf", ".pdf")
        assert (await asyncio.to_thread(steps.content, found.file)).startswith(b"%PDF-")

    @pytest.mark.parametrize("allowed", ["pdf", ".pdf", "PDF", "application/pdf", "application/*", "*"])
    async def test_formats_as_people_write_them(self, steps: FileSteps, pdf: Path, allowed: str) -> None:
        source = await steps.keep(pdf, name="a.pdf")
        assert (
            await steps.run(FileHandlerExecutor(), source=source, allowed_types=["image/*", allowed])
        ).file_type == "pdf"

    @pytest.mark.parametrize(
        ("config", "code"),
        [
            ({"max_size": "1KB"}, "too_large"),
            ({"min_size": "1MiB"}, "too_small"),
            ({"allowed_extensions": [".docx", "png"]}, "unsupported_format"),
        ],
    )
    async def test_what_does_not_fit_is_refused(
        self, steps: FileSteps, pdf: Path, config: dict[str, object], code: str
    ) -> None:
        source = await steps.keep(pdf, name="a.pdf")
        with pytest.raises(StepRejected) as caught:
            await steps.run(FileHandlerExecutor(), source=source, **config)
        assert caught.value.reason == code
        assert "a.pdf" in caught.value.message

    async def test_empty_files_and_false_names_are_refused(self, steps: FileSteps) -> None:
        with pytest.raises(StepRejected) as caught:
            await steps.run(FileHandlerExecutor(), source=await steps.keep(b"", name="a.txt"))
        assert caught.value.reason == "too_small"
        disguised = await steps.keep(b"MZ\x90\x00", name="a.pdf")
        with pytest.raises(StepRejected, match=r"declared \.pdf but is executable") as caught:
            await steps.run(FileHandlerExecutor(), source=disguised)
        assert caught.value.reason == "mismatch"
        let_through = await steps.run(FileHandlerExecutor(), source=disguised, on_mismatch="accept")
        assert let_through.declared_mismatch

    @pytest.mark.parametrize("size", ["ten", "1TB", "-1"])
    async def test_sizes_that_are_none(self, steps: FileSteps, size: str) -> None:
        with pytest.raises(ValidationError):
            await steps.run(FileHandlerExecutor(), max_size=size)


class TestSource:
    async def test_the_only_file_among_the_inputs_is_found(self, steps: FileSteps, pdf: Path) -> None:
        steps.inputs = {"text": "x", "file": await steps.keep(pdf, name="a.pdf")}
        assert (await steps.run(FileAnalyzerExecutor())).file_type == "pdf"
        steps.inputs["other"] = steps.inputs["file"]
        with pytest.raises(StepRejected, match="the inputs hold 2 files") as caught:
            await steps.run(FileAnalyzerExecutor())
        assert "source:" in caught.value.hint

    async def test_the_result_of_a_file_handler_is_a_source(self, steps: FileSteps, pdf: Path) -> None:
        source = await steps.keep(pdf, name="a.pdf")
        assert (await steps.run(FileTypeExecutor(), source={"file": source, "name": "x"})).file_type == "pdf"

    async def test_a_file_of_another_run_is_not_there(self, steps: FileSteps, pdf: Path) -> None:
        theirs = await steps.keep(pdf, name="a.pdf", run=RunId("run_other"))
        with pytest.raises(StepRejected) as caught:
            await steps.run(FileTypeExecutor(), source=theirs)
        assert caught.value.reason == "file_missing"

    async def test_a_file_that_is_gone(self, steps: FileSteps, pdf: Path) -> None:
        source = await steps.keep(pdf, name="a.pdf")
        await steps.files.delete(steps.call.id)
        with pytest.raises(StepRejected, match="not there any more"):
            await steps.run(FileTypeExecutor(), source=source)

    @pytest.mark.parametrize("source", ["/etc/passwd", {"kind": "file", "sha256": 1}, 7, {"path": "x"}])
    async def test_what_is_no_file(self, steps: FileSteps, source: object) -> None:
        with pytest.raises(ValidationError, match="expected a file"):
            await steps.run(FileTypeExecutor(), source=source)


async def test_what_a_file_is(steps: FileSteps) -> None:
    found = await steps.run(FileTypeExecutor(), source=await steps.keep(png(), name="photo.pdf"))
    assert (found.file_type, found.media_type, found.extension) == ("image", "image/png", ".png")
    assert found.declared_mismatch == "declared .pdf but is image (image/png)"
    text = await steps.run(FileTypeExecutor(), source=await steps.keep("é".encode("utf-16"), name="a.txt"))
    assert (text.file_type, text.encoding, text.declared_mismatch) == ("text", "utf-16", "")


class TestDocumentExtractor:
    async def test_text_pages_and_chunks(self, steps: FileSteps, pdf: Path, workers: DocumentWorkers) -> None:
        read = await steps.run(
            DocumentExtractorExecutor(workers),
            source=await steps.keep(pdf, name="a.pdf"),
            pages="1-2",
            chunking={"size": 3, "overlap": 1, "by": "words"},
        )
        assert read.text == "First page words.\n\nSecond page words."
        assert [page.number for page in read.pages] == [1, 2]
        assert all(read.text[piece.start : piece.end] == piece.text for piece in read.chunks)
        assert (len(read.chunks), read.file_type, read.needs_ocr) == (3, "pdf", False)

    async def test_every_kind_of_office_file_is_read_without_an_extension(
        self, steps: FileSteps, tmp_path: Path, workers: DocumentWorkers
    ) -> None:
        source = await steps.keep(write_docx(tmp_path / "a.docx"), name="no extension")
        read = await steps.run(DocumentExtractorExecutor(workers), source=source, tables=False)
        assert (read.file_type, read.tables) == ("docx", [])
        assert "| item | price |" in read.text

    async def test_a_text_is_only_cut(self, steps: FileSteps, workers: DocumentWorkers) -> None:
        read = await steps.run(
            DocumentExtractorExecutor(workers), source="one two three", chunking={"size": 8, "overlap": 0}
        )
        assert [piece.text for piece in read.chunks] == ["one two ", "three"]

    async def test_a_password_is_the_name_of_a_secret(
        self, steps: FileSteps, tmp_path: Path, workers: DocumentWorkers
    ) -> None:
        source = await steps.keep(encrypted_pdf(tmp_path / "a", password="opens"), name="a.pdf")
        with pytest.raises(StepRejected) as caught:
            await steps.run(DocumentExtractorExecutor(workers), source=source)
        assert (caught.value.reason, "a.pdf" in caught.value.message) == ("encrypted", True)
        with pytest.raises(StepRejected, match="no secret 'PDF_KEY'"):
            await steps.run(DocumentExtractorExecutor(workers), source=source, password="PDF_KEY")
        steps.secrets = {"PDF_KEY": Secret("opens")}
        read = await steps.run(DocumentExtractorExecutor(workers), source=source, password="PDF_KEY")
        assert read.text == "a secret sentence"

    async def test_scanned_pages_are_read_as_pictures(
        self, steps: FileSteps, tmp_path: Path, workers: DocumentWorkers, tesseract: str
    ) -> None:
        drawn_text(["Scanned words here"]).save(tmp_path / "scan.pdf")
        source = await steps.keep(tmp_path / "scan.pdf", name="scan.pdf")
        read = await steps.run(DocumentExtractorExecutor(workers), source=source)
        assert (read.text, read.needs_ocr, read.pages[0].end) == ("Scanned words here", False, 18)
        assert read.warnings[0].startswith("ocr: 1 page(s)")
        unread = await steps.run(DocumentExtractorExecutor(workers), source=source, ocr="never")
        assert (unread.text, unread.needs_ocr) == ("", True)

    async def test_words_that_are_required_are_an_error_without_the_program(
        self, steps: FileSteps, tmp_path: Path, workers: DocumentWorkers, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        drawn_text(["Scanned words here"]).save(tmp_path / "scan.pdf")
        source = await steps.keep(tmp_path / "scan.pdf", name="scan.pdf")
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(Misconfigured, match="apt-get install tesseract-ocr"):
            await steps.run(DocumentExtractorExecutor(workers), source=source, ocr="require")
        read = await steps.run(DocumentExtractorExecutor(workers), source=source)
        assert (read.text, read.needs_ocr) == ("", True)
        assert "apt-get install tesseract-ocr" in read.warnings[-1]

    async def test_words_that_are_required_and_not_there_are_an_error(
        self, steps: FileSteps, tmp_path: Path, workers: DocumentWorkers, tesseract: str
    ) -> None:
        Image.new("L", (400, 300), "white").save(tmp_path / "blank.pdf")
        for source in (
            await steps.keep(tmp_path / "blank.pdf", name="blank.pdf"),
            await steps.keep(png(), name="red.png"),
            await steps.keep(b"  \n ", name="a.txt"),
        ):
            with pytest.raises(StepRejected) as caught:
                await steps.run(DocumentExtractorExecutor(workers), source=source, ocr="require")
            assert caught.value.reason == "no_text"
        written = await steps.keep(write_pdf(tmp_path / "b.pdf", ["Words."]), name="b.pdf")
        assert (await steps.run(DocumentExtractorExecutor(workers), source=written, ocr="require")).text == "Words."

    @pytest.mark.parametrize("languages", ["eng+xxx", "eng, xxx", ["eng", "xxx"]])
    async def test_languages_as_people_write_them(
        self, steps: FileSteps, tmp_path: Path, workers: DocumentWorkers, tesseract: str, languages: object
    ) -> None:
        drawn_text(["Scanned words here"]).save(tmp_path / "scan.pdf")
        source = await steps.keep(tmp_path / "scan.pdf", name="scan.pdf")
        with pytest.raises(StepRejected, match="no language 'xxx'"):
            await steps.run(DocumentExtractorExecutor(workers), source=source, languages=languages)

    async def test_a_picture_that_cannot_be_read_costs_no_text(
        self, steps: FileSteps, tmp_path: Path, workers: DocumentWorkers, tesseract: str
    ) -> None:
        source = await steps.keep(written_and_broken_scan(tmp_path), name="both.pdf")
        read = await steps.run(DocumentExtractorExecutor(workers), source=source)
        assert (read.text.strip(), read.needs_ocr) == ("Words of page one.", True)
        assert read.warnings[-1].startswith("ocr: ")
        with pytest.raises(StepRejected):
            await steps.run(DocumentExtractorExecutor(workers), source=source, ocr="require")

    @pytest.mark.parametrize("source", [{"a": 1}, 7, ["x"]])
    async def test_what_is_neither_a_file_nor_a_text(self, steps: FileSteps, source: object) -> None:
        with pytest.raises(ValidationError, match="expected a file or a text"):
            await steps.run(DocumentExtractorExecutor(), source=source)

    async def test_an_overlap_is_less_than_a_piece(self, steps: FileSteps) -> None:
        with pytest.raises(ValidationError, match="the overlap 5 must be less than the size 5"):
            await steps.run(DocumentExtractorExecutor(), source="x", chunking={"size": 5, "overlap": 5})

    @pytest.mark.parametrize("pages", ["3-1", "a", "0", [0], "1-99999"])
    async def test_pages_that_are_none(self, steps: FileSteps, pages: object) -> None:
        with pytest.raises(ValidationError):
            await steps.run(DocumentExtractorExecutor(), pages=pages)


class TestImageHandler:
    async def test_a_new_file_of_the_run(self, steps: FileSteps, workers: DocumentWorkers) -> None:
        source = await steps.keep(png(), name="photo.png")
        made = await steps.run(
            ImageHandlerExecutor(workers),
            source=source,
            operations=[{"type": "resize", "width": 30}, {"type": "grayscale"}],
            format="JPG",
            data_url=True,
        )
        assert (made.file.name, made.file.media_type, made.width, made.height) == ("photo.jpg", "image/jpeg", 30, 15)
        content = await asyncio.to_thread(steps.content, made.file)
        assert Image.open(io.BytesIO(content)).size == (30, 15)
        assert (made.data_url or "").startswith("data:image/jpeg;base64,")

    async def test_only_looked_at_it_stays_what_it_is(self, steps: FileSteps, workers: DocumentWorkers) -> None:
        source = await steps.keep(png(), name="photo.png")
        made = await steps.run(ImageHandlerExecutor(workers), source=source)
        assert (made.file.sha256, made.original_width, made.data_url) == (source["sha256"], 60, None)

    async def test_refusals_have_codes(self, steps: FileSteps, workers: DocumentWorkers) -> None:
        source = await steps.keep(b"plain words", name="photo.png")
        with pytest.raises(StepRejected) as caught:
            await steps.run(ImageHandlerExecutor(workers), source=source)
        assert caught.value.reason == "unsupported_format"
        source = await steps.keep(png(), name="photo.png")
        with pytest.raises(StepRejected) as caught:
            await steps.run(ImageHandlerExecutor(workers), source=source, data_url=True, max_data_url=20)
        assert (caught.value.reason, bool(caught.value.hint)) == ("too_large", True)

    @pytest.mark.parametrize(
        "operation", [{"type": "sharpen"}, {"type": "crop", "width": 0, "height": 1}, {"width": 9}]
    )
    async def test_operations_that_are_none(self, steps: FileSteps, operation: object) -> None:
        with pytest.raises(ValidationError):
            await steps.run(ImageHandlerExecutor(), operations=[operation])


class TestOcrProcessor:
    async def test_words_of_a_picture(
        self, steps: FileSteps, tmp_path: Path, workers: DocumentWorkers, tesseract: str
    ) -> None:
        drawn_text(["Read me twice"], angle=0.5, noise=0.001).save(tmp_path / "a.png")
        source = await steps.keep(tmp_path / "a.png", name="a.png")
        read = await steps.run(OcrProcessorExecutor(workers), source=source, words=True, psm=6)
        assert (read.text, read.word_count, len(read.words), read.language) == ("Read me twice", 3, 3, "eng")
        assert (await steps.run(OcrProcessorExecutor(workers), source=source)).words == []

    async def test_a_language_that_is_not_installed(
        self, steps: FileSteps, workers: DocumentWorkers, tesseract: str
    ) -> None:
        source = await steps.keep(png(), name="a.png")
        with pytest.raises(StepRejected, match="installed are") as caught:
            await steps.run(OcrProcessorExecutor(workers), source=source, languages="eng+xxx")
        assert (caught.value.reason, caught.value.hint) == (
            "language_missing",
            "on Debian: apt-get install tesseract-ocr-xxx",
        )
