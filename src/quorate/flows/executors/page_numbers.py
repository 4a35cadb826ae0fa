"""Pages as people write them: `1-3,7`, `2`, `[1, 2]`."""

import re
from collections.abc import Sequence
from typing import Annotated, cast

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

_RANGE = re.compile(r"(\d{1,6})(?:\s*-\s*(\d{1,6}))?")
_MOST = 5_000


def page_numbers(value: object) -> object:
    """Return pages as a list of numbers from 1, each once, in order."""
    if isinstance(value, int):
        value = [value]
    if isinstance(value, str):
        value = [number for part in value.split(",") if part.strip() for number in _range(part.strip())]
    if not isinstance(value, list | tuple):
        return value
    numbers = cast("Sequence[object]", value)
    if len(numbers) > _MOST or any(not isinstance(number, int) or number < 1 for number in numbers):
        raise PydanticCustomError("pages", "pages are numbers from 1, at most 5000 of them")
    return sorted(set(cast("Sequence[int]", numbers)))


def _range(part: str) -> Sequence[int]:
    if (match := _RANGE.fullmatch(part)) is None:
        raise PydanticCustomError("pages", "expected pages such as 1-3,7")
    first = int(match[1])
    last = int(match[2] or first)
    if last < first or last - first >= _MOST:
        raise PydanticCustomError(
            "pages", "a range of pages goes from a lower number to a higher one, over 5000 at most"
        )
    return range(first, last + 1)


#: Numbers of pages, from 1; none: all.
PageNumbers = Annotated[tuple[int, ...], BeforeValidator(page_numbers, json_schema_input_type=list[int] | int | str)]
