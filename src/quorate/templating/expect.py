"""What a built-in asks of its arguments, with an error in words when it gets something else."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from quorate.templating.template import TemplateError
from quorate.templating.work import kind_of


def text(value: object) -> str:
    """Return a text; numbers are taken as they are written."""
    if isinstance(value, str):
        return value
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    raise _wrong("a text", value)


def number(value: object) -> int | float:
    """Return a number."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value
    raise _wrong("a number", value)


def whole(value: object) -> int:
    """Return a whole number."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise _wrong("a whole number", value)


def items(value: object) -> list[Any]:
    """Return a list: of the characters of a text, of the keys of a mapping."""
    match value:
        case list():
            return cast("list[Any]", value)
        case tuple() | str() | Mapping():
            return list(cast("Sequence[Any]", value))
        case _ if hasattr(value, "__len__") and hasattr(value, "__iter__"):
            return list(cast("Sequence[Any]", value))  # a view of the engine
        case _:
            raise _wrong("a list", value)


def mapping(value: object) -> Mapping[Any, Any]:
    """Return a mapping."""
    if isinstance(value, Mapping):
        return cast("Mapping[Any, Any]", value)
    raise _wrong("a mapping", value)


def _wrong(expected: str, value: object) -> TemplateError:
    return TemplateError(f"it expects {expected}, not {kind_of(value)}")
