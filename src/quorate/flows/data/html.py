"""Data as HTML, with everything that comes from outside escaped."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, cast

from quorate.flows.data.document import Part, Written
from quorate.flows.data.records import as_table, as_text, is_records


def to_html(written: Written) -> str:
    """Return a fragment: `h1`, the data, `section`s with `h2`; records are tables, texts are paragraphs."""
    parts = [f"<h1>{escape(written.title)}</h1>" if written.title else "", _block(written.first)]
    parts += [f"<section>\n<h2>{escape(part.heading)}</h2>\n{_block(part)}\n</section>" for part in written.parts]
    return "\n".join(part for part in parts if part) + "\n"


def _block(part: Part) -> str:
    value = part.content
    if is_records(value):
        return _table(part)
    match value:
        case None:
            return ""
        case Mapping():
            pairs = cast("Mapping[str, Any]", value).items()
            return _wrapped("dl", [f"<dt>{escape(key)}</dt><dd>{escape(as_text(each))}</dd>" for key, each in pairs])
        case list():
            return _wrapped("ul", [f"<li>{escape(as_text(each))}</li>" for each in cast("Sequence[object]", value)])
        case _:
            paragraphs = [part for part in as_text(value).split("\n\n") if part.strip()]
            return "\n".join(f"<p>{escape(part.strip()).replace(chr(10), '<br>')}</p>" for part in paragraphs)


def _wrapped(tag: str, lines: Sequence[str]) -> str:
    return "\n".join([f"<{tag}>", *lines, f"</{tag}>"])


def _table(part: Part) -> str:
    table = as_table(part.content, part.fields)
    head = "<thead><tr>" + "".join(f"<th>{escape(each)}</th>" for each in table.headings) + "</tr></thead>"
    rows = ["<tr>" + "".join(f"<td>{escape(as_text(cell))}</td>" for cell in row) + "</tr>" for row in table.rows]
    return "\n".join(["<table>", head, "<tbody>", *rows, "</tbody>", "</table>"])
