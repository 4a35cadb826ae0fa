"""Which answers support which part of a synthesis: the prompt that asks it, and a strict parser of the reply."""

import re
from collections.abc import Sequence
from typing import cast

from quorate.consensus.framing import LabelledAnswer, PromptMessage, frame, framed_answers, untrusted_notice
from quorate.consensus.judge import verdict_object

#: A text with more paragraphs is cut into this many parts at most; the last one holds the rest.
MAX_PARTS = 40
_TASK = """You are given a question, several answers to it, and a final text that was written from these answers, cut
into numbered parts. Say for each part which of the answers support what it states. An answer supports a part only if it
says the same, not if it merely does not contradict it. A part that no answer supports has an empty list.
Reply with one JSON object and nothing else, with every number once: {"parts": {"1": ["label", ...], "2": [], ...}}"""


def parts_of(text: str) -> tuple[str, ...]:
    """Return the paragraphs of a text, at most `MAX_PARTS`; of a text without one, the text."""
    found = [part.strip() for part in re.split(r"\n[ \t]*\n", text) if part.strip()]
    if len(found) > MAX_PARTS:
        found[MAX_PARTS - 1 :] = ["\n\n".join(found[MAX_PARTS - 1 :])]
    return tuple(found) or (text,)


def attribution_messages(
    question: str, answers: Sequence[LabelledAnswer], parts: Sequence[str], *, nonce: str
) -> tuple[PromptMessage, ...]:
    """Return the prompt that asks which `answers` support which of the `parts` of a synthesis.

    `nonce`: 8 to 128 characters that the authors of the texts cannot know, fresh per call.
    """
    material = [frame("question", question, nonce=nonce), framed_answers(answers, nonce=nonce)]
    material += [f"Part {number}:\n{frame('part', part, nonce=nonce)}" for number, part in enumerate(parts, 1)]
    return (
        PromptMessage(role="system", content=f"{_TASK}\n{untrusted_notice(nonce)}"),
        PromptMessage(role="user", content="\n\n".join(material)),
    )


def parse_attribution(text: str, labels: Sequence[str], count: int) -> tuple[tuple[str, ...], ...]:
    """Return the labels that support each of `count` parts; raises ValueError, with the reason, for anything loose."""
    found = verdict_object(text).get("parts")
    parts = cast("dict[str, object]", found) if isinstance(found, dict) else {}
    if sorted(parts) != sorted(str(number) for number in range(1, count + 1)):
        raise ValueError(f'the reply needs "parts" with the numbers 1 to {count}, got {sorted(parts)!r}')
    return tuple(_supporters(parts[str(number)], labels, number) for number in range(1, count + 1))


def _supporters(value: object, labels: Sequence[str], number: int) -> tuple[str, ...]:
    named = cast("list[object]", value) if isinstance(value, list) else [value]
    unknown = [label for label in named if label not in labels]
    if unknown:
        raise ValueError(f"part {number} names {unknown!r}; the labels are {sorted(labels)!r}")
    return tuple(label for label in labels if label in named)
