"""Filters over lists and mappings. They take any sequence and return a new list; nothing is changed in place."""

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from functools import cmp_to_key
from typing import Any, Final

from quorate.templating.builtin import table
from quorate.templating.expect import items, mapping, number, text, whole
from quorate.templating.names import child
from quorate.templating.order import compared
from quorate.templating.template import TemplateError
from quorate.templating.work import MAX_ITEMS, NOTHING, is_list, room


def field_of(item: object, path: str) -> Any:
    """Return what is at a dotted path in an item. Raises `TemplateError` when it is not there."""
    value = item
    for part in text(path).split("."):
        found = child(value, int(part) if part.isdecimal() and not isinstance(value, Mapping) else part)
        if found is NOTHING:
            raise TemplateError(f"an item has no {part!r}")
        value = found
    return value


def _key(attribute: str | None, *, fold: bool = False) -> Callable[[Any], Any]:
    def key(item: Any) -> Any:
        value = item if attribute is None else field_of(item, attribute)
        return value.casefold() if fold and isinstance(value, str) else value

    return key


def _sort(
    value: object, reverse: bool = False, case_sensitive: bool = False, attribute: str | None = None
) -> list[Any]:
    order, key = cmp_to_key(compared), _key(attribute, fold=not case_sensitive)
    found = items(value)
    room(len(found) * 8)
    return sorted(found, key=lambda item: order(key(item)), reverse=reverse)


def _unique(value: object, attribute: str | None = None) -> list[Any]:
    key, seen, kept = _key(attribute), set[object](), list[Any]()
    others = list[object]()
    for item in items(value):
        mark = key(item)
        if isinstance(mark, (str, int, float, bool, type(None))):
            known = mark in seen
            seen.add(mark)
        else:
            room(len(others))
            known = mark in others
            others.append(mark)
        if not known:
            kept.append(item)
    return kept


def _batch(value: object, count: int, fill: object = NOTHING) -> list[list[Any]]:
    if whole(count) < 1:
        raise TemplateError("a batch has at least one item")
    found = items(value)
    batches = [found[at : at + count] for at in range(0, len(found), count)]
    if batches and fill is not NOTHING:
        missing = count - len(batches[-1])
        room(missing, MAX_ITEMS)
        batches[-1] = batches[-1] + [fill] * missing
    return batches


def _groupby(value: object, attribute: str) -> list[dict[str, Any]]:
    groups: dict[str, dict[str, Any]] = {}
    for item in items(value):
        key = field_of(item, attribute)
        groups.setdefault(repr(key), {"key": key, "items": []})["items"].append(item)
    return list(groups.values())


def _flatten(value: object) -> list[Any]:
    parts: list[Sequence[Any]] = [item if is_list(item) else [item] for item in items(value)]
    room(sum(map(len, parts)), MAX_ITEMS)
    return list(itertools.chain.from_iterable(parts))


def _combine(value: object, *others: object) -> dict[str, Any]:
    found = [dict(mapping(one)) for one in (value, *others)]
    room(sum(map(len, found)), MAX_ITEMS)
    return {key: item for one in found for key, item in one.items()}


def _dictsort(value: object, by: str = "key", reverse: bool = False) -> list[list[Any]]:
    if by not in ("key", "value"):
        raise TemplateError(f"a mapping is sorted by 'key' or 'value', not {by!r}")
    order, place = cmp_to_key(compared), 0 if by == "key" else 1
    pairs = [[key, item] for key, item in mapping(value).items()]
    room(len(pairs) * 8)
    return sorted(pairs, key=lambda pair: order(pair[place]), reverse=reverse)


def _sum(value: object, attribute: str | None = None, start: object = 0) -> float:
    key = _key(attribute)
    return sum((number(key(item)) for item in items(value)), start=number(start))


def _round(value: object, precision: int = 0, method: str = "common") -> float:
    ways = {"common": round, "ceil": _ceil, "floor": _floor}
    if method not in ways:
        raise TemplateError(f"there is no way of rounding {method!r}; there are: {', '.join(ways)}")
    return ways[method](number(value), max(-300, min(300, whole(precision))))


def _ceil(value: float, precision: int) -> float:
    return math.ceil(value * 10**precision) / 10**precision


def _floor(value: float, precision: int) -> float:
    return math.floor(value * 10**precision) / 10**precision


def _most(sign: int) -> Callable[..., Any]:
    def most(value: object, attribute: str | None = None) -> Any:
        found, key, order = items(value), _key(attribute), cmp_to_key(compared)
        room(len(found))
        return (
            max(found, key=lambda item: order(key(item)), default=None)
            if sign > 0
            else min(found, key=lambda item: order(key(item)), default=None)
        )

    return most


def _length(value: object) -> int:
    return len(value) if isinstance(value, str) else len(items(value))


def _ends(at: int) -> Callable[[object], Any]:
    def end(value: object) -> Any:
        found = value if isinstance(value, str) else items(value)
        return found[at] if found else None

    return end


def _reverse(value: object) -> Any:
    return value[::-1] if isinstance(value, str) else items(value)[::-1]


def _zip(value: object, *others: object) -> list[list[Any]]:
    return [list(group) for group in zip(items(value), *map(items, others), strict=False)]


LIST_FILTERS: Final = table(
    {
        "batch": _batch,
        "combine": _combine,
        "count": _length,
        "dictsort": _dictsort,
        "first": _ends(0),
        "flatten": _flatten,
        "groupby": _groupby,
        "last": _ends(-1),
        "length": _length,
        "list": items,
        "max": _most(1),
        "min": _most(-1),
        "reverse": _reverse,
        "round": _round,
        "sort": _sort,
        "sum": _sum,
        "unique": _unique,
        "zip": _zip,
    },
    of_one={
        "abs": lambda value: abs(number(value)),
        "items": lambda value: [[key, item] for key, item in mapping(value).items()],
        "keys": lambda value: list(mapping(value)),
        "values": lambda value: list(mapping(value).values()),
    },
)
