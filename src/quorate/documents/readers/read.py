"""From a job to the text of a document, by its kind. Runs within a worker process only."""

from collections.abc import Callable
from pathlib import Path

from quorate.documents.extracted import Extracted
from quorate.documents.file_type import Kind
from quorate.documents.job import ExtractJob
from quorate.documents.readers.builder import Builder
from quorate.documents.rejected import DocumentRejected, Reason

_HINTS = {
    Kind.IMAGE: "use ocr_processor, or document_extractor with `ocr: auto`, for the words in an image",
    Kind.RTF: "save it as DOCX or PDF",
    Kind.ODT: "save it as DOCX or PDF",
    Kind.EPUB: "save it as HTML or PDF",
    Kind.OLE: "save it as DOCX, XLSX or PPTX: the formats before 2007 are not read",
    Kind.ZIP: "send the documents in it, each by itself",
    Kind.ARCHIVE: "unpack it first",
}
#: An encrypted office document is a container of the older kind that holds a stream of this name.
_ENCRYPTED_STREAM = "EncryptedPackage".encode("utf-16-le")


def read(job: ExtractJob) -> Extracted:
    """Return the text of a document; raise `DocumentRejected`, or what a parser raises for a damaged file."""
    builder = Builder(max_chars=job.max_chars, wanted=job.pages)
    if job.note:
        builder.warn(f"encoding: {job.note}" if job.encoding else f"note: {job.note}")
    return _reader(Path(job.path), Kind(job.kind))(job, builder)


def _reader(path: Path, kind: Kind) -> Callable[[ExtractJob, Builder], Extracted]:
    # each reader loads its own parser
    match kind:
        case Kind.PDF:
            from quorate.documents.readers.pdf import read_pdf as reader  # noqa: PLC0415
        case Kind.DOCX:
            from quorate.documents.readers.docx import read_docx as reader  # noqa: PLC0415
        case Kind.XLSX:
            from quorate.documents.readers.xlsx import read_xlsx as reader  # noqa: PLC0415
        case Kind.PPTX:
            from quorate.documents.readers.pptx import read_pptx as reader  # noqa: PLC0415
        case Kind.HTML:
            from quorate.documents.readers.web_page import read_html as reader  # noqa: PLC0415
        case Kind.CSV:
            from quorate.documents.readers.separated import read_csv as reader  # noqa: PLC0415
        case Kind.MARKDOWN | Kind.JSON | Kind.XML | Kind.TEXT:
            from quorate.documents.readers.plain import read_plain as reader  # noqa: PLC0415
        case _:
            raise _refused(path, kind)
    return reader


def _refused(path: Path, kind: Kind) -> DocumentRejected:
    if kind is Kind.EMPTY:
        return DocumentRejected(Reason.EMPTY, "the file is empty")
    if kind is Kind.OLE and _ENCRYPTED_STREAM in path.read_bytes():
        return DocumentRejected(
            Reason.ENCRYPTED, "the office document is encrypted", hint="save it without a password and send it again"
        )
    known = "PDF, DOCX, XLSX, PPTX, HTML, CSV, JSON, XML, Markdown and text"
    return DocumentRejected(
        Reason.UNSUPPORTED,
        f"the file is {kind.value}, which is not read; known are {known}",
        hint=_HINTS.get(kind, ""),
    )
