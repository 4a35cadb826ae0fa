"""Records as CSV that a spreadsheet may open: no cell of it is a formula."""

import csv
import io
from typing import Any

from quorate.flows.data.records import Fields, as_table, as_text

#: A cell that begins with one of these is run as a formula (OWASP, "CSV injection").
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def to_csv(data: object, fields: Fields, delimiter: str) -> str:
    """Return a line of headings and one for each record (RFC 4180); `'` stands before what looks like a formula.

    Numbers are written as they are. Raises `StepRejected` for data that is no table.
    """
    table = as_table(data, fields)
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\r\n")
    writer.writerow([_cell(heading) for heading in table.headings])
    writer.writerows([_cell(value) for value in row] for row in table.rows)
    return text.getvalue()


def _cell(value: Any) -> str:
    text = as_text(value)
    return f"'{text}" if isinstance(value, str) and text.lstrip(" ").startswith(_FORMULA) else text
