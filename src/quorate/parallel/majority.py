"""`select: majority`: what the leading group says, in the words of its best-weighted member."""

from quorate.parallel.candidates import Candidates
from quorate.parallel.chosen import Chosen, Declined
from quorate.parallel.plan import Select


async def majority(candidates: Candidates) -> Chosen | Declined:
    """Return the reply of the leading group's best-weighted member (of equals the medoid), or that nobody leads.

    For the kinds with an extracted answer that is the vote. Two groups of the same weight are no majority: then the
    best-weighted member of all decides, flagged.
    """
    agreement = candidates.agreement
    if agreement is None or agreement.leader is None:
        return Declined(reason="no answer can be compared with another")
    leader, *others = agreement.clusters
    if others and others[0].share >= leader.share:
        reason = (
            f"no majority: the leading groups have {leader.share:.2f} of the votes each; the heaviest member decides"
        )
        outcome = candidates.heaviest(candidates.outcomes)
        return candidates.chosen(outcome, Select.MAJORITY, reason, no_consensus=True)
    outcome = candidates.heaviest(each for each in candidates.outcomes if each.index in leader.members)
    reason = (
        f"{len(leader.members)} of {len(candidates.outcomes)} answers have {leader.share:.2f} of the votes;"
        " in the words of their heaviest member"
    )
    return candidates.chosen(outcome, Select.MAJORITY, reason)
