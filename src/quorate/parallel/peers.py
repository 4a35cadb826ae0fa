"""Vote only among peers: a majority of weaker models does not outvote a strong one that is known to be strong.

A vote helps where the members are about equally good. Where their accuracies lie further apart, the best member alone
is right more often than the majority (measured on recorded answers: tests/measured/test_peers.py).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final

from quorate.consensus.calibration import LEAST_LABELS
from quorate.consensus.kind import Kind
from quorate.consensus.trust import TrackRecord, Trust, Weighting
from quorate.model import Outcome
from quorate.parallel.candidates import Candidates
from quorate.parallel.plan import Mode, Plan, Select

#: Members whose accuracies are at most so far apart are peers.
PEERS_WITHIN: Final = 0.10
#: What is not above it by more than rounding is within it.
_ROUNDING = 1e-9


def known_accuracies(models: Iterable[str], kind: Kind, trust: Trust) -> dict[str, float]:
    """Return how often each model was right in answers of this kind, or, failing that, of all kinds.

    Only models are in it of whom a hundred answers were checked.
    """
    if not trust.informed:
        return {}
    found = {model: _record(model, kind, trust) for model in dict.fromkeys(models)}
    return {model: record.right / record.total for model, record in found.items() if record is not None}


def _record(model: str, kind: Kind, trust: Trust) -> TrackRecord | None:
    of_kind = trust.track_record(model, kind)
    if of_kind is not None and of_kind.total >= LEAST_LABELS:
        return of_kind
    records = [record for each in Kind if (record := trust.track_record(model, each)) is not None]
    total = sum(record.total for record in records)
    return TrackRecord(right=sum(record.right for record in records), total=total) if total >= LEAST_LABELS else None


def are_peers(accuracies: Iterable[float]) -> bool:
    """Whether a vote among models of these accuracies is one among peers; fewer than two always are."""
    known = list(accuracies)
    return len(known) < 2 or max(known) - min(known) <= PEERS_WITHIN + _ROUNDING  # noqa: PLR2004 - a pair


def peer_warnings(plan: Plan, candidates: Candidates) -> list[str]:
    """Say that weaker members may outvote stronger ones, and what to do; nothing where the plan does not vote so."""
    agreement = candidates.agreement
    votes = plan.selector is Select.CONSENSUS or (plan.mode is Mode.QUORUM and plan.selector is not Select.AUTO)
    if agreement is None or agreement.weighting is Weighting.LEARNED or not votes:
        return []
    models = [member.model for member in candidates.members.values()]
    known = known_accuracies(models, agreement.kind, candidates.trust)
    if are_peers(known.values()):
        return []
    weaker = ", ".join(model for model in known if not _is_peer(model, known))
    spread = round(100 * (max(known.values()) - min(known.values())))
    apart = f"the members' known accuracies lie {spread} points apart ({_listed(known)})"
    remedy = f"use `weighting: learned` or `select: auto`, or leave out {weaker}"
    return [f"{apart}, so weaker ones may outvote a stronger one; {remedy}"]


def among_peers(candidates: Candidates) -> tuple[Outcome | None, str]:
    """Return the answer of the best model's peers and why; `None` where all are peers or nobody is known.

    Peers are the members within ten points of the best one that answered; whoever has no track record is none of them.
    Of several answers of the peers that with the most votes of theirs is taken, of equals the one of the best model; in
    the words of the best that gave it, for what counts as the same answer is not always the same.
    """
    agreement = candidates.agreement
    if agreement is None:
        return None, "nothing could be compared"
    cluster_of = {index: number for number, cluster in enumerate(agreement.clusters) for index in cluster.members}
    voters = [outcome for outcome in candidates.outcomes if outcome.index in cluster_of]
    known = known_accuracies([_model(candidates, voter) for voter in voters], agreement.kind, candidates.trust)
    if not known:
        return None, f"no member has a track record of {LEAST_LABELS} answers, so all have a vote"
    peers = [voter for voter in voters if _is_peer(_model(candidates, voter), known)]
    if len(peers) == len(voters):
        return None, f"all members are peers ({_listed(known)})"
    votes: defaultdict[int, float] = defaultdict(float)
    for peer in peers:
        votes[cluster_of[peer.index]] += candidates.weight(peer)
    best_first = sorted(peers, key=lambda peer: (-known[_model(candidates, peer)], peer.index))
    # Of equal votes the first in this order has won: that of the best peer.
    order = list(dict.fromkeys(cluster_of[peer.index] for peer in best_first))
    won = max(order, key=lambda cluster: votes[cluster])
    answer = next(peer for peer in best_first if cluster_of[peer.index] == won)
    if won == 0:
        return answer, f"{answer.branch} answers for the peers of the best, and the majority agrees ({_listed(known)})"
    share = f"{len(agreement.clusters[0].members)} of {len(voters)}"
    return answer, (
        f"the majority ({share}) is made of weaker models: {answer.branch} answers for the peers of the best "
        f"({_listed(known)})"
    )


def _model(candidates: Candidates, outcome: Outcome) -> str:
    return candidates.members[outcome.index].model


def _is_peer(model: str, known: Mapping[str, float]) -> bool:
    return model in known and known[model] >= max(known.values()) - PEERS_WITHIN - _ROUNDING


def _listed(known: Mapping[str, float]) -> str:
    best_first = sorted(known.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{model} {accuracy:.0%}" for model, accuracy in best_first)
