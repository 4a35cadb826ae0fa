"""`--output`: a type, or a file with a JSON Schema."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from quorate.contracts.contract import Contract, OutputType, type_of_schema
from quorate.contracts.output_section import read_schema_file
from quorate.core.errors import InvalidRequest

_FLAG = "output"


def output_of(options: Mapping[str, Any]) -> Contract | None:
    """Return the contract that the flag names; raises `InvalidRequest` for what is neither a type nor a schema."""
    given = options.get(_FLAG)
    if given is None:
        return None
    if given in {each.value for each in OutputType}:
        return Contract(type=OutputType(given))
    try:
        schema = read_schema_file(Path(given))
    except OSError as error:
        types = ", ".join(OutputType)
        told = f"--output {given!r} is no type ({types}), and no file with a JSON Schema: {error.strerror}"
        raise InvalidRequest(told, param=_FLAG) from None
    return Contract(type=type_of_schema(schema), schema=schema)


def without_output(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that are the question's own."""
    return {name: value for name, value in options.items() if name != _FLAG}
