"""Data with every text in it escaped, so that a template for HTML can insert none of it as markup."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, cast

from quorate.flows.executor import StepRejected

_MAX_DEPTH = 200


def escaped(value: object, depth: int = 0) -> Any:
    """Return the value with its texts, keys too, escaped for HTML (`&`, `<`, `>`, both quotes).

    What is escaped is what goes in, so it holds whatever the template engine does; a filter that decodes a text (from
    base64, say) gives it as it was. Raises `StepRejected` for data that is nested too deep.
    """
    if depth > _MAX_DEPTH:
        raise StepRejected(f"a template sees data that is nested deeper than {_MAX_DEPTH} levels", code="too_deep")
    match value:
        case str():
            return escape(value)
        case Mapping():
            entries = cast("Mapping[object, object]", value).items()
            return {escape(str(key)): escaped(each, depth + 1) for key, each in entries}
        case list() | tuple():
            return [escaped(each, depth + 1) for each in cast("Sequence[object]", value)]
        case _:
            return value
