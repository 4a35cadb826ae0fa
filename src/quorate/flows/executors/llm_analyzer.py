"""Have a model analyse a text: the executor `llm` in the words of the platform that has this name for it."""

from typing import Any, Literal

from pydantic import ConfigDict, Field

from quorate.consensus.framing import frame, untrusted_notice
from quorate.contracts.json_text import canonical
from quorate.core.secret import new_nonce
from quorate.flows.ask_models import ask_models, value_of
from quorate.flows.executor import Executor, StepContext, StepRejected
from quorate.flows.extract import Extract
from quorate.flows.model_answer import ModelAnswer, Opened, fields_of, opened
from quorate.flows.model_section import ModelStepSection, Written
from quorate.flows.step_messages import step_messages


class LlmAnalyzerConfig(ModelStepSection):
    """What is analysed, and how. Keys that are not known here are facts that the model is shown under their names."""

    model_config = ConfigDict(extra="allow")

    text: Written | None = None
    """What is analysed; not given, and no prompt either: the `text` of a step that this one waits for, else the flow's
    input of that name."""
    analysis_type: str | None = None
    """What to look for; not given: what the step's name says (`extract_entities`)."""
    prompt: Written | None = Field(default=None)
    """What to do with the text, in whole sentences."""
    prompt_template: Written | None = None
    """The same as `prompt`."""
    system: Written | None = None
    output_format: Literal["text", "json", "markdown"] = "text"
    """`json`: the answer's value is the JSON in it. `markdown`: the text of its fenced block."""

    def facts(self) -> dict[str, Any]:
        """Return the further keys."""
        return dict(self.model_extra or {})


class LlmAnalyzerExecutor(Executor[LlmAnalyzerConfig, Opened]):
    """Returns the same as `llm`. The text is shown to the model as material between marks, not as instructions."""

    name = "llm_analyzer"
    summary = "Have a model analyse a text by a type of analysis or a prompt of your own."
    config = LlmAnalyzerConfig
    result = ModelAnswer
    open_result = True
    billed = True

    async def run(self, config: LlmAnalyzerConfig, step: StepContext) -> Opened:
        """Ask, and wait for the whole analysis."""
        if config.output_format != "text" and config.extract is Extract.NONE and config.contract_section() is None:
            config = config.model_copy(update={"extract": Extract(config.output_format)})
        result = await ask_models(config, step_messages(config.system, _prompt(config, step)), step)
        return opened(ModelAnswer(**fields_of(result, value_of(config, result))))


def _text_at_hand(step: StepContext) -> object:
    """Return the first text among what the step waits for, else the input `text`; `None` if there is neither."""
    steps: dict[str, Any] = step.scope.get("steps", {})
    texts = [steps.get(name, {}).get("text") for name in step.needs]
    return next((text for text in texts if text is not None), step.scope.get("inputs", {}).get("text"))


def _prompt(config: LlmAnalyzerConfig, step: StepContext) -> str:
    task = config.prompt or config.prompt_template
    given = config.text
    if given is None and task is None:
        given = _text_at_hand(step)
    if given is None and task is None:
        raise StepRejected("there is nothing to analyse", hint="set `text`, or `prompt` with the text in it")
    kind = config.analysis_type or step.path.rpartition("/")[2].partition("[")[0]
    parts = [task or f"Carry out this analysis of the text below: {kind.replace('_', ' ')}."]
    if config.output_format == "json":
        parts.append("Reply with one JSON object and nothing else.")
    nonce = new_nonce()
    facts = [frame("fact", _shown(value), nonce=nonce, label=name) for name, value in config.facts().items()]
    material = [*facts, *([] if given is None else [frame("text", _shown(given), nonce=nonce)])]
    return "\n\n".join([*parts, *([untrusted_notice(nonce)] if material else []), *material])


def _shown(value: object) -> str:
    return value if isinstance(value, str) else canonical(value)
