"""Whether a value satisfies a JSON Schema, said by the library that also checks answers."""

from functools import cache
from itertools import islice
from typing import Any

from quorate.core.errors import InvalidRequest

_MESSAGE_CHARS = 200
#: A value with more faults than this has another one than a pattern.
_MOST_FAULTS = 100


class SchemaCheck:
    """A compiled schema. Raises `InvalidRequest` for what is none; no reference is followed out of it."""

    def __init__(self, schema: object) -> None:
        rust = _rust()
        try:
            self._validator: Any = rust.validator_for(schema, validate_formats=True, mask="the value", offline=True)
        except rust.ValidationError as error:
            place = "/".join(map(str, error.instance_path)) or "its top level"
            what = error.message
            if list(error.schema_path)[-2:] == ["type", "anyOf"]:
                what = f"{error.instance!r} is no type"
            raise InvalidRequest(f"the schema cannot be read at {place}: {_cut(what)}", param="schema") from None
        except ValueError as error:
            raise InvalidRequest(f"the schema cannot be read: {_cut(str(error))}", param="schema") from None

    def objection(self, value: object) -> str | None:
        """Return what in the schema the value does not satisfy; a `pattern` counts for nothing: few texts are tried."""
        try:
            if self._validator.is_valid(value):
                return None
            for error in islice(self._validator.iter_errors(value), _MOST_FAULTS):
                if list(error.schema_path)[-1:] != ["pattern"]:
                    return _cut(f"{'/'.join(map(str, error.schema_path))}: {error.message}")
        except ValueError as error:
            return _cut(str(error))
        return None


@cache
def _rust() -> Any:
    import jsonschema_rs  # noqa: PLC0415 - slow: 14 MB, needed only where there is a schema

    return jsonschema_rs


def _cut(text: str) -> str:
    return text if len(text) <= _MESSAGE_CHARS else f"{text[: _MESSAGE_CHARS - 3]}..."
