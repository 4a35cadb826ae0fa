"""How every answer of a plan voted: what a record keeps of it, so that a label can later say who was right."""

from quorate.model.event import Vote
from quorate.parallel.candidates import Candidates


def votes_of(candidates: Candidates) -> tuple[Vote, ...]:
    """Return the vote of every compared answer in plan order; none where nothing was compared."""
    agreement = candidates.agreement
    if agreement is None:
        return ()
    cluster_of = {index: number for number, cluster in enumerate(agreement.clusters) for index in cluster.members}
    compared = frozenset(agreement.indexes)
    return tuple(
        Vote(branch=outcome.branch, cluster=cluster_of.get(outcome.index), weight=candidates.weight(outcome))
        for outcome in candidates.outcomes
        if outcome.index in compared
    )
