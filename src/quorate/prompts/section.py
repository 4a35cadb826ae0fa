"""A saved prompt as it is written: its texts, its inputs, and how they are asked."""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from quorate.contracts.output_section import ContractedSection
from quorate.parallel.plan_section import ExtraFields, Members, MemberSection, PlanSection
from quorate.source.duration import Duration
from quorate.source.section import ModelName, Section, Share, Texts

#: The name of an input or a child: it can stand in a template.
Identifier = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=100)]
#: The name of a saved prompt: it can stand in a URL.
PromptName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$", max_length=100)]


def _of_type(value: object) -> object:
    return {"type": value} if isinstance(value, str) else value


def _of_switch(value: object) -> object:
    return {"enabled": value} if isinstance(value, bool) else value


def _of_prompt(value: object) -> object:
    return {"prompt": value} if isinstance(value, str) else value


class PromptInput(Section):
    """A value that the texts need; a type alone is short for `{type: ...}`."""

    type: Literal["string", "integer", "number", "boolean", "array", "object", "any"] = "string"
    description: str = ""
    required: bool = True
    """Whether it has to be given; one with a default never does. One that is not is `null` in the texts."""
    default: Any = None
    enum: tuple[Any, ...] = ()
    """The values that it may have."""

    @property
    def needed(self) -> bool:
        """Whether a value has to come with the question."""
        return self.required and "default" not in self.model_fields_set


class PromptMessage(Section):
    """One message; its text is a template."""

    role: Literal["system", "developer", "user", "assistant"] = "user"
    content: str


class ParametersSection(Section):
    """Fields of the request; a caller who gives one himself is heard."""

    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Share | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    seed: int | None = None
    stop: Texts | None = None
    """Texts at which the answer ends."""
    extra: ExtraFields = Field(default_factory=dict)
    """Fields that go to the provider as they are."""

    def fields(self) -> dict[str, Any]:
        """Return the fields that are given, as the wire names them."""
        return {
            **self.extra,
            **{name: value for name, value in self if name != "extra" and value is not None},
        }


class CacheSection(Section):
    """Answers that are kept and given again; `true` alone is short for `{}`."""

    enabled: bool = True
    ttl: Duration | None = None
    """How long an answer is kept; none: as long as there is room."""
    key: str | None = None
    """A template over the inputs: questions for which it is the same get the same answer. None: those whose values are
    all the same."""


class ChildSection(Section):
    """Another saved prompt whose answer is a value of this one's texts; a name alone is short for `{prompt: name}`."""

    prompt: PromptName
    inputs: dict[Identifier, str] = Field(default_factory=dict)
    """Its input -> a template over this prompt's inputs; an input that is not named here gets the value of the same
    name."""


_Input = Annotated[PromptInput, BeforeValidator(_of_type, json_schema_input_type=PromptInput | str)]
_Child = Annotated[ChildSection, BeforeValidator(_of_prompt, json_schema_input_type=ChildSection | str)]

_Cache = Annotated[CacheSection, BeforeValidator(_of_switch, json_schema_input_type=CacheSection | bool)]


class PromptSection(PlanSection, ContractedSection):
    """A saved prompt. The keys of a plan (`mode`, `select`, `judge`, `retry`, ...) stand beside `models`."""

    name: PromptName | None = None
    """The name of its file without the ending; nothing else."""
    description: str = ""
    system: str | None = None
    """A template for the system message."""
    template: str | None = None
    """A template for the user's message."""
    messages: tuple[PromptMessage, ...] = ()
    """A whole conversation, in place of `template`."""
    inputs: dict[Identifier, _Input] = Field(default_factory=dict)
    """What the texts need."""
    model: ModelName | None = None
    """Who is asked; with neither `model` nor `models`, those that are asked by default."""
    models: Members = ()
    """Several models: names, or mappings with `model`, `params`, `count`, `group`, `priority` and `weight`."""
    parameters: ParametersSection = ParametersSection()
    selector_prompt: PromptName | None = None
    """A saved prompt whose text says by what criteria the best answer is chosen, and whose model chooses it."""
    children: dict[Identifier, _Child] = Field(default_factory=dict)
    """Saved prompts that are asked first, side by side; each answer is a value under the name it has here."""
    cache: _Cache = CacheSection(enabled=False)
    """Whether an answer is kept and given again, without anybody being asked."""

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if (self.template is None) == (not self.messages):
            raise PydanticCustomError("template", "needs `template` or `messages`, and not both")
        if self.model and self.models:
            raise PydanticCustomError("model", "has `model` and `models`; one of them says whom to ask")
        if self.selector_prompt and (self.judge or self.select or self.instructions):
            raise PydanticCustomError(
                "selector", "`selector_prompt` says it all: `select`, `judge` and `instructions` come from it"
            )
        if both := sorted(self.inputs.keys() & self.children.keys()):
            raise PydanticCustomError("children", "{name} is an input and a child", {"name": repr(both[0])})
        if self.output is not None and self.output.schema_file is not None:
            raise PydanticCustomError("output", "write the schema under `schema`; no file is read for it")
        return self

    def members(self, default: tuple[str, ...]) -> tuple[MemberSection, ...]:
        """Return the models to ask; `default` where none is named."""
        if self.models:
            return self.models
        return tuple(MemberSection(model=name) for name in ((self.model,) if self.model else default))

    def asked(self) -> tuple[str, ...]:
        """Return every model that is named."""
        helpers = (self.judge, self.synthesiser, self.pair_judge)
        return tuple(name for name in (self.model, *(each.model for each in self.models), *helpers) if name)

    def below(self) -> tuple[str, ...]:
        """Return the saved prompts that this one is made of."""
        selector = () if self.selector_prompt is None else (self.selector_prompt,)
        return (*(each.prompt for each in self.children.values()), *selector)
