"""The prompt that merges several answers into one, and what the answers leave open."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, assert_never

from quorate.consensus.framing import LabelledAnswer, PromptMessage, frame, framed_answers, untrusted_notice
from quorate.consensus.result import Agreement, Answer, Cluster

SynthesisMethod: TypeAlias = Literal["weighted_merge", "best_parts", "rank_then_fuse"]
_SUMMARY_CHARS = 200
_RULES = """You write one final answer to a question from several answers to it.
Rules:
1. Add nothing that none of the answers supports: no fact, number, name or step of your own.
2. Keep what the answers agree on. Where they contradict each other, keep the better supported side only if the answers
themselves show why it is right; otherwise do not decide.
3. End with a section "Open contradictions" that lists each contradiction you could not resolve, one line each, with
both sides. Leave the section out if there is none.
4. Do not mention labels, weights, votes or that there were several answers, except in that section.
5. Answer in the language and format that the question asks for."""
_WEIGHTED = """Method: weighted merge. Each answer has a weight, its share of trust from 0 to 1. Where answers differ in
emphasis or detail, follow the greater weight; a small weight is no reason to drop an undisputed point."""
_BEST_PARTS = """Method: best parts. Take from each answer what it does best (the clearest explanation, the most
complete list, the working example) and join the parts so that they read as one text without repetition."""
_FUSE = """Method: fuse. The answers come in the order of a review by several readers, best first. Build on the first
one; take from the others what it lacks or gets wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contradiction:
    """A group of answers that the leading group does not agree with; `members` are indexes of the answers."""

    members: tuple[int, ...]
    share: float
    answer: str


def open_contradictions(
    agreement: Agreement, answers: Sequence[Answer] | Mapping[int, Answer], *, of: int | None = None
) -> tuple[Contradiction, ...]:
    """Return the dissenting clusters, largest first, with their answer or the start of the medoid's text.

    They dissent from the answer `of` an index, without it from the leading cluster.
    """
    mine = next((each for each in agreement.clusters if of is not None and of in each.members), None)
    standing = mine or (agreement.leader if of is None else None)
    return tuple(
        Contradiction(members=cluster.members, share=cluster.share, answer=_summary(cluster, answers))
        for cluster in agreement.clusters
        if cluster is not standing
    )


def synthesis_messages(
    question: str,
    answers: Sequence[LabelledAnswer],
    agreement: Agreement,
    *,
    method: SynthesisMethod,
    nonce: str,
) -> tuple[PromptMessage, ...]:
    """Return the prompt for the synthesising model.

    `answers` stand at the indexes that `agreement` speaks of; `weighted_merge` shows their weights, normalised to sum
    1, `rank_then_fuse` takes them to be in the order of a review. `nonce`: 8 to 128 characters that the authors of the
    answers cannot know, fresh per call.
    """
    match method:
        case "weighted_merge":
            rules, weights = _WEIGHTED, _weights(answers)
        case "best_parts":
            rules, weights = _BEST_PARTS, ""
        case "rank_then_fuse":
            rules, weights = _FUSE, ""
        case _:
            assert_never(method)
    material = [
        frame("question", question, nonce=nonce),
        framed_answers(answers, nonce=nonce),
        weights,
        _standing(answers, agreement, nonce),
    ]
    return (
        PromptMessage(role="system", content=f"{_RULES}\n{rules}\n{untrusted_notice(nonce)}"),
        PromptMessage(role="user", content="\n\n".join(part for part in material if part)),
    )


def _weights(answers: Sequence[LabelledAnswer]) -> str:
    total = sum(answer.weight for answer in answers)
    shares = (f"{answer.label}={answer.weight / total if total else 0:.2f}" for answer in answers)
    return f"Weights: {', '.join(shares)}"


def _standing(answers: Sequence[LabelledAnswer], agreement: Agreement, nonce: str) -> str:
    """Say who agrees with whom; answers' own words appear framed only."""
    leader = agreement.leader
    if leader is None:
        return "Agreement: none of the answers could be compared."
    lines = [
        f"Agreement {agreement.score:.2f} (kind: {agreement.kind}).",
        f"Agree with each other: {_names(leader, answers)}.",
    ]
    if leader.answer:
        lines.append(frame("agreed", leader.answer[:_SUMMARY_CHARS], nonce=nonce))
    plain = [Answer(text=answer.text) for answer in answers]
    for contradiction, cluster in zip(open_contradictions(agreement, plain), agreement.clusters[1:], strict=True):
        lines.append(f"Open contradiction: {_names(cluster, answers)} say otherwise:")
        lines.append(frame("dissent", contradiction.answer, nonce=nonce))
    return "\n".join(lines)


def _names(cluster: Cluster, answers: Sequence[LabelledAnswer]) -> str:
    return ", ".join(answers[index].label for index in cluster.members)


def _summary(cluster: Cluster, answers: Sequence[Answer] | Mapping[int, Answer]) -> str:
    text = cluster.answer or " ".join(answers[cluster.medoid].text.split())
    return text if len(text) <= _SUMMARY_CHARS else text[: _SUMMARY_CHARS - 1] + "\u2026"
