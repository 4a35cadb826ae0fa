"""Data as a table: columns, and a row for each record."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import msgspec

from quorate.flows.data.merge import kind
from quorate.flows.data.path import MISSING, look, read_path
from quorate.flows.executor import StepRejected

#: Paths, or heading -> path.
Fields = Sequence[str] | Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Headings, and rows as long as they are; what is not there is `null`."""

    headings: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


def is_records(value: object) -> bool:
    """Return whether a value is a list of mappings, with at least one."""
    return (
        isinstance(value, list) and value != [] and all(isinstance(each, Mapping) for each in cast("list[Any]", value))
    )


def as_table(value: object, fields: Fields = ()) -> Table:
    """Return a list of records, or one record, as a table; `fields` choose and order the columns.

    Raises `StepRejected` for anything else, and for a field that is no path.
    """
    records = cast("list[Any]", value) if isinstance(value, list) else [value]
    for number, record in enumerate(records):
        if not isinstance(record, Mapping):
            raise StepRejected(
                f"data[{number}] is {kind(record)}; a table is made of mappings",
                code="bad_data",
                hint='make records of it before, with `transform`: {items: ..., each: {name: "{{ item }}"}}',
            )
    columns = _columns(cast("list[Mapping[str, Any]]", records), fields)
    rows = tuple(tuple(_at(record, steps) for steps in columns.values()) for record in records)
    return Table(headings=tuple(columns), rows=rows)


def _columns(records: Sequence[Mapping[str, Any]], fields: Fields) -> dict[str, tuple[str | int, ...]]:
    if not fields:
        return {key: (key,) for record in records for key in record}
    named = dict(fields) if isinstance(fields, Mapping) else {field: field for field in fields}
    columns: dict[str, tuple[str | int, ...]] = {}
    for heading, text in named.items():
        path = read_path(text)
        if path is None:
            raise StepRejected(f"fields: {text!r} is no path in a record", code="bad_path", hint="write customer.name")
        columns[heading] = path.steps
    return columns


def _at(record: object, steps: tuple[str | int, ...]) -> Any:
    found = look(record, steps)
    return None if found is MISSING else found


def as_text(value: object) -> str:
    """Return a value for a cell or a line: a text as it is, nothing for `null`, anything else as JSON."""
    match value:
        case None:
            return ""
        case str():
            return value
        case _:
            return msgspec.json.encode(value).decode()
