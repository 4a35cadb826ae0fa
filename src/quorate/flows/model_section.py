"""What every step that asks models may say: whom, with which parameters, and what the answer has to be."""

import json
from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from quorate.contracts.contract import Contract, OutputType, Validation
from quorate.contracts.output_section import OutputGiven, OutputSection
from quorate.flows.extract import Extract
from quorate.parallel.plan_section import ExtraFields, Members, MemberSection, PlanSection
from quorate.source.section import ModelName, Section, Share, Texts


def _as_text(value: object) -> object:
    if isinstance(value, dict | list | tuple | bool):
        return json.dumps(value, ensure_ascii=False)
    return value


#: A text; what is no text (an output of another step, as a whole) stands in it as JSON.
Written = Annotated[str, BeforeValidator(_as_text)]


class MessageSection(Section):
    """One message of a conversation."""

    role: Literal["system", "developer", "user", "assistant"] = "user"
    content: Written | list[dict[str, Any]]
    """A text, or the parts of a message in OpenAI's form (`{type: image_url, image_url: {url: ...}}`)."""


class ModelStepSection(PlanSection):
    """Whom a step asks, and how."""

    model: ModelName | None = None
    """A model, ensemble or saved prompt of the catalog, or `provider:model-id`; none: those that are asked by default.
    """
    provider: str | None = None
    """Where `model` runs, if it is the provider's own name for it."""
    models: Members = ()
    """Several models, which makes the step a plan; the plan's keys stand beside it."""
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Share | None = None
    seed: int | None = None
    stop_at: Texts | None = None
    """Texts at which the answer ends."""
    extra: ExtraFields = Field(default_factory=dict)
    """Further fields of the request, as the provider names them."""
    response_format: dict[str, Any] | None = None
    """OpenAI's own words for what an answer has to be."""
    output: OutputGiven | None = None
    """What the answer has to be: a type, or a JSON Schema and what happens where an answer does not fit it."""
    json_schema: dict[str, Any] | None = None
    """Short for `output: {schema: ...}`."""
    output_type: OutputType | None = None
    """Short for `output: {type: ...}`."""
    validation: Validation | None = None
    """What becomes of an answer that is something else; not given: `strict`."""
    extract: Extract = Extract.NONE
    """What is taken out of the answer as its `value`: the text of a fenced block, or JSON."""
    stream: bool = False
    """Pass the answer on piece by piece to whoever watches the run."""

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        if self.model and self.models:
            raise PydanticCustomError("model", "has `model` and `models`; one of them says whom to ask")
        if self.provider and not self.model:
            raise PydanticCustomError("provider", "`provider` needs `model`, the provider's name of it")
        if self.output and self._is_short():
            raise PydanticCustomError("output", "has `output` and its short forms; one of them says it all")
        if self.validation and not self._is_short():
            raise PydanticCustomError("validation", "`validation` stands beside `json_schema` or `output_type`")
        if self.output and self.output.schema_file:
            raise PydanticCustomError("output", "a flow has no files beside it; write the schema under `schema`")
        if self.contract_section() and self.extract is not Extract.NONE:
            raise PydanticCustomError("extract", "has `extract` and a contract; the value can be one of both")
        return self

    def members(self, default: Sequence[str]) -> tuple[MemberSection, ...]:
        """Return the models to ask; `default` where none is named."""
        if self.models:
            return self.models
        if self.model is None:
            return tuple(MemberSection(model=name) for name in default)
        return (MemberSection(model=f"{self.provider}:{self.model}" if self.provider else self.model),)

    def contract_section(self) -> OutputSection | None:
        """Return what is said of the answer, in one form."""
        if self.output is not None or not self._is_short():
            return self.output
        given = {"type": self.output_type, "schema": self.json_schema, "validation": self.validation}
        return OutputSection.model_validate({name: value for name, value in given.items() if value is not None})

    def _is_short(self) -> bool:
        return self.json_schema is not None or self.output_type is not None

    def contract(self) -> Contract | None:
        """Return what the answer has to be; `None` for anything. Raises `InvalidRequest` for a schema that is none."""
        section = self.contract_section()
        return None if section is None else section.contract(None)

    def request_fields(self) -> dict[str, Any]:
        """Return the fields of the request that are given."""
        given = {
            "temperature": self.temperature,
            "top_p": self.top_p,
            "seed": self.seed,
            "stop": self.stop_at,
            "response_format": self.response_format,
        }
        return {**self.extra, **{name: value for name, value in given.items() if value is not None}}
