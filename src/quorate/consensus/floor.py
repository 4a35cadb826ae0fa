"""The floor: how little agreement is known disagreement, under which no vote or blend is honest."""

from quorate.consensus.kind import Kind
from quorate.consensus.result import Agreement

#: Under half of all votes the answers outside the leading group weigh more than those in it.
DEFAULT_FLOOR = 0.5
_EXACT = 1e-9


def below_floor(agreement: Agreement | None, floor: float) -> bool:
    """Return whether the answers are known to agree less than `floor`, in [0, 1].

    Prose that no judge has compared is never below: different words are not known to be different meanings, so a low
    score is no evidence. Neither are fewer than two answers, which agree with nobody.
    """
    if agreement is None or (agreement.kind is Kind.PROSE and agreement.method != "judged"):
        return False
    return agreement.score < floor - _EXACT
