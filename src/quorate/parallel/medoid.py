"""`select: medoid`: the answer closest to all the others, whatever groups they form."""

from math import fsum

from quorate.model import Outcome
from quorate.parallel.candidates import Candidates
from quorate.parallel.chosen import Chosen, Declined
from quorate.parallel.plan import Select


async def medoid(candidates: Candidates) -> Chosen | Declined:
    """Return the answer with the highest mean agreement with the others, each counted with its weight.

    An answer that cannot be compared agrees with nobody. Ties go to the greater weight, then to the earlier branch.
    Source: vote by similarity in "More Agents Is All You Need" (Li et al. 2024, arXiv 2402.05120).
    """
    nearness = {outcome.index: _nearness(candidates, outcome) for outcome in candidates.outcomes}
    nearest = max(
        candidates.outcomes,
        key=lambda outcome: (nearness[outcome.index], candidates.weight(outcome), -outcome.index),
    )
    if not nearness[nearest.index] > 0:
        return Declined(reason="no answer is closer to the others than another")
    reason = f"closest to the other {len(candidates.outcomes) - 1} answers (mean {nearness[nearest.index]:.2f})"
    return candidates.chosen(nearest, Select.MEDOID, reason)


def _nearness(candidates: Candidates, outcome: Outcome) -> float:
    pairs = candidates.agreement.pairs if candidates.agreement is not None else ()
    mine = {
        pair.first + pair.second - outcome.index: pair.score
        for pair in pairs
        if outcome.index in (pair.first, pair.second)
    }
    others = [other for other in candidates.outcomes if other.index != outcome.index]
    total = fsum(map(candidates.weight, others))
    near = fsum(mine.get(other.index, 0.0) * candidates.weight(other) for other in others)
    return near / total if total else 0.0
