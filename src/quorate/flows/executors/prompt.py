"""Ask a saved prompt."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AliasChoices, Field

from quorate.engine.most import UNKNOWN, WorstCase
from quorate.flows.asking_cost import Costing
from quorate.flows.executor import Executor, StepContext
from quorate.flows.extract import Extract, extracted
from quorate.flows.model_answer import ModelAnswer, Opened, fields_of, opened
from quorate.source.section import Section


class PromptConfig(Section):
    """Which saved prompt, with which values."""

    name: Annotated[str, Field(validation_alias=AliasChoices("name", "prompt"))]
    """Its name; `prompt` is the same."""
    values: Annotated[dict[str, Any], Field(validation_alias=AliasChoices("values", "inputs"))] = Field(
        default_factory=dict
    )
    """Values for its inputs; `inputs` is the same."""
    extract: Extract = Extract.NONE
    """What is taken out of the answer as its `value`, for a prompt without a contract."""


class PromptExecutor(Executor[PromptConfig, Opened]):
    """Returns the same as `llm`: whom to ask, how, and what the answer has to be is said by the saved prompt."""

    name = "prompt"
    summary = "Ask a saved prompt with values for its inputs."
    config = PromptConfig
    result = ModelAnswer
    open_result = True
    billed = True

    def worst_case(self, config: Mapping[str, Any], costing: Costing | None) -> WorstCase:
        """Return the most that asking the prompt, its children included, can need."""
        return UNKNOWN if costing is None else costing.prompt(config.get("name", config.get("prompt")))

    async def run(self, config: PromptConfig, step: StepContext) -> Opened:
        """Render it, its children first, and ask."""
        result = await step.services.prompts.run(config.name, config.values, step.call)
        value = extracted(result.answer, config.extract) if result.output is None else result.output.value
        return opened(ModelAnswer(**fields_of(result, value)))
