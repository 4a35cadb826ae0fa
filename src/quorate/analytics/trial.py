"""One recording put through consensus: the vote of all, random panels, and panels that stop early."""

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from quorate.consensus.kind import Kind
from quorate.consensus.measure import Comparer, Member, measure
from quorate.consensus.pairs import compare
from quorate.consensus.question import Question
from quorate.consensus.reading import Reading
from quorate.consensus.result import Agreement, Answer
from quorate.providers.recorded import Recording

LEAST_ANSWERS = 2

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The parameters of a trial: members and number of panels, the stop rule, the seed."""

    panel_size: int
    draws: int
    threshold: float
    quorum: int
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Who says the same after some answers, the largest group first, and of each group whether it is right.

    `members` are positions in the recording, those that abstained included.
    """

    kind: Kind
    members: tuple[int, ...]
    groups: tuple[tuple[int, ...], ...]
    right: tuple[bool, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelTrial:
    """One random panel: its members in order of arrival (positions in the recording), full and stopped early.

    `standings` are the groups after two answers, three, ... and all. Times are in seconds, until the last answer waited
    for; None unless all of the recording's answers have theirs.
    """

    members: tuple[int, ...]
    score: float
    right: bool
    calls: int
    early_right: bool
    standings: tuple[Standing, ...]
    full_latency_s: float | None = None
    early_latency_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What one recording yields: which models were right, the vote of all, and the panels.

    `digest` is the SHA-256 of the prompt, `everybody` how all its models stand. Costs and latencies are None unless all
    answers have theirs. `failed` are the models that gave no answer.
    """

    digest: str
    everybody: Standing
    track: str
    task: str
    prompt_id: str
    models: tuple[str, ...]
    right: tuple[bool, ...]
    costs_microusd: tuple[int, ...] | None
    latencies_s: tuple[float, ...] | None
    completion_tokens: tuple[int, ...] | None
    simulated: frozenset[str]
    failed: tuple[str, ...]
    kind: Kind
    full_right: bool
    panels: tuple[PanelTrial, ...]


def run_trial(recording: Recording, rules: Rules) -> Trial | None:
    """Return the trial of a recording, or None if it has fewer than two answers or its truth is not known.

    Each answer is read once and each pair compared once per kind, however many panels contain them. The panels depend
    on the seed and the recording only, not on its place in the file. Their answers arrive in the order of the recorded
    latencies where all have theirs, else at random.
    """
    if len(recording.answers) < LEAST_ANSWERS:
        return None
    question = Question(recording.prompt)
    readings = [Reading(question, answer.text) for answer in recording.answers]
    right = correctness(recording, question, readings)
    if right is None:
        return None
    answers = recording.answers
    latencies_s = _every([answer.latency_s for answer in answers])
    bench = _Bench(question, readings, right, rules, kind=recording.kind, latencies_s=latencies_s)
    full = bench.measured(range(len(readings)))
    again = f"/{recording.repeat}" if recording.repeat else ""
    rng = random.Random(f"{rules.seed}/{recording.track}/{recording.prompt_id}{again}")
    size = min(rules.panel_size, len(readings))
    return Trial(
        digest=hashlib.sha256(recording.prompt.encode("utf-8", "surrogatepass")).hexdigest(),
        everybody=bench.standing(range(len(readings))),
        track=recording.track,
        task=recording.task,
        prompt_id=recording.prompt_id,
        models=tuple(answer.model for answer in answers),
        right=tuple(right),
        costs_microusd=_every([answer.cost_microusd for answer in answers]),
        latencies_s=latencies_s,
        completion_tokens=_every([answer.completion_tokens for answer in answers]),
        simulated=frozenset(answer.model for answer in answers if answer.simulated),
        failed=tuple(failure.model for failure in recording.failures),
        kind=full.kind,
        full_right=bench.leader_right(full),
        panels=tuple(bench.panel(rng.sample(range(len(readings)), size)) for _ in range(rules.draws)),
    )


class _Bench:
    """The answers of one recording, ready to be put into panels."""

    def __init__(
        self,
        question: Question,
        readings: Sequence[Reading],
        right: Sequence[bool],
        rules: Rules,
        *,
        kind: Kind | None,
        latencies_s: Sequence[float] | None,
    ) -> None:
        self.comparer = Comparer(question)
        blank = Answer(text="")
        self.members = [Member(index=at, answer=blank, reading=reading) for at, reading in enumerate(readings)]
        self.right = right
        self.rules = rules
        self.kind = kind
        self.latencies_s = latencies_s
        self._known: dict[tuple[int, ...], Agreement] = {}

    def measured(self, indexes: Sequence[int]) -> Agreement:
        key = tuple(sorted(indexes))
        found = self._known.get(key)
        if found is None:
            members = [self.members[index] for index in key]
            found = measure(self.comparer, members, kind=self.kind, threshold=self.rules.threshold, detailed=False)
            self._known[key] = found
        return found

    def leader_right(self, found: Agreement) -> bool:
        return found.leader is not None and self.right[found.leader.medoid]

    def panel(self, drawn: Sequence[int]) -> PanelTrial:
        times = self.latencies_s
        order = drawn if times is None else sorted(drawn, key=times.__getitem__)
        full = self.measured(order)
        calls, early = self.stopped(order)
        return PanelTrial(
            members=tuple(order),
            score=full.score,
            right=self.leader_right(full),
            calls=calls,
            early_right=self.leader_right(early),
            standings=tuple(self.standing(order[:received]) for received in range(LEAST_ANSWERS, len(order) + 1)),
            full_latency_s=None if times is None else times[order[-1]],
            early_latency_s=None if times is None else times[order[calls - 1]],
        )

    def standing(self, indexes: Sequence[int]) -> Standing:
        found = self.measured(indexes)
        return Standing(
            kind=found.kind,
            members=found.indexes,
            groups=tuple(cluster.members for cluster in found.clusters),
            right=tuple(self.right[cluster.medoid] for cluster in found.clusters),
        )

    def stopped(self, order: Sequence[int]) -> tuple[int, Agreement]:
        """Return how many answers the stop rule waits for, and what they agree on."""
        first = min(self.rules.quorum, len(order))
        for received in range(first, len(order)):
            found = self.measured(order[:received])
            if found.agreed or _ahead(found, len(order) - received):
                return received, found
        return len(order), self.measured(order)


def _ahead(found: Agreement, outstanding: int) -> bool:
    sizes = [len(cluster.members) for cluster in found.clusters[:2]]
    return bool(sizes) and sizes[0] > sum(sizes[1:]) + outstanding


def correctness(recording: Recording, question: Question, readings: Sequence[Reading]) -> list[bool] | None:
    """Return whether each answer is right: as recorded, else by comparing it with the truth; None if unknown."""
    if any(answer.correct is None for answer in recording.answers) and not recording.truth.strip():
        return None
    truth = Reading(question, recording.truth)
    kind = truth_kind(question, truth)
    return [
        answer.correct if answer.correct is not None else compare(question, kind, reading, truth).score == 1.0
        for answer, reading in zip(recording.answers, readings, strict=True)
    ]


def truth_kind(question: Question, truth: Reading) -> Kind:
    """Return the kind as which the true answer is compared."""
    if question.options and truth.choice is not None:
        return Kind.CHOICE
    if truth.marked_number is not None:
        return Kind.NUMBER
    if truth.boolean is not None:
        return Kind.BOOLEAN
    return Kind.JSON if truth.json is not None else Kind.SHORT


def _every(values: Sequence[T | None]) -> tuple[T, ...] | None:
    """Return the values if none is missing."""
    known = tuple(value for value in values if value is not None)
    return known if len(known) == len(values) else None
