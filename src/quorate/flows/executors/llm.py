"""Ask a model, or several at once by a plan, and read the answer."""

from typing import Self

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from quorate.flows.ask_models import ask_models, value_of
from quorate.flows.executor import Executor, StepContext
from quorate.flows.model_answer import ModelAnswer, Opened, fields_of, opened
from quorate.flows.model_section import MessageSection, ModelStepSection, Written
from quorate.flows.step_messages import step_messages


class LlmConfig(ModelStepSection):
    """Whom to ask what."""

    prompt: Written | None = None
    """What is asked; values of the flow that stand in it are text to the model like the rest of it."""
    system: Written | None = None
    """What the model is told before."""
    messages: tuple[MessageSection, ...] = ()
    """A whole conversation, in place of `prompt`."""

    @model_validator(mode="after")
    def _asks(self) -> Self:
        if bool(self.prompt) == bool(self.messages):
            raise PydanticCustomError("prompt", "needs `prompt` or `messages`, and not both")
        return self


class LlmExecutor(Executor[LlmConfig, Opened]):
    """Returns one answer; the fields of its value, if that is a mapping, stand beside those of the answer."""

    name = "llm"
    summary = "Ask any model of the catalog, or several at once, and read the answer as text, JSON or a checked value."
    config = LlmConfig
    result = ModelAnswer
    open_result = True
    billed = True

    async def run(self, config: LlmConfig, step: StepContext) -> Opened:
        """Ask, and wait for the whole answer."""
        messages = step_messages(config.system, config.prompt, config.messages)
        result = await ask_models(config, messages, step)
        return opened(ModelAnswer(**fields_of(result, value_of(config, result))))
