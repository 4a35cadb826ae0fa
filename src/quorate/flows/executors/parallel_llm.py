"""Ask several models at once by a plan, and keep what each of them said."""

from typing import Self

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from quorate.flows.ask_models import ask_models, value_of
from quorate.flows.executor import Executor, StepContext
from quorate.flows.executors.llm import LlmConfig
from quorate.flows.model_answer import ParallelAnswer, branches_of, fields_of
from quorate.flows.step_messages import step_messages


class ParallelLlmConfig(LlmConfig):
    """Whom to ask what, and by which plan: `mode`, `select`, `min_models` and the others stand beside `models`."""

    @model_validator(mode="after")
    def _asks_several(self) -> Self:
        if self.model or self.provider:
            raise PydanticCustomError("models", "names its models under `models`")
        return self


class ParallelLlmExecutor(Executor[ParallelLlmConfig, ParallelAnswer]):
    """Returns the answer of the plan with its agreement, and every branch."""

    name = "parallel_llm"
    summary = "Ask several models at once: all, a race or a quorum; one answer, its agreement, and what each one said."
    config = ParallelLlmConfig
    result = ParallelAnswer
    billed = True

    async def run(self, config: ParallelLlmConfig, step: StepContext) -> ParallelAnswer:
        """Run the plan."""
        messages = step_messages(config.system, config.prompt, config.messages)
        result = await ask_models(config, messages, step)
        return ParallelAnswer(**fields_of(result, value_of(config, result)), branches=branches_of(result))
