"""Replies that call functions: the same calls with the same arguments are the same answer."""

import json
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple, cast

DIFFERENT_CAP = 0.6  # calls that differ do something else: below the usual stop line however much they share
_EXACT_FLOAT = 2.0**53
_MOST_CALLS = 128


class ToolCallText(NamedTuple):
    """A call as the model wrote it: the function's name, and its arguments as JSON text ('' means none)."""

    name: str
    arguments: str = ""


class Calls(NamedTuple):
    """The calls of one reply in canonical form, sorted: calls of one reply run side by side, their order is nothing."""

    names: tuple[str, ...]
    texts: tuple[str, ...]

    @property
    def text(self) -> str:
        """The canonical text of all: `name({"key":value})`, one a line."""
        return "\n".join(self.texts)


def read_calls(calls: Sequence[ToolCallText]) -> Calls | None:
    """Return the calls in canonical form, or None if the arguments of one are no JSON object: nothing can run those.

    Keys are sorted, numbers written in one way (1.0 is 1, 1e3 is 1000), outer blanks of texts cut. A field that is
    null is as good as absent. "5" and 5 differ, so do texts that differ in case: a function gets them as they are.
    """
    texts: list[tuple[str, str]] = []
    for call in calls[:_MOST_CALLS]:
        try:
            value = cast("object", json.loads(call.arguments.strip() or "{}", strict=False))
            if not isinstance(value, dict):
                return None
            fields = _canonical(cast("object", value))
            arguments = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        except (ValueError, RecursionError):
            return None
        texts.append((call.name.strip(), f"{call.name.strip()}({arguments})"))
    texts.sort()
    return Calls(names=tuple(name for name, _ in texts), texts=tuple(text for _, text in texts))


def calls_score(one: Calls, other: Calls) -> tuple[float, tuple[str, ...]]:
    """Return 1 for the same calls in any order, else the share of calls in common, at most .6, and what differs."""
    if one.texts == other.texts:
        return 1.0, ()
    shared = (Counter(one.texts) & Counter(other.texts)).total()
    share = 2 * shared / (len(one.texts) + len(other.texts))
    return min(share, DIFFERENT_CAP), ("arguments" if one.names == other.names else "function",)


def _canonical(value: object) -> object:
    match value:
        case dict():
            fields = cast("dict[str, object]", value)
            return {key: _canonical(field) for key, field in fields.items() if field is not None}
        case list():
            return [_canonical(item) for item in cast("list[object]", value)]
        case float() if value.is_integer() and abs(value) < _EXACT_FLOAT:
            return int(value)
        case str():
            return value.strip()
        case _:
            return value
