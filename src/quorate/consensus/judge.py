"""Prompts for a judging model and strict parsers of its verdicts; calling the model is the caller's work."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import cast

from quorate.consensus.framing import LabelledAnswer, PromptMessage, frame, framed_answers, untrusted_notice
from quorate.consensus.kind import Kind
from quorate.consensus.result import Agreement
from quorate.consensus.verdict import PairVerdict

GREY_LOW, GREY_HIGH = 0.3, 0.8
_REASON_CHARS = 500
_FENCE = "```"
_PAIR_TASK = """You compare two answers to the same question. Judge their meaning, not their style: a short answer and a
long one agree if they say the same where it answers the question. Length, tone, format and confidence count for
nothing. Decide two things separately:
1. "a_implies_b": would someone who accepts everything in answer A have to accept every claim of answer B that answers
the question?
2. "b_implies_a": the same the other way round.
A contradiction in any claim that answers the question makes both false.
Reply with one JSON object and nothing else: {"a_implies_b": true or false, "b_implies_a": true or false, "reason": "one
sentence"}"""
_SELECTION_TASK = """You choose the best of several answers to the same question: the most correct, then the most
complete in what was asked. A longer answer is not better for its length, an answer is not better for its place in the
list, and a confident tone proves nothing. The labels carry no meaning.
Reply with one JSON object and nothing else: {"best": "the label", "reason": "one sentence"}"""
_ADEQUACY_TASK = """You check one answer to a question. A stronger and dearer model stands ready: it is asked when this
answer is not good enough. Work the question out for yourself first. The answer is good enough if it is correct,
complete in what was asked, and does what the question says about form. It is not if it is wrong, evades, breaks off, or
if you cannot tell. Its length, tone and confidence count for nothing.
Reply with one JSON object and nothing else: {"good_enough": true or false, "reason": "one sentence"}"""


def grey_pairs(agreement: Agreement) -> tuple[tuple[int, int], ...]:
    """Return the pairs worth a judge: prose that scores from .3 to .8, or that was capped because of its length."""
    if agreement.kind not in {Kind.PROSE, Kind.SHORT}:
        return ()
    return tuple(
        (pair.first, pair.second) for pair in agreement.pairs if GREY_LOW <= pair.score <= GREY_HIGH and not pair.judged
    )


def pair_judge_messages(question: str, a: str, b: str, *, nonce: str) -> tuple[PromptMessage, ...]:
    """Return the prompt that asks for entailment in both directions; ask it in both orders and join the verdicts.

    `nonce`: 8 to 128 characters that the authors of the answers cannot know, fresh per call.
    """
    material = "\n\n".join(
        (
            frame("question", question, nonce=nonce),
            frame("answer", a, nonce=nonce, label="A"),
            frame("answer", b, nonce=nonce, label="B"),
        )
    )
    return (
        PromptMessage(role="system", content=f"{_PAIR_TASK}\n{untrusted_notice(nonce)}"),
        PromptMessage(role="user", content=material),
    )


def parse_pair_verdict(text: str) -> PairVerdict:
    """Return the verdict; raises ValueError, with the reason, for anything but one JSON object with two booleans."""
    fields = verdict_object(text)
    values = [fields.get(name) for name in ("a_implies_b", "b_implies_a")]
    if not all(isinstance(value, bool) for value in values):
        raise ValueError(f'the verdict needs "a_implies_b" and "b_implies_a" as true or false, got {values!r}')
    return PairVerdict(a_implies_b=values[0] is True, b_implies_a=values[1] is True, reason=_reason(fields))


def selection_messages(
    question: str, answers: Sequence[LabelledAnswer], instructions: str = "", *, nonce: str
) -> tuple[PromptMessage, ...]:
    """Return the prompt that asks for the best of several answers, in the order given; ask it in both orders.

    `instructions` are the caller's own criteria (trusted); `nonce` as in `pair_judge_messages`.
    """
    criteria = f"\nCriteria of this task: {instructions.strip()}" if instructions.strip() else ""
    return (
        PromptMessage(role="system", content=f"{_SELECTION_TASK}{criteria}\n{untrusted_notice(nonce)}"),
        PromptMessage(
            role="user",
            content="\n\n".join(
                (
                    frame("question", question, nonce=nonce),
                    framed_answers(answers, nonce=nonce),
                    f"Labels: {', '.join(answer.label for answer in answers)}",
                )
            ),
        ),
    )


def parse_selection(text: str, labels: Collection[str]) -> str:
    """Return the chosen label; raises ValueError, with the reason, unless the reply names exactly one valid label."""
    fields = verdict_object(text)
    best = fields.get("best")
    if not isinstance(best, str) or best.strip() not in labels:
        raise ValueError(f'the selection needs "best" to be one of {sorted(labels)!r}, got {best!r}')
    return best.strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Adequacy:
    """A judge's verdict on one answer."""

    good_enough: bool
    reason: str


def adequacy_messages(question: str, answer: str, *, nonce: str) -> tuple[PromptMessage, ...]:
    """Return the prompt that asks whether an answer is good enough; `nonce` as in `pair_judge_messages`."""
    material = "\n\n".join((frame("question", question, nonce=nonce), frame("answer", answer, nonce=nonce)))
    return (
        PromptMessage(role="system", content=f"{_ADEQUACY_TASK}\n{untrusted_notice(nonce)}"),
        PromptMessage(role="user", content=material),
    )


def parse_adequacy(text: str) -> Adequacy:
    """Return the verdict; raises ValueError, with the reason, for anything but one JSON object with the boolean."""
    fields = verdict_object(text)
    value = fields.get("good_enough")
    if not isinstance(value, bool):
        raise ValueError(f'the verdict needs "good_enough" as true or false, got {value!r}')  # noqa: TRY004  # one error for every bad reply
    return Adequacy(good_enough=value, reason=_reason(fields))


def verdict_object(text: str) -> dict[str, object]:
    """Return the JSON object that is the whole reply, or the content of its only code fence; else raises ValueError."""
    bare = text.strip()
    if bare.count(_FENCE) == len(("open", "close")):
        bare = bare.split(_FENCE)[1].removeprefix("json").strip()
    try:
        value = cast("object", json.loads(bare, object_pairs_hook=_unique))
    except RecursionError as error:
        raise ValueError("the reply is nested too deeply for a verdict") from error
    except ValueError as error:
        raise ValueError(f"the reply is not one JSON object ({error}): {text[:80]!r}") from error
    if not isinstance(value, dict):
        raise ValueError(f"the reply is not a JSON object: {text[:80]!r}")  # noqa: TRY004  # one error for every bad reply
    return cast("dict[str, object]", value)


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Refuse an object that names a field twice: it would name two winners."""
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a field is given twice")
    return fields


def _reason(fields: dict[str, object]) -> str:
    reason = fields.get("reason", "")
    return reason[:_REASON_CHARS] if isinstance(reason, str) else ""
