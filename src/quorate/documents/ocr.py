"""The words in a picture: by tesseract, a program of the system, within a process with limits."""

import asyncio
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from quorate.core.errors import Misconfigured
from quorate.documents.file_type import Kind, recognise
from quorate.documents.job import OcrJob, OcrResult
from quorate.documents.rejected import DocumentRejected, Reason
from quorate.documents.workers import DocumentWorkers, shared_workers

#: Seconds for one file; a page of text takes 1 to 5.
USUAL_TIMEOUT_S = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class OcrOptions:
    """How words are read.

    `languages` are tesseract's names (`eng`, `deu`). `page_mode` is its page segmentation mode (3: find out, 6: one
    block, 7: one line, 11: sparse). `dpi` is of a picture that does not say. Words below `min_confidence` (0 to 1) are
    left out. `pages` are numbers from 1 (all, up to `max_pages`, if empty).
    """

    languages: Sequence[str] = ("eng",)
    page_mode: int = 3
    dpi: int = 300
    min_confidence: float = 0.0
    pages: Sequence[int] = ()
    max_pages: int = 50
    password: str = ""
    program: str = "tesseract"


async def read_words(
    path: Path,
    options: OcrOptions | None = None,
    *,
    workers: DocumentWorkers | None = None,
    timeout_s: float = USUAL_TIMEOUT_S,
) -> OcrResult:
    """Return the words of an image, of all pictures of a TIFF, or of the pictures on the pages of a PDF.

    Raises `DocumentRejected` (`language_missing` names those that are installed), and `Misconfigured` if tesseract is
    not installed.
    """
    options = options or OcrOptions()
    program, kind = await asyncio.to_thread(lambda: (shutil.which(options.program), recognise(path).kind))
    if program is None:
        raise Misconfigured(
            f"the program {options.program!r} is not installed; on Debian: apt-get install tesseract-ocr"
        )
    if kind not in {Kind.IMAGE, Kind.PDF}:
        reason = Reason.EMPTY if kind is Kind.EMPTY else Reason.UNSUPPORTED
        raise DocumentRejected(reason, f"the file is {kind.value}; words are read in images and PDFs")
    job = OcrJob(
        path=str(path),
        kind=kind,
        program=program,
        languages=tuple(options.languages),
        page_mode=options.page_mode,
        dpi=options.dpi,
        min_confidence=options.min_confidence,
        pages=tuple(options.pages),
        max_pages=options.max_pages,
        password=options.password,
    )
    answer, _ = await (workers or shared_workers()).run(job, timeout_s=timeout_s)
    assert isinstance(answer, OcrResult)
    return answer
