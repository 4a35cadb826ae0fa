"""What a step that asks models returns."""

from collections.abc import Mapping
from typing import Any, TypeAlias, cast

import msgspec

from quorate.core.units import usd
from quorate.parallel.result import Result


class AnswerAgreement(msgspec.Struct, frozen=True, kw_only=True):
    """How much several answers agree: `score` from 0 to 1, `consensus` whether that is enough for the plan."""

    score: float
    kind: str
    consensus: bool
    confidence: float | None
    answers: int


class ModelAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One answer of one model or many.

    `text` is the answer as it was given, `value` what it says under an output contract or what was extracted of it
    (`null` if neither was asked for). `model` gave it. Tokens and cost are those of everybody who was asked;
    `cost_usd` is `null` if a price is not known. `agreement` is `null` for one answer. `simulated`: no real model
    answered. `cached`: a saved prompt had kept it since an earlier question.
    """

    text: str
    value: Any
    model: str
    finish_reason: str | None
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float | None
    agreement: AnswerAgreement | None
    simulated: bool
    cached: bool


class BranchAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What one of the models that were asked said, or why it said nothing."""

    model: str
    text: str | None
    error: str | None
    cost_usd: float | None
    latency_s: float


class ParallelAnswer(ModelAnswer, frozen=True, kw_only=True):
    """The same with what each of the models said."""

    branches: tuple[BranchAnswer, ...]


#: An answer, or its fields with those of its value beside them.
Opened: TypeAlias = ModelAnswer | dict[str, Any]


def fields_of(result: Result, value: object) -> dict[str, Any]:
    """Return the fields of a `ModelAnswer` for a result."""
    usage, completion, agreement = result.spend.usage, result.completion, result.agreement
    return {
        "text": result.answer,
        "value": value,
        "model": completion.model,
        "finish_reason": completion.finish_reason,
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "cost_usd": _usd(result.cost_microusd),
        "agreement": None
        if agreement is None
        else AnswerAgreement(
            score=agreement.score,
            kind=agreement.kind.value,
            consensus=result.consensus,
            confidence=agreement.confidence,
            answers=sum(outcome.ok for outcome in result.branches),
        ),
        "simulated": is_simulated(result),
        "cached": result.completion.metadata.get("cached") is True,
    }


def is_simulated(result: Result) -> bool:
    """Return whether an answer comes from no real model."""
    return result.completion.metadata.get("simulated") is True


def branches_of(result: Result) -> tuple[BranchAnswer, ...]:
    """Return what each branch said, in the order of the plan."""
    return tuple(
        BranchAnswer(
            model=outcome.model,
            text=outcome.text if outcome.ok else None,
            error=None if outcome.error is None else outcome.error.message,
            cost_usd=_usd(outcome.spend.cost_microusd),
            latency_s=outcome.latency_s,
        )
        for outcome in result.branches
    )


def opened(answer: ModelAnswer) -> Opened:
    """Return the answer with the fields of its value beside its own; where both have a name, its own stands."""
    if not isinstance(answer.value, Mapping):
        return answer
    own = cast("dict[str, Any]", msgspec.to_builtins(answer))
    return {**{str(name): item for name, item in cast("Mapping[Any, Any]", answer.value).items()}, **own}


def _usd(microusd: int | None) -> float | None:
    return None if microusd is None else usd(microusd)
