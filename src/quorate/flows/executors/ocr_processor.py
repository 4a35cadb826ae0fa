"""`ocr_processor`: the words in an image, a TIFF of many pages or a scanned PDF."""

import msgspec
from pydantic import Field

from quorate.documents.job import OcrPage, Word
from quorate.documents.ocr import OcrOptions, read_words
from quorate.documents.workers import DocumentWorkers, shared_workers
from quorate.flows.executor import Executor, StepContext
from quorate.flows.executors.ocr_languages import OcrLanguages
from quorate.flows.executors.page_numbers import PageNumbers
from quorate.flows.executors.source_file import SourceFile, path_of, rejected_by_step, secret_text, source_of
from quorate.source.section import Section


class OcrProcessorConfig(Section):
    """Which picture is read, and how."""

    source: SourceFile | None = None
    """The file; the only one among the inputs if it is not named."""
    languages: OcrLanguages = ("eng",)
    """Languages as tesseract names them: a list, or `eng+deu`."""
    psm: int = Field(default=3, ge=0, le=13)
    """How the page is laid out: 3 finds out, 4 one column, 6 one block, 7 one line, 11 words anywhere."""
    dpi: int = Field(default=300, ge=70, le=2400)
    """Dots per inch of a picture that does not say."""
    min_confidence: float = Field(default=0, ge=0, le=1)
    """Words that are less certain are left out."""
    words: bool = False
    """Whether the result lists each word with its confidence and its box."""
    pages: PageNumbers = ()
    """Pages to read, as `1-3,7`; all, up to `max_pages`, if it is not given."""
    max_pages: int = Field(default=50, ge=1, le=500)
    """How many pages are read at most; a warning says that there are more."""
    password: str | None = None
    """The name of the secret that opens an encrypted PDF."""


class ReadPicture(msgspec.Struct, frozen=True, kw_only=True):
    """What was read; confidences are from 0 to 1."""

    text: str
    confidence: float
    words: list[Word]
    word_count: int
    pages: list[OcrPage]
    language: str
    warnings: list[str]


class OcrProcessorExecutor(Executor[OcrProcessorConfig, ReadPicture]):
    """Reads pictures with tesseract, in processes with limits."""

    name = "ocr_processor"
    summary = "Reads the words in images and scanned PDFs with tesseract."
    config = OcrProcessorConfig
    result = ReadPicture

    def __init__(self, workers: DocumentWorkers | None = None) -> None:
        self._workers = workers

    async def run(self, config: OcrProcessorConfig, step: StepContext) -> ReadPicture:
        """Return the words; raise `StepRejected` with the reason as its code, `Misconfigured` without tesseract."""
        source = source_of(config.source, step)
        path = await path_of(source, step)
        options = OcrOptions(
            languages=config.languages,
            page_mode=config.psm,
            dpi=config.dpi,
            min_confidence=config.min_confidence,
            pages=config.pages,
            max_pages=config.max_pages,
            password=secret_text(config.password, step),
        )
        with rejected_by_step(source):
            read = await read_words(path, options, workers=self._workers or shared_workers())
        return ReadPicture(
            text=read.text,
            confidence=read.confidence,
            words=read.words if config.words else [],
            word_count=len(read.words),
            pages=read.pages,
            language="+".join(read.languages),
            warnings=read.warnings,
        )
