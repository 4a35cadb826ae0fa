"""Everything that expressions can call: filters, tests, functions and methods of values, by name."""

from collections.abc import Mapping
from typing import Any, Final, NoReturn

from quorate.templating.apply_filters import applying
from quorate.templating.builtin import table
from quorate.templating.expect import mapping, text, whole
from quorate.templating.list_filters import LIST_FILTERS
from quorate.templating.predicates import TESTS
from quorate.templating.regex_filters import REGEX_FILTERS
from quorate.templating.template import TemplateError
from quorate.templating.text_filters import TEXT_FILTERS
from quorate.templating.value_filters import VALUE_FILTERS
from quorate.templating.work import room

_MAX_RANGE: Final = 10_000
_SIMPLE: Final = TEXT_FILTERS | LIST_FILTERS | VALUE_FILTERS


def _range(*bounds: object) -> list[int]:
    try:
        numbers = range(*map(whole, bounds))
    except (TypeError, ValueError) as error:
        raise TemplateError(f"{error}") from None
    if len(numbers) > _MAX_RANGE:
        raise TemplateError(f"the range has {len(numbers)} numbers; at most {_MAX_RANGE}")
    room(len(numbers))
    return list(numbers)


def _fail(message: object) -> NoReturn:
    raise TemplateError(text(message)[:500])


def _coalesce(*values: object) -> object:
    return next((value for value in values if value is not None), None)


def _get(value: Mapping[str, Any], key: str, default: object = None) -> object:
    return mapping(value).get(key, default)


def _dict(**fields: object) -> dict[str, object]:
    return fields


def _lstrip(value: object, characters: str | None = None) -> str:
    return text(value).lstrip(characters)


def _rstrip(value: object, characters: str | None = None) -> str:
    return text(value).rstrip(characters)


FILTERS: Final = _SIMPLE | REGEX_FILTERS | applying(_SIMPLE)
FUNCTIONS: Final = table({"coalesce": _coalesce, "dict": _dict, "fail": _fail, "range": _range})
METHODS: Final = {
    name: FILTERS[alias]
    for name, alias in (
        ("capitalize", "capitalize"),
        ("items", "items"),
        ("keys", "keys"),
        ("lower", "lower"),
        ("replace", "replace"),
        ("split", "split"),
        ("splitlines", "lines"),
        ("strip", "trim"),
        ("title", "title"),
        ("upper", "upper"),
        ("values", "values"),
    )
} | table(
    {
        "get": _get,
        "lstrip": _lstrip,
        "rstrip": _rstrip,
    },
    of_one={
        "isalpha": lambda value: text(value).isalpha(),
        "isdigit": lambda value: text(value).isdigit(),
    },
    of_two={
        "count": lambda value, item: (
            text(value).count(text(item)) if isinstance(value, str) else list(value).count(item)
        ),
        "endswith": lambda value, end: text(value).endswith(text(end)),
        "find": lambda value, part: text(value).find(text(part)),
        "join": lambda separator, parts: FILTERS["join"].call(parts, separator),
        "startswith": lambda value, start: text(value).startswith(text(start)),
    },
)

__all__ = ["FILTERS", "FUNCTIONS", "METHODS", "TESTS"]
