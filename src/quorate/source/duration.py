"""How long something is: `500ms`, `3s`, `2m`, `1h`, `7d`, `1h30m`, or a number of seconds."""

import re
from typing import Annotated

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

_UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d)")
_WHOLE = re.compile(rf"(?:{_PART.pattern})+")


def seconds(value: object) -> object:
    """Return a written duration in seconds; anything that is no text is left to the next check."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    if not _WHOLE.fullmatch(text):
        raise PydanticCustomError("duration", "expected a duration such as 500ms, 3s, 2m, 1h30m or 7d")
    return sum(float(number) * _UNITS_S[unit] for number, unit in _PART.findall(text))


#: Seconds, written as a duration.
Duration = Annotated[float, BeforeValidator(seconds, json_schema_input_type=str | float), Field(ge=0, le=31_622_400)]
