"""Which selector a plan asks for. Every one falls back to the consensus, and says so."""

from dataclasses import replace
from typing import assert_never

from quorate.parallel.agreed import agreed, consensus
from quorate.parallel.auto import auto
from quorate.parallel.best import best
from quorate.parallel.candidates import Candidates
from quorate.parallel.chosen import Chosen, Declined
from quorate.parallel.drawn import drawn
from quorate.parallel.field_voted import field_vote
from quorate.parallel.first import first
from quorate.parallel.judged import judged
from quorate.parallel.majority import majority
from quorate.parallel.medoid import medoid
from quorate.parallel.plan import Select
from quorate.parallel.selector import Selector
from quorate.parallel.synthesised import synthesised

#: Selectors that speak for all: none of them does while the answers are known to agree less than the plan's floor. The
#: consensus sees to it itself, the vote on fields by its fields.
_SPEAK_FOR_ALL = frozenset({Select.MAJORITY, Select.SYNTHESIS})


async def select(candidates: Candidates) -> Chosen:
    """Return the answer. `candidates.outcomes` holds at least one success."""
    method = candidates.plan.selector
    if len(candidates.outcomes) == 1 and method is not Select.FIRST:
        return candidates.chosen(candidates.outcomes[0], method, "the only answer")
    if method in _SPEAK_FOR_ALL and candidates.no_consensus:
        return consensus(candidates)
    found = await selector(method)(candidates)
    if isinstance(found, Declined):
        fallback = consensus(candidates)
        return replace(fallback, reason=f"{found.reason}; fell back to consensus: {fallback.reason}")
    return found


def selector(method: Select) -> Selector:  # one line per method, closed by the type checker
    """Return the selector of a method."""
    match method:
        case Select.FIRST:
            return first
        case Select.RANDOM:
            return drawn
        case Select.BEST:
            return best
        case Select.CONSENSUS:
            return agreed
        case Select.AUTO:
            return auto
        case Select.MAJORITY:
            return majority
        case Select.MEDOID:
            return medoid
        case Select.FIELD_VOTE:
            return field_vote
        case Select.PROMPT_SELECTOR:
            return judged
        case Select.SYNTHESIS:
            return synthesised
        case _:
            assert_never(method)
