"""`validate`: data against a JSON Schema."""

from enum import StrEnum
from typing import Any

import msgspec
from pydantic import Field, field_validator

from quorate.contracts.schema import read_schema
from quorate.core.errors import InvalidRequest
from quorate.flows.data.view import unwrapped
from quorate.flows.data.weight import worked
from quorate.flows.executor import Executor, StepContext, StepRejected
from quorate.source.section import Section


class ValidateMode(StrEnum):
    """What data that does not fit means: the step fails (`strict`), or says so (`report`)."""

    STRICT = "strict"
    REPORT = "report"


class ValidateConfig(Section):
    """What is checked against what."""

    data: Any
    """The data; of a step (`{{ steps.x }}`), its output."""
    schema_: dict[str, Any] = Field(alias="schema")
    """A JSON Schema; nothing outside of it is fetched."""
    mode: ValidateMode = ValidateMode.STRICT

    @field_validator("schema_")
    @classmethod
    def _usable(cls, schema: dict[str, Any]) -> dict[str, Any]:
        try:
            read_schema(schema, param="schema")
        except InvalidRequest as error:
            raise ValueError(error.message) from None
        return schema


class SchemaProblem(msgspec.Struct, frozen=True, kw_only=True):
    """What does not fit: where in the data (`$.items[0].price`), and what is wrong."""

    path: str
    message: str


class ValidateResult(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the data fits, what does not (at most 8 problems), and the data itself."""

    valid: bool
    problems: tuple[SchemaProblem, ...]
    data: Any


class ValidateExecutor(Executor[ValidateConfig, ValidateResult]):
    """Checks data against a JSON Schema (drafts 4 to 2020-12)."""

    name = "validate"
    summary = "Checks data against a JSON Schema: fails, or reports what does not fit."
    config = ValidateConfig
    result = ValidateResult

    async def run(self, config: ValidateConfig, step: StepContext) -> ValidateResult:
        """Return what does not fit; raise `StepRejected` with all of it in `strict` mode."""
        del step
        data = unwrapped(config.data)
        schema = read_schema(config.schema_, param="schema")
        found = await worked(data, lambda: schema.problems(data))
        problems = tuple(SchemaProblem(path=problem.path, message=problem.message) for problem in found)
        if problems and config.mode is ValidateMode.STRICT:
            told = "; ".join(f"{problem.path}: {problem.message}" for problem in problems)
            raise StepRejected(
                f"the data does not fit the schema: {told}",
                code="invalid_data",
                hint="correct the step that made it, or use `mode: report` and look at `problems`",
            )
        return ValidateResult(valid=not problems, problems=problems, data=data)
