"""What checked runs teach: from labels to who was right."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from quorate.consensus.calibration import Calibration, Label, fit
from quorate.consensus.kind import Kind
from quorate.consensus.trust import Evidence, TrackRecord, Weighting
from quorate.model.feedback import CheckedRun

_KINDS = frozenset(Kind)
_WEIGHTINGS = frozenset(Weighting)
NOTHING_LEARNED = Calibration(cells={}, records={})


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the labels of one run say: of each voter (by its place in the run), and of the leading answer.

    `None` where they do not tell.
    """

    right: Mapping[int, bool]
    leader: bool | None


def verdict_of(run: CheckedRun) -> Verdict:
    """Return what is known of a run's answers.

    A right answer of the run makes everybody right who gave it and everybody else wrong who answered; a wrong one makes
    those wrong who gave it and tells nothing of the others. A label of a branch tells of that branch and of those that
    agree with it. Of answers that agree and are labelled differently only those that have labels are known.
    """
    said = dict(run.verdicts)
    chosen = next((place for place, voter in enumerate(run.voters) if voter.selected), None)
    of_answers = {place: said[voter.branch] for place, voter in enumerate(run.voters) if voter.branch in said}
    if "" in said and chosen is not None:
        of_answers.setdefault(chosen, said[""])
    said_of: defaultdict[int, set[bool]] = defaultdict(set)
    for place, correct in of_answers.items():
        cluster = run.voters[place].cluster
        if cluster is not None:
            said_of[cluster].add(correct)
    clusters = {cluster: next(iter(words)) for cluster, words in said_of.items() if len(words) == 1}
    if any(clusters.values()):
        clusters = {voter.cluster: False for voter in run.voters if voter.cluster is not None} | clusters
    of_clusters = {place: clusters[each.cluster] for place, each in enumerate(run.voters) if each.cluster in clusters}
    return Verdict(right=of_clusters | of_answers, leader=clusters.get(0))


def learn(runs: Iterable[CheckedRun]) -> Calibration:
    """Return what the runs teach: track records of models, and what an agreement has been worth.

    Runs of which nothing was compared have no kind, and teach nothing. The same runs in any order give the same. Cost:
    plain Python, about 0.1 ms per run.
    """
    labels: list[Label] = []
    counts: defaultdict[tuple[str, Kind], list[int]] = defaultdict(lambda: [0, 0])
    for run in runs:
        if run.kind not in _KINDS:
            continue
        verdict, kind = verdict_of(run), Kind(run.kind)
        for place, right in verdict.right.items():
            count = counts[run.voters[place].model, kind]
            count[0] += right
            count[1] += 1
        evidence = evidence_of_run(run, kind)
        if verdict.leader is not None and evidence is not None:
            labels.append(Label(evidence=evidence, correct=verdict.leader, right=_by_model(run, verdict)))
    records = {key: TrackRecord(right=right, total=total) for key, (right, total) in sorted(counts.items())}
    return replace(fit(labels), records=records)


def evidence_of_run(run: CheckedRun, kind: Kind) -> Evidence | None:
    """Return what the agreement of a recorded run showed; `None` if nobody voted in it."""
    voted = [voter for voter in run.voters if voter.vote is not None]
    if run.weighting not in _WEIGHTINGS or not voted:
        return None
    votes: defaultdict[int, float] = defaultdict(float)
    for voter in voted:
        if voter.cluster is not None:
            votes[voter.cluster] += voter.vote or 0.0
    total = sum(voter.vote or 0.0 for voter in voted)
    share = run.score or 0.0
    return Evidence(
        kind=kind,
        panel_size=len(voted),
        weighting=Weighting(run.weighting),
        share=share,
        runner_up=min(votes.get(1, 0.0) / total, share) if total else 0.0,
        clusters=len(votes),
        supporters=tuple(voter.model for voter in voted if voter.cluster == 0),
        panel=tuple(voter.model for voter in voted),
    )


def _by_model(run: CheckedRun, verdict: Verdict) -> dict[str, bool]:
    """Return who was right; a model whose copies are not all right or all wrong is left out."""
    found: defaultdict[str, set[bool]] = defaultdict(set)
    for place, right in verdict.right.items():
        found[run.voters[place].model].add(right)
    return {model: next(iter(rights)) for model, rights in found.items() if len(rights) == 1}
