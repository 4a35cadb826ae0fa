"""Two sets of our own: answers one edit away from their contradiction, and answers that are only written otherwise.

A line of a set is [class, prompt, one answer, the other]. In the class "tool" an answer is `name({...});name({...})`.
"""

import json
from collections import Counter
from pathlib import Path

import pytest

from quorate.consensus import Answer, ToolCallText, agreement

HERE = Path(__file__).parent
LEAST_CONTRADICTIONS, LEAST_REWRITES = 300, 120


def cases(name: str) -> list[tuple[str, str, str, str]]:
    lines = (HERE / name).read_text(encoding="utf-8").splitlines()
    return [(group, prompt, one, other) for group, prompt, one, other in map(json.loads, lines)]


def answer(group: str, text: str) -> Answer:
    if group != "tool":
        return Answer(text=text)
    calls = (call.partition("(") for call in text.split(";"))
    return Answer(text="", tool_calls=tuple(ToolCallText(name, rest[:-1]) for name, _, rest in calls))


def agreed(group: str, prompt: str, one: str, other: str) -> bool:
    there, back = (agreement(prompt, [answer(group, a), answer(group, b)]) for a, b in ((one, other), (other, one)))
    assert there.score == back.score
    return there.agreed


@pytest.mark.parametrize("case", cases("contradictions.jsonl"), ids=lambda case: f"{case[0]}: {case[3][:40]}")
def test_a_contradiction_of_one_edit_does_not_agree(case: tuple[str, str, str, str]) -> None:
    assert not agreed(*case)


def test_the_contradictions_are_many_and_of_every_class() -> None:
    classes = Counter(group for group, *_ in cases("contradictions.jsonl"))
    assert classes.total() >= LEAST_CONTRADICTIONS
    assert min(classes.values()) >= 20
    assert classes.keys() >= {"negation", "number", "entity", "direction", "unit", "date", "boolean", "quantifier"}
    assert classes.keys() >= {"comparison", "roles", "modality", "json", "code", "list", "tool"}


def test_what_is_only_written_otherwise_still_agrees() -> None:
    rewrites = cases("rewrites.jsonl")
    refused = [case for case in rewrites if not agreed(*case)]
    print(f"{len(rewrites) - len(refused)} of {len(rewrites)} agree; not: {refused}")  # noqa: T201  # the figure is the point
    assert len(rewrites) >= LEAST_REWRITES
    assert len(refused) <= 0.02 * len(rewrites)
