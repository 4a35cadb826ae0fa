"""CSV and its relatives: the separator is found, the table is given as Markdown and as rows."""

import csv

from quorate.documents.extracted import Extracted, Metadata
from quorate.documents.job import ExtractJob
from quorate.documents.readers.builder import Builder, markdown_table
from quorate.documents.readers.plain import decoded
from quorate.documents.rejected import DocumentRejected, Reason
from quorate.documents.text_type import delimiter_of

#: Columns of one table; more are most likely a file that is no table.
MAX_COLUMNS = 2_000
_MAX_CELL_CHARS = 1_000_000


def read_csv(job: ExtractJob, builder: Builder) -> Extracted:
    """Return a table; raise `DocumentRejected` (`too_large`) for one with too many columns."""
    text = decoded(job, builder).lstrip("\ufeff")
    delimiter = delimiter_of(text[:65_536], whole=len(text) <= 65_536) or _guess(text)  # noqa: PLR2004 - a beginning
    csv.field_size_limit(_MAX_CELL_CHARS)
    rows: list[list[str]] = []
    chars = 0
    try:
        for row in csv.reader(text.splitlines(keepends=True), delimiter=delimiter):
            if not row:
                continue
            if len(row) > MAX_COLUMNS:
                raise DocumentRejected(
                    Reason.TOO_LARGE, f"row {len(rows) + 1} has {len(row)} columns; at most {MAX_COLUMNS} are read"
                )
            chars += sum(map(len, row)) + 3 * len(row)
            rows.append(row)
            if chars > job.max_chars:
                break
    except csv.Error as error:
        raise DocumentRejected(Reason.TOO_LARGE, f"row {len(rows) + 1} cannot be read: {error}") from error
    builder.page(markdown_table(rows))
    builder.table("table", rows)
    return builder.finish(Metadata())


def _guess(text: str) -> str:
    first = text.partition("\n")[0]
    return max(",;\t|", key=first.count)
