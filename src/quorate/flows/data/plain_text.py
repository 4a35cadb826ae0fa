"""Data as plain text."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from quorate.flows.data.document import Part, Written
from quorate.flows.data.records import as_table, as_text, is_records


def to_text(written: Written) -> str:
    """Return paragraphs: the title, the data, each section below its heading; ends with a line feed."""
    parts = [written.title, _block(written.first)]
    parts += [f"{part.heading}\n{_block(part)}".rstrip() for part in written.parts]
    return "\n\n".join(part for part in parts if part) + "\n"


def _block(part: Part) -> str:
    value = part.content
    if part.fields and is_records(value):
        table = as_table(value, part.fields)
        return "\n".join(_line(zip(table.headings, row, strict=True)) for row in table.rows)
    match value:
        case Mapping():
            return "\n".join(f"{key}: {as_text(each)}" for key, each in cast("Mapping[str, Any]", value).items())
        case list():
            return "\n".join(_item(each) for each in cast("Sequence[object]", value))
        case _:
            return as_text(value)


def _item(value: object) -> str:
    return _line(cast("Mapping[str, Any]", value).items()) if isinstance(value, Mapping) else f"- {as_text(value)}"


def _line(pairs: Any) -> str:
    return "- " + ", ".join(f"{key}: {as_text(each)}" for key, each in pairs)
