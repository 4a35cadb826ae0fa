"""Data as Markdown: records are tables, mappings and lists are lists."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from quorate.flows.data.document import Part, Written
from quorate.flows.data.records import as_table, as_text, is_records


def to_markdown(written: Written) -> str:
    """Return the page: `# title`, the data, each section below its `##`; texts are Markdown and stay as they are."""
    parts = [f"# {_one_line(written.title)}" if written.title else "", _block(written.first)]
    for part in written.parts:
        parts += [f"## {_one_line(part.heading)}", _block(part)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _block(part: Part) -> str:
    value = part.content
    if is_records(value):
        return _table(part)
    match value:
        case Mapping():
            pairs = cast("Mapping[str, Any]", value).items()
            return "\n".join(f"- **{_one_line(key)}**: {_one_line(as_text(each))}" for key, each in pairs)
        case list():
            return "\n".join(f"- {_one_line(as_text(each))}" for each in cast("Sequence[object]", value))
        case _:
            return as_text(value).strip("\n")


def _table(part: Part) -> str:
    table = as_table(part.content, part.fields)
    lines = [_row(table.headings), "|" + "---|" * len(table.headings), *(_row(row) for row in table.rows)]
    return "\n".join(lines)


def _row(cells: Sequence[Any]) -> str:
    return "|" + "|".join(f" {_one_line(as_text(cell)).replace('|', chr(92) + '|')} " for cell in cells) + "|"


def _one_line(text: str) -> str:
    return " ".join(text.split())
