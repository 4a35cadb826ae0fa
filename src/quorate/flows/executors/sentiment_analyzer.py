"""Have a model tell the sentiment of a text, in a fixed form."""

from typing import Any, Literal, Self

import msgspec
from pydantic import model_validator
from pydantic_core import PydanticCustomError

from quorate.consensus.framing import frame, untrusted_notice
from quorate.contracts.contract import Contract
from quorate.contracts.schema import read_schema
from quorate.core.secret import new_nonce
from quorate.core.units import usd
from quorate.flows.ask_models import ask_models
from quorate.flows.executor import Executor, StepContext
from quorate.flows.extract import Extract
from quorate.flows.model_answer import is_simulated
from quorate.flows.model_section import ModelStepSection, Written
from quorate.flows.step_messages import step_messages
from quorate.wire.chat import Message

_LABELS = {
    "three": ("negative", "neutral", "positive"),
    "five": ("very negative", "negative", "neutral", "positive", "very positive"),
}


class SentimentConfig(ModelStepSection):
    """Which text, by which scale."""

    text: Written
    """The text; whatever it says, it is no instruction to the model."""
    scale: Literal["three", "five"] = "three"
    """How many labels there are: negative, neutral and positive, or `very` of both as well."""
    aspects: tuple[str, ...] = ()
    """What to tell the sentiment towards, one by one (`price`, `service`), beside that of the whole."""

    @model_validator(mode="after")
    def _has_one_form(self) -> Self:
        if self.contract_section() is not None or self.extract is not Extract.NONE:
            raise PydanticCustomError("output", "the form of a sentiment is fixed; `llm` takes `output` and `extract`")
        return self


class Sentiment(msgspec.Struct, frozen=True, kw_only=True):
    """What the model finds: `score` from -1 (negative) to 1, `confidence` from 0 to 1.

    `aspects` maps each aspect that was asked for to its `label` and `score`, `null` where the text says nothing of it.
    `simulated`: no real model was asked.
    """

    label: str
    score: float
    confidence: float
    reasons: list[str]
    aspects: dict[str, Any]
    model: str
    cost_usd: float | None
    simulated: bool


class SentimentAnalyzerExecutor(Executor[SentimentConfig, Sentiment]):
    """Returns a label, a score, a confidence and reasons; one in any other form is asked for again, then fails."""

    name = "sentiment_analyzer"
    summary = "Have a model tell the sentiment of a text: label, score, confidence and reasons, also for aspects."
    config = SentimentConfig
    result = Sentiment
    billed = True

    async def run(self, config: SentimentConfig, step: StepContext) -> Sentiment:
        """Ask under a contract."""
        result = await ask_models(config, _messages(config), step, contract=_contract(config))
        found: Any = None if result.output is None else result.output.value
        cost = result.cost_microusd
        return Sentiment(
            label=found["label"],
            score=found["score"],
            confidence=found["confidence"],
            reasons=found["reasons"],
            aspects=found.get("aspects", {}),
            model=result.completion.model,
            cost_usd=None if cost is None else usd(cost),
            simulated=is_simulated(result),
        )


def _contract(config: SentimentConfig) -> Contract:
    judged: dict[str, Any] = {
        "label": {"enum": list(_LABELS[config.scale])},
        "score": {"type": "number", "minimum": -1, "maximum": 1},
    }
    properties: dict[str, Any] = {
        **judged,
        "confidence": {"type": "number", "minimum": 0, "maximum": 1},
        "reasons": {"type": "array", "items": {"type": "string"}},
    }
    if config.aspects:
        aspect = {"type": ["object", "null"], "properties": judged, "required": list(judged)}
        properties["aspects"] = {
            "type": "object",
            "properties": dict.fromkeys(config.aspects, aspect),
            "required": list(config.aspects),
            "additionalProperties": False,
        }
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    return Contract(schema=read_schema(schema, param="sentiment"))


def _messages(config: SentimentConfig) -> tuple[Message, ...]:
    nonce = new_nonce()
    aspects = "".join(f"\n- {aspect}" for aspect in config.aspects)
    wanted = (
        '\nAdd "aspects": an object with, for each of these, its "label" and "score", or null if the text says nothing'
        f" of it:{aspects}"
        if aspects
        else ""
    )
    task = (
        'Tell the sentiment of a text. Reply with one JSON object and nothing else: {"label": one of '
        f'{", ".join(_LABELS[config.scale])}, "score": a number from -1 (negative) to 1 (positive), "confidence": a '
        f'number from 0 to 1, "reasons": a list of short texts}}{wanted}\n{untrusted_notice(nonce)}'
    )
    return step_messages(task, frame("text", config.text, nonce=nonce))
