"""How a simulated model answers the prompts that `quorate.consensus` makes: choosing, comparing, merging answers."""

import json
import random
import re
from dataclasses import dataclass

from quorate.consensus import Answer, agreement
from quorate.wire.chat import ChatRequest

_AGREE = 0.7
_FRAME = re.compile(
    r'^<(?P<tag>question|answer|part)-(?P<nonce>[A-Za-z0-9_-]{8,128})(?: label="(?P<label>[A-Z]+)")?>\n'
    r"(?P<text>.*?)\n</(?P=tag)-(?P=nonce)>$",
    re.DOTALL | re.MULTILINE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Material:
    question: str
    answers: tuple[tuple[str, str], ...]


def helper_answer(request: ChatRequest, rng: random.Random, *, truth: str | None, skill: float) -> str | None:
    """Return the reply to a judge's or synthesiser's prompt in the form it asks for, or `None` for any other prompt.

    With probability `skill` the answer that agrees with `truth` is preferred; otherwise, or if the truth is not known,
    the one that most others agree with.
    """
    material = _material(request.prompt_text)
    if material is None:
        return None
    rules = "\n".join(message.text for message in request.messages if message.role == "system")
    knows = truth is not None and rng.random() < skill
    if '"a_implies_b"' in rules:
        same = _same(material.question, *(text for _, text in material.answers[:2]))
        return json.dumps({"a_implies_b": same, "b_implies_a": same, "reason": "simulated comparison"})
    if '"parts"' in rules:
        return json.dumps({"parts": _supported(material, request.prompt_text)})
    position = _best(material, truth if knows else None)
    if '"ranking"' in rules:
        return json.dumps({"ranking": _ranked(material, position), "reason": "simulated review"})
    if '"best"' in rules:
        return json.dumps({"best": material.answers[position][0], "reason": "simulated judgement"})
    return _merged(material, position)


def asked_about(prompt: str) -> str | None:
    """Return the question inside a judge's or synthesiser's prompt, or `None` for any other prompt."""
    material = _material(prompt)
    return None if material is None else material.question


def _material(prompt: str) -> _Material | None:
    frames = list(_FRAME.finditer(prompt))
    question = next((frame["text"] for frame in frames if frame["tag"] == "question"), None)
    answers = tuple((frame["label"] or "", frame["text"]) for frame in frames if frame["tag"] == "answer")
    return None if question is None or not answers else _Material(question=question, answers=answers)


def _same(question: str, *texts: str) -> bool:
    return agreement(question, [Answer(text=text) for text in texts]).score > 1 - 1e-9


def _best(material: _Material, truth: str | None) -> int:
    texts = [text for _, text in material.answers]
    if truth is not None:
        right = (position for position, text in enumerate(texts) if _same(material.question, truth, text))
        if (position := next(right, None)) is not None:
            return position
    leader = agreement(material.question, [Answer(text=text) for text in texts], threshold=_AGREE).leader
    return 0 if leader is None else leader.medoid


def _ranked(material: _Material, position: int) -> list[str]:
    """Return all labels: the chosen answer, those that agree with it, the others, each in the order they are shown."""
    chosen = material.answers[position][1]
    places = range(len(material.answers))
    by_merit = sorted(
        places, key=lambda at: (at != position, not _same(material.question, chosen, material.answers[at][1]), at)
    )
    return [material.answers[at][0] for at in by_merit]


def _supported(material: _Material, prompt: str) -> dict[str, list[str]]:
    """Return for each part the labels of the answers that hold its text or agree with it."""
    parts = [frame["text"] for frame in _FRAME.finditer(prompt) if frame["tag"] == "part"]
    return {
        str(number): [label for label, text in material.answers if part in text or _same(material.question, part, text)]
        for number, part in enumerate(parts, 1)
    }


def _merged(material: _Material, position: int) -> str:
    """Return the chosen answer with what contradicts it; the model makes up nothing of its own."""
    chosen = material.answers[position][1]
    others = {text.strip(): None for _, text in material.answers if not _same(material.question, chosen, text)}
    if not others:
        return chosen
    lines = "\n".join(f"- {_short(chosen)} / {_short(other)}" for other in others)
    return f"{chosen}\n\nOpen contradictions\n{lines}"


def _short(text: str, limit: int = 80) -> str:
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 3] + "..."
