"""Text, Markdown, JSON and XML: as they are, in UTF-8."""

from pathlib import Path

from quorate.documents.extracted import Extracted, Metadata
from quorate.documents.file_type import Kind
from quorate.documents.headings import headings_of
from quorate.documents.job import ExtractJob
from quorate.documents.readers.builder import Builder


def read_plain(job: ExtractJob, builder: Builder) -> Extracted:
    """Return a text; Markdown as one page for each heading."""
    text = decoded(job, builder)
    if job.kind != Kind.MARKDOWN:
        builder.page(text)
        return builder.finish(Metadata())
    builder.sections(text)
    headings = headings_of(text)
    return builder.finish(Metadata(title=headings[0].title if headings else ""))


def decoded(job: ExtractJob, builder: Builder) -> str:
    """Return the text of a file; bytes that are none in its encoding become a question mark in a box."""
    text = Path(job.path).read_bytes().decode(job.encoding or "utf-8", errors="replace")
    if "\ufffd" in text:
        builder.warn(f"encoding: some bytes are not {job.encoding or 'utf-8'}")
    return text
