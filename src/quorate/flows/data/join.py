"""Records of several sources joined by a key, as in SQL."""

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any, cast

import msgspec

from quorate.flows.data.merge import MergeStrategy, kind, merge_two
from quorate.flows.data.path import MISSING, look, read_path
from quorate.flows.data.source import DataSource
from quorate.flows.executor import StepRejected

#: Many records of one key on both sides multiply; more than this is not what anybody wanted.
MAX_RECORDS = 100_000

_Keyed = tuple[bytes | None, dict[str, Any]]


class JoinType(StrEnum):
    """Which records stay: those with a partner (`inner`), all of the first source (`left`), all (`outer`)."""

    INNER = "inner"
    LEFT = "left"
    OUTER = "outer"


def joined(
    sources: Sequence[DataSource], key: str | Mapping[str, str], how: JoinType, strategy: MergeStrategy
) -> list[dict[str, Any]]:
    """Return the joined records in the order of the first source; what a partner would have brought is `null`.

    `key` is the path of the key in each record, or source -> path. Keys are equal if they are as JSON: `1` is not
    `"1"`; `null` has no partner. Raises `StepRejected` for a source that is no list of records, and beyond
    `MAX_RECORDS`.
    """
    if not sources:
        return []
    rows = list(_keyed(sources[0], key))
    for source in sources[1:]:
        rows = list(_both(rows, list(_keyed(source, key)), how, strategy, source.name))
    fields = dict.fromkeys(field for _, row in rows for field in row)
    return [{field: row.get(field) for field in fields} for _, row in rows]


def _keyed(source: DataSource, key: str | Mapping[str, str]) -> Iterator[_Keyed]:
    written = key if isinstance(key, str) else key.get(source.name, "")
    path = read_path(written)
    if path is None:
        raise StepRejected(
            f"`join_key` has no path for the source {source.name!r}: {written!r}",
            code="bad_key",
            hint="write the field that all records have, or one for each source: {orders: customer, customers: id}",
        )
    for number, record in enumerate(_records(source)):
        if not isinstance(record, Mapping):
            raise StepRejected(
                f"{source.name}[{number}] is {kind(record)}; `join` takes lists of mappings", code="bad_source"
            )
        row = dict(cast("Mapping[str, Any]", record))
        value = look(row, path.steps)
        found = None if value is MISSING or value is None else msgspec.json.encode(value, order="deterministic")
        yield found, row


def _records(source: DataSource) -> list[Any]:
    if source.missing:
        return []
    if not isinstance(source.value, list):
        raise StepRejected(
            f"the source {source.name!r} is {kind(source.value)}; `join` takes lists of mappings", code="bad_source"
        )
    return cast("list[Any]", source.value)


def _both(
    first: list[_Keyed], second: list[_Keyed], how: JoinType, strategy: MergeStrategy, name: str
) -> Iterator[_Keyed]:
    partners: dict[bytes, list[dict[str, Any]]] = {}
    for key, row in second:
        if key is not None:
            partners.setdefault(key, []).append(row)
    made = 0
    for key, row in first:
        found = partners.get(key, []) if key is not None else []
        for partner in found:
            made += 1
            if made > MAX_RECORDS:
                raise StepRejected(
                    f"joining {name!r} gives more than {MAX_RECORDS} records",
                    code="too_large",
                    hint="its key is not unique on either side; join by a field that is",
                )
            yield key, merge_two(row, partner, strategy, name=name)
        if not found and how is not JoinType.INNER:
            yield key, row
    if how is JoinType.OUTER:
        known = {key for key, _ in first}
        yield from ((key, row) for key, row in second if key is None or key not in known)
