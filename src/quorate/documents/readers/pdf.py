"""PDF: the text of its pages by pypdf, which is plain Python."""

from pathlib import Path

from pypdf import PageObject, PasswordType, PdfReader
from pypdf.errors import DependencyError, EmptyFileError, FileNotDecryptedError, LimitReachedError, PyPdfError

from quorate.documents.extracted import Extracted, Metadata
from quorate.documents.job import ExtractJob
from quorate.documents.readers.builder import Builder
from quorate.documents.readers.office import moment
from quorate.documents.rejected import DocumentRejected, Reason

MAX_PAGES = 5_000
_GIVE = "give its password: in flows, `password` names a secret"


def read_pdf(job: ExtractJob, builder: Builder) -> Extracted:
    """Return the pages; raise `DocumentRejected` (`encrypted`, `wrong_password`, `damaged`, `too_large`)."""
    try:
        return _read(open_pdf(Path(job.path), job.password), builder)
    except (PyPdfError, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise _explained(error) from error


def open_pdf(path: Path, password: str) -> PdfReader:
    """Return a document that can be read; raise `DocumentRejected` (`encrypted`, `wrong_password`, `too_large`)."""
    try:
        reader = PdfReader(path)
        if reader.is_encrypted:
            _unlock(reader, password)
        count = len(reader.pages)
    except PyPdfError as error:
        raise _explained(error) from error
    if count > MAX_PAGES:
        raise DocumentRejected(Reason.TOO_LARGE, f"the PDF has {count} pages; at most {MAX_PAGES} are read")
    if not count:
        raise DocumentRejected(Reason.DAMAGED, "the PDF has no pages")
    return reader


def _unlock(reader: PdfReader, password: str) -> None:
    try:
        # a PDF that only forbids printing opens with an empty password
        if reader.decrypt("") is not PasswordType.NOT_DECRYPTED:
            return
        opened = bool(password) and reader.decrypt(password) is not PasswordType.NOT_DECRYPTED
    except DependencyError as error:
        raise DocumentRejected(
            Reason.ENCRYPTED,
            "the PDF is encrypted with AES, which needs the package cryptography",
            hint="pip install cryptography, or save the PDF without a password",
        ) from error
    if not opened and password:
        raise DocumentRejected(Reason.WRONG_PASSWORD, "the password does not open the PDF", hint="give the right one")
    if not opened:
        raise DocumentRejected(Reason.ENCRYPTED, "the PDF is encrypted", hint=_GIVE)


def _read(reader: PdfReader, builder: Builder) -> Extracted:
    empty: list[int] = []
    pictured = False
    for number, page in enumerate(reader.pages, start=1):
        if not builder.wants(number) or builder.full:
            builder.skip_page()
            continue
        text = page.extract_text()
        builder.page(text)
        if not text.strip():
            empty.append(number)
            pictured = pictured or _has_images(page)
    if empty:
        shown = ", ".join(map(str, empty[:10])) + (", ..." if len(empty) > 10 else "")  # noqa: PLR2004 - enough to see
        builder.warn(f"no_text: {len(empty)} page(s) without text ({shown})")
    return builder.finish(_metadata(reader), needs_ocr=pictured)


def _has_images(page: PageObject) -> bool:
    try:
        return bool(page.images.keys())
    except (PyPdfError, KeyError, TypeError, AttributeError):
        return False


def _metadata(reader: PdfReader) -> Metadata:
    try:
        said = reader.metadata
        if said is None:
            return Metadata()
        return Metadata(title=said.title or "", author=said.author or "", created=moment(said.creation_date))
    except (PyPdfError, ValueError, KeyError, TypeError, AttributeError):
        return Metadata()  # a date that is none spoils no text


def _explained(error: Exception) -> DocumentRejected:
    match error:
        case EmptyFileError():
            return DocumentRejected(Reason.EMPTY, "the file is empty")
        case FileNotDecryptedError():
            return DocumentRejected(Reason.ENCRYPTED, "the PDF is encrypted", hint=_GIVE)
        case LimitReachedError():
            return DocumentRejected(Reason.TOO_LARGE, f"a part of the PDF unpacks to too much: {error}")
        case _:
            return DocumentRejected(Reason.DAMAGED, f"the PDF is damaged: {type(error).__name__}: {str(error)[:200]}")
