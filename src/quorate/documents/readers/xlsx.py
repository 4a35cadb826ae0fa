"""XLSX: a page for each sheet, with its values as a table; formulas by the result that was saved with them."""

from collections.abc import Iterable, Iterator
from datetime import date, datetime, time
from pathlib import Path
from typing import Any, cast

import openpyxl

from quorate.documents.extracted import Extracted, Metadata
from quorate.documents.job import ExtractJob
from quorate.documents.readers.builder import Builder, markdown_table, trimmed
from quorate.documents.readers.office import moment, require_clean
from quorate.documents.readers.separated import MAX_COLUMNS
from quorate.documents.rejected import DocumentRejected, Reason

#: Rows of one sheet, empty ones included.
MAX_ROWS = 200_000
_MAX_SHEETS = 500


def read_xlsx(job: ExtractJob, builder: Builder) -> Extracted:
    """Return the tables; raise `DocumentRejected` (`too_large`) for a sheet beyond the caps."""
    require_clean(Path(job.path))
    with Path(job.path).open("rb") as file:  # by a path, it would want a name that ends in .xlsx
        book = cast("Any", openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False))
        sheets = cast("list[Any]", book.worksheets)
        if len(sheets) > _MAX_SHEETS:
            raise DocumentRejected(Reason.TOO_LARGE, f"{len(sheets)} sheets; at most {_MAX_SHEETS} are read")
        for number, sheet in enumerate(sheets, start=1):
            if not builder.wants(number) or builder.full:
                builder.skip_page()
                continue
            name = str(sheet.title)
            rows = list(_rows(sheet, name, job.max_chars))
            builder.page(f"## {name}\n\n{markdown_table(rows)}", title=name)
            if rows:
                builder.table(name, rows)
        properties = book.properties
        return builder.finish(
            Metadata(
                title=properties.title or "",
                author=properties.creator or "",
                created=moment(properties.created),
                language=properties.language or "",
            )
        )


def _rows(sheet: Any, name: str, max_chars: int) -> Iterator[list[str]]:
    sheet.reset_dimensions()  # what the file claims its size to be would be filled up with empty cells
    chars = 0
    for number, values in enumerate(cast("Iterable[tuple[object, ...]]", sheet.iter_rows(values_only=True)), start=1):
        if number > MAX_ROWS:
            raise DocumentRejected(
                Reason.TOO_LARGE, f"the sheet {name!r} has more than {MAX_ROWS} rows", hint="send a part of it"
            )
        row = trimmed(map(_shown, values))
        if len(row) > MAX_COLUMNS:
            raise DocumentRejected(
                Reason.TOO_LARGE, f"the sheet {name!r} has {len(row)} columns; at most {MAX_COLUMNS} are read"
            )
        if row:
            chars += sum(map(len, row)) + 3 * len(row)
            yield row
        if chars > max_chars:
            return


def _shown(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "TRUE" if value else "FALSE"
        case float() if value.is_integer() and abs(value) < 2**53:
            return str(int(value))
        case datetime() | date() | time():
            return value.isoformat()
        case _:
            return str(value)
