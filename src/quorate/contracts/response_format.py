"""OpenAI's `response_format` as an output contract."""

from collections.abc import Mapping
from typing import Any, cast

from quorate.contracts.contract import Contract, Validation
from quorate.contracts.schema import read_schema
from quorate.core.errors import InvalidRequest

_FIELD = "response_format.json_schema"


def contract_in(response_format: Mapping[str, Any]) -> Contract | None:
    """Return the contract that `{type: json_schema, json_schema: {schema, strict}}` is; `None` for other formats.

    `strict: true` is a strict contract, else answers that do not fit bring a warning. Nobody is asked again: the
    request costs what it would without. Raises `InvalidRequest` for a schema that cannot be used.
    """
    if response_format.get("type") != "json_schema":
        return None
    given: object = response_format.get("json_schema")
    if not isinstance(given, Mapping):
        raise InvalidRequest(f"{_FIELD} is missing; it holds `name` and `schema`", param=_FIELD)
    described = cast("Mapping[str, Any]", given)
    schema: object = described.get("schema")
    if schema is None:
        return None  # OpenAI takes this: any JSON
    if not isinstance(schema, Mapping):
        raise InvalidRequest(f"{_FIELD}.schema is no object; write a JSON Schema", param=f"{_FIELD}.schema")
    return Contract(
        schema=read_schema(cast("Mapping[str, Any]", schema), param=f"{_FIELD}.schema"),
        validation=Validation.STRICT if described.get("strict") is True else Validation.WARN,
        max_retries=0,
    )
