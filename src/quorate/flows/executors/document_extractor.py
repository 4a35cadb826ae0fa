"""`document_extractor`: the text of a document, its pages and tables, in pieces if wanted."""

import asyncio
import functools
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal, Self

import msgspec
from msgspec import structs
from pydantic import Field, PlainValidator, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from quorate.core.errors import Misconfigured
from quorate.documents.chunk import By, Chunk, chunk
from quorate.documents.extract import ExtractOptions, extract
from quorate.documents.extracted import Extracted, Metadata, Page, Table
from quorate.documents.file_type import Kind, recognise
from quorate.documents.job import MAX_CHARS, USUAL_CHARS
from quorate.documents.merge_words import as_document, as_text, with_words
from quorate.documents.ocr import OcrOptions, read_words
from quorate.documents.rejected import DocumentRejected, Reason
from quorate.documents.workers import DocumentWorkers, shared_workers
from quorate.flows.executor import Executor, StepContext
from quorate.flows.executors.ocr_languages import OcrLanguages
from quorate.flows.executors.page_numbers import PageNumbers
from quorate.flows.executors.source_file import file_in, path_of, rejected_by_step, secret_text, source_of
from quorate.flows.files import FileRef
from quorate.source.section import Section


class Chunking(Section):
    """How a text is cut into pieces."""

    size: int = Field(default=2000, ge=1, le=MAX_CHARS)
    """The most that one piece holds."""
    overlap: int = Field(default=200, ge=0)
    """How much of the end of a piece is the beginning of the next."""
    by: By = By.CHARACTERS
    """What both are counted in."""

    @model_validator(mode="after")
    def _overlap_is_less(self) -> Self:
        if self.overlap >= self.size:
            raise PydanticCustomError(
                "overlap",
                "the overlap {overlap} must be less than the size {size}",
                {"overlap": self.overlap, "size": self.size},
            )
        return self


def _file_or_text(value: object) -> FileRef | str:
    if isinstance(value, str):
        return value
    if (found := file_in(value)) is None:
        raise PydanticCustomError("source", "expected a file or a text")
    return found


class DocumentExtractorConfig(Section):
    """Which document is read, and how."""

    source: (
        Annotated[FileRef | str, PlainValidator(_file_or_text), WithJsonSchema({"type": ["object", "string"]})] | None
    ) = None
    """A file, or a text that only has to be cut; the only file among the inputs if it is not named."""
    pages: PageNumbers = ()
    """Pages, slides, sheets or sections to read, as `1-3,7`; all if it is not given."""
    max_chars: int = Field(default=USUAL_CHARS, ge=1, le=MAX_CHARS)
    """Where the text is cut off; a warning says that it was."""
    chunking: Chunking | None = None
    """How the text is cut into pieces; not at all if it is not given."""
    tables: bool = True
    """Whether tables are given as rows as well; they are in the text anyway."""
    password: str | None = None
    """The name of the secret that opens an encrypted PDF."""
    ocr: Literal["auto", "require", "never"] = "auto"
    """Whether the words in pictures are read where there is no text, by the program tesseract. `auto`: where that
    cannot be done, a warning says so. `require`: that is an error, and so is a document without any text."""
    languages: OcrLanguages = ("eng",)
    """The languages of those words, as tesseract names them: a list, or `eng+deu`."""


class DocumentText(msgspec.Struct, frozen=True, kw_only=True):
    """What was read; positions of pages and chunks are places in `text`."""

    text: str
    pages: list[Page]
    chunks: list[Chunk]
    tables: list[Table]
    metadata: Metadata
    warnings: list[str]
    needs_ocr: bool
    file_type: str


class DocumentExtractorExecutor(Executor[DocumentExtractorConfig, DocumentText]):
    """Reads documents in processes of their own, with limits."""

    name = "document_extractor"
    summary = "Reads the text of PDF, DOCX, XLSX, PPTX, HTML, CSV, Markdown and text, in pieces if wanted."
    config = DocumentExtractorConfig
    result = DocumentText

    def __init__(self, workers: DocumentWorkers | None = None) -> None:
        self._workers = workers

    async def run(self, config: DocumentExtractorConfig, step: StepContext) -> DocumentText:
        """Return the text; raise `StepRejected` with the reason as its code."""
        if isinstance(config.source, str):
            read, kind = as_text(config.source[: config.max_chars]), Kind.TEXT
        else:
            source = source_of(config.source, step)
            with rejected_by_step(source):
                read, kind = await self._read(source, config, step)
        chunks: list[Chunk] = []
        if (cut := config.chunking) is not None:
            work = functools.partial(chunk, read.text, size=cut.size, overlap=cut.overlap, by=cut.by)
            chunks = await asyncio.to_thread(work)
        return DocumentText(
            text=read.text,
            pages=read.pages,
            chunks=chunks,
            tables=read.tables if config.tables else [],
            metadata=read.metadata,
            warnings=read.warnings,
            needs_ocr=read.needs_ocr,
            file_type=kind,
        )

    async def _read(
        self, source: FileRef, config: DocumentExtractorConfig, step: StepContext
    ) -> tuple[Extracted, Kind]:
        path = await path_of(source, step)
        workers = self._workers or shared_workers()
        kind = (await asyncio.to_thread(recognise, path, name=source.name)).kind
        password = secret_text(config.password, step)
        ocr = OcrOptions(languages=config.languages, pages=config.pages, password=password)
        if kind is Kind.IMAGE and config.ocr != "never":
            words = await read_words(path, ocr, workers=workers)
            return _required(as_document(words, max_chars=config.max_chars), config), kind
        options = ExtractOptions(pages=config.pages, max_chars=config.max_chars, password=password, name=source.name)
        read = await extract(path, options, workers=workers)
        if config.ocr == "never":
            return read, kind
        if read.needs_ocr:
            read = await self._with_words(read, path, ocr, config)
        return _required(read, config), kind

    async def _with_words(
        self, read: Extracted, path: Path, ocr: OcrOptions, config: DocumentExtractorConfig
    ) -> Extracted:
        """Return the document with the words in its pictures; with a warning, where they cannot be read."""
        empty = tuple(page.number for page in read.pages if not page.text)
        try:
            words = await read_words(path, replace(ocr, pages=empty), workers=self._workers or shared_workers())
        except (Misconfigured, DocumentRejected) as error:
            if config.ocr == "require" or (isinstance(error, DocumentRejected) and error.reason is Reason.LANGUAGE):
                raise
            # what there is, is better than nothing; `needs_ocr` stays
            return structs.replace(read, warnings=[*read.warnings, f"ocr: {error.message}"])
        return with_words(read, words, max_chars=config.max_chars)


def _required(read: Extracted, config: DocumentExtractorConfig) -> Extracted:
    if config.ocr == "require" and not read.text.strip():
        raise DocumentRejected(
            Reason.NO_TEXT,
            "there is no text in it, and no words were read in its pictures",
            hint="see whether it is empty, turned or too coarse; `ocr: auto` lets it through",
        )
    return read
