"""Figures over records: sums, means, counts, lists, each in all or by group."""

import math
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, cast

import msgspec
from pydantic import AliasChoices, Field

from quorate.flows.data.merge import kind
from quorate.flows.data.path import MISSING, look, read_path
from quorate.flows.data.source import DataSource
from quorate.flows.executor import StepRejected
from quorate.source.place import did_you_mean, listed, shown
from quorate.source.section import Section


class Function(StrEnum):
    """What is made of the values; `avg` is `mean`, `std` that of the population."""

    SUM = "sum"
    AVG = "avg"
    MEAN = "mean"
    MIN = "min"
    MAX = "max"
    COUNT = "count"
    MEDIAN = "median"
    STD = "std"
    FIRST = "first"
    LAST = "last"
    UNIQUE = "unique"
    LIST = "list"
    CONCAT = "concat"
    MODE = "mode"


class AggregationSection(Section):
    """One figure."""

    function: Function
    field: str = Field(default="", validation_alias=AliasChoices("field", "path"))
    """The path of the value in each record; empty: the record itself."""
    group_by: str = ""
    """The path of a value in each record: the figure is made for each of them."""
    source: str = ""
    """The one source it is made over; empty: all."""
    separator: str = ", "
    """What stands between the texts of `concat`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    value: Any
    group: str
    place: str


def aggregated(sources: Sequence[DataSource], figures: dict[str, AggregationSection]) -> dict[str, Any]:
    """Return name -> figure, or name -> group -> figure. A list is its items, anything else one record.

    `null` and what is not there do not count. Of no values, `sum` and `count` are 0, `list` and `unique` empty, the
    others `null`. Raises `StepRejected` naming source, path and value for one that is of the wrong kind.
    """
    return {name: _figure(name, sources, figure) for name, figure in figures.items()}


def _figure(name: str, sources: Sequence[DataSource], figure: AggregationSection) -> Any:
    names = [source.name for source in sources]
    if figure.source and figure.source not in names:
        raise StepRejected(
            f"aggregations.{name}: there is no source {figure.source!r}{did_you_mean(figure.source, names)}"
            f" (sources: {listed(names)})",
            code="unknown_source",
        )
    chosen = [source for source in sources if figure.source in ("", source.name)]
    values = list(_values(name, chosen, figure))
    if not figure.group_by:
        return _applied(figure, values)
    groups: dict[str, list[_Found]] = {}
    for value in values:
        groups.setdefault(value.group, []).append(value)
    return {group: _applied(figure, found) for group, found in groups.items()}


def _values(name: str, sources: Sequence[DataSource], figure: AggregationSection) -> Iterator[_Found]:
    value_steps = _steps(figure.field, f"aggregations.{name}.field")
    group_steps = _steps(figure.group_by, f"aggregations.{name}.group_by")
    for source in sources:
        listing = isinstance(source.value, list)
        records = cast("list[Any]", source.value) if listing else [source.value]
        for number, record in enumerate(records):
            value = look(record, value_steps)
            if value is MISSING or value is None:
                continue
            place = f"{source.name}[{number}]" if listing else source.name
            group = _group(look(record, group_steps)) if figure.group_by else ""
            yield _Found(value=value, group=group, place=f"{place}.{figure.field}" if figure.field else place)


def _steps(text: str, key: str) -> tuple[str | int, ...]:
    if not text:
        return ()
    path = read_path(text)
    if path is None:
        raise StepRejected(f"{key}: {text!r} is no path", code="bad_path", hint="write it as items[0].price")
    return path.steps


def _group(value: object) -> str:
    if value is MISSING:
        return "null"
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _applied(figure: AggregationSection, found: Sequence[_Found]) -> Any:
    values = [each.value for each in found]
    match figure.function:
        case Function.COUNT:
            return len(values)
        case Function.LIST:
            return values
        case Function.UNIQUE:
            return _unique(values)
        case Function.FIRST:
            return values[0] if values else None
        case Function.LAST:
            return values[-1] if values else None
        case Function.MODE:
            return _mode(values)
        case Function.CONCAT:
            return figure.separator.join(_text(each) for each in found) if found else None
        case Function.MIN | Function.MAX:
            return _extreme(figure.function, found)
        case _:
            return _number(figure.function, [_numeric(figure.function, each) for each in found])


def _mean(numbers: Sequence[float]) -> float:
    return math.fsum(numbers) / len(numbers)


_NUMBERS: dict[Function, Callable[[Sequence[float]], float]] = {
    Function.AVG: _mean,
    Function.MEAN: _mean,
    Function.MEDIAN: statistics.median,
    Function.STD: statistics.pstdev,
}


def _number(function: Function, numbers: Sequence[float]) -> float | None:
    if function is Function.SUM:
        return sum(numbers) if all(isinstance(number, int) for number in numbers) else math.fsum(numbers)
    return _NUMBERS[function](numbers) if numbers else None


def _numeric(function: Function, found: _Found) -> float:
    if isinstance(found.value, int | float) and not isinstance(found.value, bool):
        return found.value
    raise StepRejected(
        f"{found.place} is {shown(found.value)}; `{function}` takes numbers",
        code="bad_value",
        hint="choose another field, or make numbers of the values before",
    )


def _extreme(function: Function, found: Sequence[_Found]) -> Any:
    values = [each.value for each in found]
    if not all(isinstance(value, str) for value in values):
        values = [_numeric(function, each) for each in found]
    if not values:
        return None
    return min(values) if function is Function.MIN else max(values)


def _text(found: _Found) -> str:
    value: object = found.value
    if isinstance(value, str):
        return value
    if not isinstance(value, int | float):
        raise StepRejected(f"{found.place} is {kind(value)}; `concat` takes texts and numbers", code="bad_value")
    return msgspec.json.encode(value).decode()


def _unique(values: Sequence[Any]) -> list[Any]:
    first: dict[bytes, Any] = {}
    for value in values:
        first.setdefault(msgspec.json.encode(value, order="deterministic"), value)
    return list(first.values())


def _mode(values: Sequence[Any]) -> Any:
    counts: dict[bytes, int] = {}
    first: dict[bytes, Any] = {}
    for value in values:
        key = msgspec.json.encode(value, order="deterministic")
        counts[key] = counts.get(key, 0) + 1
        first.setdefault(key, value)
    return first[max(counts, key=lambda key: counts[key])] if counts else None
