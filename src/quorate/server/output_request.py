"""An output contract as a request brings it."""

from typing import Annotated, Any

import msgspec

from quorate.contracts.contract import MAX_RETRIES, Contract, OutputType, Validation, type_of_schema
from quorate.contracts.schema import read_schema
from quorate.core.errors import InvalidRequest


class OutputOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """What an answer has to be: a `type`, a JSON `schema` or both; a type alone may stand in its place.

    `validation`: `strict` (an answer that is not has failed), `warn` or `none`. `repair`: mend JSON that is almost
    right; `repairModel` is asked where that is not enough. `maxRetries`: how often a model is asked again.
    """

    type: OutputType | None = None
    schema: dict[str, Any] | None = None
    validation: Validation = Validation.STRICT
    repair: bool = True
    repair_model: Annotated[str, msgspec.Meta(min_length=1, max_length=400)] | None = None
    max_retries: Annotated[int, msgspec.Meta(ge=0, le=MAX_RETRIES)] = 1


def requested_contract(given: OutputType | OutputOptions, path: str) -> Contract:
    """Return the contract that a request asks for at `path`; raises `InvalidRequest` for what cannot be used."""
    if isinstance(given, OutputType):
        return Contract(type=given)
    if given.type is None and given.schema is None:
        raise InvalidRequest(f"{path} says nothing about the answer; give `type` or `schema`", param=path)
    schema = None if given.schema is None else read_schema(given.schema, param=f"{path}.schema")
    return Contract(
        type=given.type or (None if schema is None else type_of_schema(schema)),
        schema=schema,
        validation=given.validation,
        repair=given.repair,
        repair_model=given.repair_model,
        max_retries=given.max_retries,
    )
