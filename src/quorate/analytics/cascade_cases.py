"""Recorded answers as a cascade sees them: what the cheap models said, and what the strong one would have."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal

from quorate.analytics.recorded_costs import NO_COSTS, RecordedCosts, normal_name
from quorate.analytics.trial import truth_kind
from quorate.consensus.escalation import escalation_features
from quorate.consensus.pairs import compare
from quorate.consensus.panel import agreement
from quorate.consensus.question import Question
from quorate.consensus.reading import Reading
from quorate.consensus.result import Answer
from quorate.core.errors import InvalidRequest
from quorate.providers.recorded import RecordedAnswer, Recording

#: A half of the prompts, by the digest of the prompt's id: to fit on one and to measure on the other.
Half = Literal["first", "second"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CascadeCase:
    """One prompt: facts about it and the cheap answers, who was right, and what they cost and took.

    `right` and `strong_right`: the answer that the cheap ones agree on, and the strong one. `each_right` are the cheap
    models one by one. Costs are micro-USD, `None` unless all are recorded; seconds likewise (the slowest cheap one).
    """

    prompt_id: str
    features: Mapping[str, float]
    agreement: float
    right: bool
    strong_right: bool
    each_right: tuple[bool, ...]
    each_cost: tuple[float, ...] | None
    strong_cost: float | None
    cheap_latency_s: float | None
    strong_latency_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CascadeCases:
    """The prompts that can be used, and how many of those `read` had their costs (`priced`)."""

    cheap: tuple[str, ...]
    strong: str
    cases: tuple[CascadeCase, ...]
    read: int
    priced: int


def cascade_cases(
    recordings: Iterable[Recording],
    *,
    cheap: Sequence[str],
    strong: str,
    costs: RecordedCosts = NO_COSTS,
    track: str | None = None,
    half: Half | None = None,
    progress: Callable[[int], None] | None = None,
) -> CascadeCases:
    """Return what a cascade from `cheap` to `strong` meets in recordings.

    Models are found by their names, differences in case and punctuation aside, or by an unambiguous beginning. A
    recording without one of them, or without a known truth, is left out. `track` and `half` choose some of the
    recordings. Raises `InvalidRequest` when nothing is left. Cost: about 1 ms per recording, no network, no model.
    """
    if not cheap:
        raise InvalidRequest("name at least one cheap model", param="cheap")
    found: list[CascadeCase] = []
    seen = Counter[str]()
    read = 0
    for recording in recordings:
        if (track is not None and recording.track != track) or not in_half(recording.prompt_id, half):
            continue
        read += 1
        seen.update(answer.model for answer in recording.answers)
        case = _case(recording, cheap, strong, costs)
        if case is not None:
            found.append(case)
        if progress is not None:
            progress(read)
    if not found:
        known = ", ".join(sorted(seen)) or "none"
        wanted = ", ".join((*cheap, strong))
        raise InvalidRequest(f"none of the {read} recordings has answers of {wanted} (models: {known})", param="data")
    priced = sum(case.each_cost is not None and case.strong_cost is not None for case in found)
    return CascadeCases(cheap=tuple(cheap), strong=strong, cases=tuple(found), read=read, priced=priced)


def in_half(prompt_id: str, half: Half | None) -> bool:
    """Whether a prompt is in the half; every prompt is where no half is meant."""
    return half is None or (sha256(prompt_id.encode()).digest()[0] & 1) == (half == "second")


def _case(recording: Recording, cheap: Sequence[str], strong: str, costs: RecordedCosts) -> CascadeCase | None:
    answers = [_answer_of(recording, name) for name in (*cheap, strong)]
    if any(answer is None for answer in answers):
        return None
    named = [answer for answer in answers if answer is not None]
    right = [answer_is_right(recording, answer) for answer in named]
    if any(each is None for each in right):
        return None
    texts = [answer.text for answer in named[:-1]]
    said = agreement(recording.prompt, [Answer(text=text) for text in texts]) if len(texts) > 1 else None
    lead = said.leader.medoid if said is not None and said.leader is not None else 0
    spent = [cost_of(recording, answer, costs) for answer in named]
    known = [cost for cost in spent[:-1] if cost is not None]
    took = [answer.latency_s for answer in named[:-1] if answer.latency_s is not None]
    return CascadeCase(
        prompt_id=recording.prompt_id,
        features=escalation_features(recording.prompt, texts, said),
        agreement=1.0 if said is None else said.score,
        right=bool(right[lead]),
        strong_right=bool(right[-1]),
        each_right=tuple(bool(each) for each in right[:-1]),
        each_cost=tuple(known) if len(known) == len(texts) else None,
        strong_cost=spent[-1],
        cheap_latency_s=max(took) if len(took) == len(texts) else None,
        strong_latency_s=named[-1].latency_s,
    )


def _answer_of(recording: Recording, name: str) -> RecordedAnswer | None:
    wanted = normal_name(name)
    exact = [answer for answer in recording.answers if normal_name(answer.model) == wanted]
    if exact:
        return exact[0]
    begins = [answer for answer in recording.answers if normal_name(answer.model).startswith(wanted)]
    if len({answer.model for answer in begins}) > 1:
        fit = ", ".join(answer.model for answer in begins)
        raise InvalidRequest(f"the model {name!r} may be {fit}; write more of its name", param="cheap")
    return begins[0] if begins else None


def answer_is_right(recording: Recording, answer: RecordedAnswer) -> bool | None:
    """Return whether an answer is right, as recorded or by the recording's truth; `None` if neither tells."""
    if answer.correct is not None or not recording.truth.strip():
        return answer.correct
    question = Question(recording.prompt)
    truth = Reading(question, recording.truth)
    return compare(question, truth_kind(question, truth), Reading(question, answer.text), truth).score == 1.0


def cost_of(recording: Recording, answer: RecordedAnswer, costs: RecordedCosts) -> float | None:
    """Return what an answer cost in micro-USD: as `costs` list it, else as recorded; `None` if neither tells."""
    listed = costs.of(recording.track, recording.prompt_id, answer.model)
    return answer.cost_microusd if listed is None else listed
