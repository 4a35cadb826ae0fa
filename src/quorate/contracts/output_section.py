"""What an answer has to be, as written."""

import json
from pathlib import Path
from typing import Annotated, Any, Self, cast

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from quorate.contracts.contract import MAX_RETRIES, Contract, OutputType, Validation, type_of_schema
from quorate.contracts.schema import MAX_SCHEMA_BYTES, Schema, read_schema
from quorate.core.errors import InvalidRequest
from quorate.source.section import FilePath, ModelName, Section, mapping

_CONTRACT = Contract()


def _usable(value: dict[str, Any]) -> dict[str, Any]:
    try:
        read_schema(value, param="schema")
    except InvalidRequest as error:
        raise PydanticCustomError("schema", "{why}", {"why": error.message.removeprefix("schema: ")}) from None
    return value


class OutputSection(Section):
    """An output contract; a type alone is short for `{type: ...}`."""

    type: OutputType | None = None
    """What an answer is read as; not given: what the schema says, else any JSON."""
    schema_: Annotated[dict[str, Any], AfterValidator(_usable)] | None = Field(default=None, alias="schema")
    """A JSON Schema (draft 4 to 2020-12) that the value has to fit. It is complete: no reference is fetched."""
    schema_file: FilePath | None = None
    """A file with the schema, as JSON."""
    validation: Validation = _CONTRACT.validation
    """`strict`: an answer that does not keep the contract has failed. `warn`: it is given, with its problems. `none`:
    it is read as the type and not checked."""
    repair: bool = _CONTRACT.repair
    """Mend JSON that is almost right."""
    repair_model: ModelName | None = None
    """A model that is asked to bring an answer into its form where nothing else helped; no ensemble."""
    max_retries: Annotated[int, Field(ge=0, le=MAX_RETRIES)] = _CONTRACT.max_retries
    """How often the model is asked again with what was wrong, with `validation: strict`."""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.schema_ is not None and self.schema_file is not None:
            raise PydanticCustomError("output", "has `schema` and `schema_file`; one of them says it all")
        if self.type is None and self.schema_ is None and self.schema_file is None:
            raise PydanticCustomError("output", "says nothing about the answer; give `type`, `schema` or `schema_file`")
        return self

    def contract(self, schema: Schema | None) -> Contract:
        """Return the contract it describes; `schema` is the one of its file, if it names one."""
        if self.schema_ is not None:
            schema = read_schema(self.schema_, param="schema")
        inferred = None if schema is None else type_of_schema(schema)
        return Contract(
            type=self.type or inferred,
            schema=schema,
            validation=self.validation,
            repair=self.repair,
            repair_model=self.repair_model,
            max_retries=self.max_retries,
        )


def _of_type(value: object) -> object:
    return {"type": value} if isinstance(value, str) else value


#: An output contract, or a type alone.
OutputGiven = Annotated[OutputSection, BeforeValidator(_of_type, json_schema_input_type=OutputSection | OutputType)]


class ContractedSection(Section):
    """What everything that answers may say about its answers."""

    output: OutputGiven | None = None
    """What an answer has to be. Streamed answers are held back until they are."""


def read_schema_file(path: Path) -> Schema:
    """Return the schema in a JSON file; raises `InvalidRequest` for what is none and `OSError`. Blocking."""
    with path.open("rb") as file:
        data = file.read(MAX_SCHEMA_BYTES + 1)
    shown = str(path)
    if len(data) > MAX_SCHEMA_BYTES:
        raise InvalidRequest(f"{shown}: the schema has more than {MAX_SCHEMA_BYTES} bytes", param="schema_file")
    try:
        value = cast("object", json.loads(data))
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(f"{shown}: it is not JSON: {error}", param="schema_file") from None
    written = mapping(value)
    if written is None:
        raise InvalidRequest(f"{shown}: a JSON Schema is an object", param="schema_file")
    return read_schema(written, param=shown)
