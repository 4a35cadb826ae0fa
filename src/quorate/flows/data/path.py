"""The way to a value within data, as people write it: `customer.items[2].name`, `0.title`, `total?`, `total?0`."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

_STEP = re.compile(r"(?:^|\.)([^\s.\[\]?'\"]+)|\[(-?[0-9]+)\]|\['([^']*)'\]")

#: What `look` returns where there is nothing; `null` is something.
MISSING: Any = object()


@dataclass(frozen=True, slots=True, kw_only=True)
class DataPath:
    """A path, taken apart. `optional`: where there is nothing, it means `default`."""

    text: str
    steps: tuple[str | int, ...]
    optional: bool = False
    default: Any = None


def read_path(text: str) -> DataPath | None:
    """Return the path that a text is, `None` if it has not the form of one.

    `?` at its end makes it optional; what follows is the default: JSON, or a text as it stands.
    """
    written, mark, default = text.partition("?")
    steps: list[str | int] = []
    end = 0
    written = written.strip()
    while end < len(written):
        found = _STEP.match(written, end)
        if found is None or (not steps and found.group(1) is None):
            return None
        steps.append(int(found.group(2)) if found.group(2) else found.group(1) or found.group(3))
        end = found.end()
    return DataPath(text=text, steps=tuple(steps), optional=bool(mark), default=_default(default)) if steps else None


def look(data: object, steps: Sequence[str | int]) -> Any:
    """Return what is at the end of a path, `MISSING` if there is nothing."""
    here = data
    for step in steps:
        here = _below(here, step)
        if here is MISSING:
            return MISSING
    return here


def _below(here: object, step: str | int) -> Any:
    if isinstance(here, Mapping):
        return cast("Mapping[str, Any]", here).get(str(step), MISSING)
    if isinstance(here, list | tuple):
        items = cast("Sequence[Any]", here)
        number = step if isinstance(step, int) else int(step) if step.isascii() and step.isdigit() else None
        return items[number] if number is not None and -len(items) <= number < len(items) else MISSING
    return MISSING


def _default(text: str) -> Any:
    text = text.strip()
    if not text:
        return None
    try:
        return json.loads(text)
    except ValueError:
        return text
