"""`select: consensus`: the answer that stands for the largest group; what every selector falls back on."""

from quorate.parallel.candidates import Candidates
from quorate.parallel.chosen import Chosen
from quorate.parallel.plan import Select


async def agreed(candidates: Candidates) -> Chosen:
    """Return the medoid of the largest cluster, and how strongly the others agree with it.

    Under the plan's floor it is the best-weighted member's answer instead, flagged.
    """
    return consensus(candidates)


def consensus(candidates: Candidates) -> Chosen:
    """Return what `agreed` returns; asks nobody."""
    agreement = candidates.agreement
    leader = agreement.leader if agreement is not None else None
    if agreement is None or leader is None:
        reason = "no answer can be compared with another; the heaviest member's was taken"
        return candidates.chosen(candidates.heaviest(candidates.outcomes), Select.CONSENSUS, reason)
    if candidates.no_consensus:
        reason = (
            f"no consensus: the agreement of {agreement.score:.2f} is below the floor of {candidates.plan.floor:.2f};"
            " the heaviest member's answer was taken"
        )
        return candidates.chosen(candidates.heaviest(candidates.outcomes), Select.CONSENSUS, reason)
    medoid = next(outcome for outcome in candidates.outcomes if outcome.index == leader.medoid)
    reason = f"{len(leader.members)} of {len(candidates.outcomes)} answers agree (score {agreement.score:.2f})"
    if not agreement.agreed:
        reason = f"no consensus: {reason}, below the threshold of {agreement.threshold:.2f}"
    return candidates.chosen(medoid, Select.CONSENSUS, reason)
