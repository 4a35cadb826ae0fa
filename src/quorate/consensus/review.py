"""Peer review: the prompt that asks for a ranking of anonymous answers, and the count of several rankings."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum
from typing import cast

from quorate.consensus.framing import LabelledAnswer, PromptMessage, frame, framed_answers, untrusted_notice
from quorate.consensus.judge import verdict_object

_TASK = """You review several answers to the same question and rank them all, best first: the most correct, then the
most complete in what was asked. A longer answer is not better for its length, an answer is not better for its place in
the list, and a confident tone proves nothing. The labels carry no meaning.
Reply with one JSON object and nothing else: {"ranking": ["best label", "second label", ...], "reason": "one sentence"}.
The ranking names every label exactly once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """One reviewer's order of all answers, best first, by their indexes; `weight` >= 0 is the reviewer's vote."""

    order: tuple[int, ...]
    weight: float = 1.0


def ranking_messages(question: str, answers: Sequence[LabelledAnswer], *, nonce: str) -> tuple[PromptMessage, ...]:
    """Return the prompt that asks for a ranking of the answers, shown in the order given: shuffle it for each reviewer.

    `nonce`: 8 to 128 characters that the authors of the answers cannot know, fresh per call.
    """
    material = (
        frame("question", question, nonce=nonce),
        framed_answers(answers, nonce=nonce),
        f"Labels: {', '.join(answer.label for answer in answers)}",
    )
    return (
        PromptMessage(role="system", content=f"{_TASK}\n{untrusted_notice(nonce)}"),
        PromptMessage(role="user", content="\n\n".join(material)),
    )


def parse_ranking(text: str, labels: Sequence[str]) -> tuple[str, ...]:
    """Return the labels, best first; raises ValueError, with the reason, unless each is named exactly once."""
    ranking = verdict_object(text).get("ranking")
    named = cast("list[object]", ranking) if isinstance(ranking, list) else [ranking]
    order = tuple(label.strip() for label in named if isinstance(label, str))
    if len(order) != len(named) or sorted(order) != sorted(labels):
        raise ValueError(f'the review needs "ranking" to name each of {sorted(labels)!r} once, got {str(named)[:80]}')
    return order


def borda(rankings: Sequence[Ranking], count: int) -> tuple[float, ...]:
    """Return the points of each of `count` answers: of a ranking the first gets count - 1 times its weight, the last 0.

    Source: J.-C. de Borda, "Memoire sur les elections au scrutin", 1781; with weighted voters. The sum does not depend
    on the order of the rankings.
    """
    points: list[list[float]] = [[] for _ in range(count)]
    for ranking in rankings:
        for place, index in enumerate(ranking.order):
            points[index].append(ranking.weight * (count - 1 - place))
    return tuple(map(fsum, points))
