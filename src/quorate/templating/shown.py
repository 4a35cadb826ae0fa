"""A value as text: what `{{ value }}` puts into a text around it."""

import json

from quorate.templating.template import TemplateError
from quorate.templating.work import plain


def shown(value: object) -> str:
    """Return texts as they are, nothing for null, `true` or `false`, numbers as written, all else as JSON."""
    match value:
        case str():
            return value
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case int() | float():
            return _number(value)
        case _:
            return as_json(value)


def _number(value: float) -> str:
    try:
        return json.dumps(value, allow_nan=False)
    except ValueError:
        raise TemplateError("the number cannot be written: it is too large, or none that JSON has") from None


def as_json(value: object, indent: int | None = None) -> str:
    """Return JSON. Raises `TemplateError` when the value is not plain data, too large or too deep."""
    separators = (", ", ": ") if indent is None else (",", ": ")
    return json.dumps(plain(value), ensure_ascii=False, indent=indent, allow_nan=False, separators=separators)
