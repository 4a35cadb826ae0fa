"""Filters that turn values into others: JSON, numbers, a choice, a default."""

import json
from typing import Any, Final, NoReturn

from quorate.templating.builtin import table
from quorate.templating.expect import text
from quorate.templating.shown import as_json
from quorate.templating.template import TemplateError
from quorate.templating.work import MAX_TREE, NOTHING, kind_of, plain


def _default(value: object, fallback: object = "", boolean: bool = False) -> object:
    if value is NOTHING or value is None or (boolean and not value):
        return fallback
    return value


def _ternary(value: object, yes: object, no: object = None, null: object = NOTHING) -> object:
    if value is None and null is not NOTHING:
        return null
    return yes if value else no


def _json(value: object, indent: int | None = None) -> str:
    return as_json(value, None if indent is None else max(0, min(8, indent)))


def _refused(word: str) -> NoReturn:
    raise TemplateError(f"the number is {word}; JSON has no such number")


def _fromjson(value: object) -> Any:
    written = text(value)
    if len(written) > MAX_TREE:
        raise TemplateError(f"the text is too long ({len(written)} characters; at most {MAX_TREE})")
    try:
        return plain(json.loads(written, parse_constant=_refused))
    except json.JSONDecodeError as error:
        raise TemplateError(f"this is not JSON: {error.msg} (line {error.lineno}, column {error.colno})") from None
    except RecursionError:
        raise TemplateError("the JSON is nested too deep") from None


def _int(value: object, default: object = NOTHING, base: int = 10) -> Any:
    try:
        if isinstance(value, str):
            return int(value.strip(), base)
        if isinstance(value, (int, float)):
            return int(value)
    except (ValueError, OverflowError):
        pass
    return _otherwise(value, default, "a whole number")


def _float(value: object, default: object = NOTHING) -> Any:
    try:
        if isinstance(value, (str, int, float)):
            return float(value)
    except (ValueError, OverflowError):
        pass
    return _otherwise(value, default, "a number")


def _otherwise(value: object, default: object, expected: str) -> Any:
    if default is not NOTHING:
        return default
    shown = f"{kind_of(value)} that is none" if isinstance(value, str) else kind_of(value)
    raise TemplateError(f"it expects {expected}, not {shown}; '(0)' after the filter is what stands in for it")


VALUE_FILTERS: Final = table(
    {
        "bool": bool,
        "d": _default,
        "default": _default,
        "float": _float,
        "fromjson": _fromjson,
        "int": _int,
        "json": _json,
        "ternary": _ternary,
        "tojson": _json,
    }
)
