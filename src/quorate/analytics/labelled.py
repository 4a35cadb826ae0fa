"""From trials to checked agreements: what a calibration is learned from and judged on."""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from quorate.analytics.trial import Standing, Trial
from quorate.consensus.accuracy import vote_weight
from quorate.consensus.calibration import Label, Records, track_records
from quorate.consensus.kind import Kind
from quorate.consensus.trust import Evidence, Weighting

Vote = Callable[[str, Kind], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """The votes for a standing's groups, the heaviest group first; `votes` and `order` go together."""

    order: tuple[int, ...]
    votes: tuple[float, ...]
    total: float

    @property
    def lead(self) -> float:
        """By how much the first group is ahead of the second."""
        return self.votes[0] - (self.votes[1] if len(self.votes) > 1 else 0.0)


def equal_vote(model: str, kind: Kind) -> float:
    """Return one vote for everybody."""
    del model, kind
    return 1.0


def learned_vote(records: Records) -> Vote:
    """Return votes by track records."""
    known: dict[tuple[str, Kind], float] = {}

    def vote(model: str, kind: Kind) -> float:
        key = (model, kind)
        if key not in known:
            known[key] = vote_weight(records.get(key))
        return known[key]

    return vote


def count(standing: Standing, models: tuple[str, ...], vote: Vote) -> Count:
    """Return the count of votes; of groups that weigh the same the larger one leads, as with one vote each."""
    weight = {member: vote(models[member], standing.kind) for member in standing.members}
    sums = [math.fsum(weight[member] for member in group) for group in standing.groups]
    order = sorted(range(len(sums)), key=lambda group: -sums[group])
    return Count(order=tuple(order), votes=tuple(sums[group] for group in order), total=math.fsum(weight.values()))


def leader_right(standing: Standing, counted: Count) -> bool:
    """Return whether the leading group is right; nobody is if all abstained."""
    return bool(counted.order) and standing.right[counted.order[0]]


def label(trial: Trial, standing: Standing, vote: Vote, weighting: Weighting) -> Label:
    """Return the checked agreement of a standing."""
    counted = count(standing, trial.models, vote)
    shares = [votes / counted.total for votes in counted.votes]
    evidence = Evidence(
        kind=standing.kind,
        panel_size=len(standing.members),
        weighting=weighting,
        share=shares[0] if shares else 0.0,
        runner_up=shares[1] if len(shares) > 1 else 0.0,
        clusters=len(shares),
        supporters=tuple(trial.models[member] for member in standing.groups[counted.order[0]]) if shares else (),
        panel=tuple(trial.models[member] for member in standing.members),
    )
    return Label(evidence=evidence, correct=leader_right(standing, counted), question=trial.digest)


def records_of(trials: Iterable[Trial]) -> Records:
    """Return how often each model was right, per kind."""
    return track_records(_individual(trial) for trial in trials)


def training_labels(trials: Iterable[Trial], records: Records) -> Iterator[Label]:
    """Yield what a calibration learns from: every size that the panels passed through, with equal and learned votes.

    What each model got right comes once per prompt.
    """
    learned = learned_vote(records)
    for trial in trials:
        yield _individual(trial)
        for panel in trial.panels:
            for standing in panel.standings:
                yield label(trial, standing, equal_vote, Weighting.EQUAL)
                yield label(trial, standing, learned, Weighting.LEARNED)


def _individual(trial: Trial) -> Label:
    found = label(trial, trial.everybody, equal_vote, Weighting.EQUAL)
    return Label(
        evidence=found.evidence,
        correct=found.correct,
        question=trial.digest,
        right=dict(zip(trial.models, trial.right, strict=True)),
    )
