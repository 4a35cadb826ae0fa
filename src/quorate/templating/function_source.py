"""The functions of a flow as one module, and the way back from a line of it to a function."""

from collections.abc import Mapping
from typing import Final

#: What the call is written as, below the functions.
_CALL: Final = """
import json as quorate_json
quorate_json.dumps({name}(*quorate_arguments, **quorate_named), allow_nan=False, ensure_ascii=False)
"""


def module_of(functions: Mapping[str, str], name: str) -> str:
    """Return the source of all functions with a call of one of them, whose JSON is its value."""
    return "\n".join(functions.values()) + _CALL.format(name=name)


def place_of(functions: Mapping[str, str], line: int) -> tuple[str, int] | None:
    """Return the function and the line of its own source for a line of the module; `None` below all of them."""
    for name, source in functions.items():
        lines = source.count("\n") + 1
        if line <= lines:
            return name, line
        line -= lines
    return None
