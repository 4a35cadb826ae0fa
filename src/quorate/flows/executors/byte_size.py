"""Sizes of files as people write them: `10MB`, `512 KiB`, `1000`."""

import re
from typing import Annotated

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([kmg]?)(i?)(b?)\s*", re.IGNORECASE)
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3}


def byte_size(value: object) -> object:
    """Return a size in bytes; `MB` is a million bytes, `MiB` is 1024 times 1024."""
    if not isinstance(value, str):
        return value
    if (match := _SIZE.fullmatch(value)) is None:
        raise PydanticCustomError("size", "expected a size such as 10MB, 512KiB or 1000 (bytes)")
    number, power, binary, _ = match.groups()
    return round(float(number) * (1024 if binary else 1000) ** _POWERS[power.lower()])


#: Bytes.
ByteSize = Annotated[int, BeforeValidator(byte_size, json_schema_input_type=int | str)]
