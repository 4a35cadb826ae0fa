"""Selectors: which of the answers is the answer. Every one falls back to the consensus, and says so."""

from typing import assert_never

from quorate.model import Model, Outcome
from quorate.parallel.best import best
from quorate.parallel.branch import Resolve
from quorate.parallel.candidates import Candidates, Chosen
from quorate.parallel.judged import judged
from quorate.parallel.peers import among_peers
from quorate.parallel.plan import Select
from quorate.parallel.synthesised import synthesised


async def select(candidates: Candidates, resolve: Resolve) -> Chosen:
    """Return the answer. `candidates.outcomes` holds at least one success."""
    method = candidates.plan.selector
    if len(candidates.outcomes) == 1 and method is not Select.FIRST:
        return _of(candidates.outcomes[0], method, "the only answer")
    match method:
        case Select.FIRST:
            earliest = min(candidates.outcomes, key=lambda outcome: (outcome.finished_s, outcome.index))
            return _of(earliest, method, "answered first")
        case Select.RANDOM:
            drawn = candidates.call.random("select").choice(candidates.outcomes)
            return _of(drawn, method, f"drawn at random from {len(candidates.outcomes)} answers")
        case Select.BEST:
            outcome, reason = best(candidates)
            return _of(outcome, method, reason)
        case Select.CONSENSUS:
            outcome, reason = consensus(candidates)
            return _of(outcome, method, reason)
        case Select.AUTO:
            found, reason = among_peers(candidates)
            if found is None:
                found, plain = consensus(candidates)
                reason = f"{reason}: {plain}"
            return _of(found, method, reason)
        case Select.PROMPT_SELECTOR:
            verdict, reason = await judged(candidates, _helper(candidates, candidates.plan.judge, resolve))
            return _of(verdict, method, reason) if verdict is not None else _fallback(candidates, reason)
        case Select.SYNTHESIS:
            model = _helper(candidates, candidates.plan.synthesiser, resolve)
            completion, reason = await synthesised(candidates, model)
            if completion is None:
                return _fallback(candidates, reason)
            return Chosen(completion=completion, outcome=None, method=method, reason=reason)
        case _:
            assert_never(method)


def consensus(candidates: Candidates) -> tuple[Outcome, str]:
    """Return the medoid of the largest cluster and how strongly the others agree with it."""
    agreement = candidates.agreement
    leader = agreement.leader if agreement is not None else None
    if agreement is None or leader is None:
        heaviest = max(candidates.outcomes, key=lambda outcome: (candidates.weight(outcome), -outcome.index))
        return heaviest, "no answer can be compared with another; the heaviest member's was taken"
    medoid = next(outcome for outcome in candidates.outcomes if outcome.index == leader.medoid)
    share = f"{len(leader.members)} of {len(candidates.outcomes)} answers agree (score {agreement.score:.2f})"
    if agreement.agreed:
        return medoid, share
    return medoid, f"no consensus: {share}, below the threshold of {agreement.threshold:.2f}"


def _helper(candidates: Candidates, name: str | None, resolve: Resolve) -> Model:
    """Return the model a selector asks: the plan's, else the heaviest member (of equals, the first)."""
    if name is not None:
        return resolve(name)
    heaviest = max(candidates.members.items(), key=lambda item: (item[1].weight, -item[0]))[1]
    return resolve(heaviest.model)


def _fallback(candidates: Candidates, why: str) -> Chosen:
    outcome, reason = consensus(candidates)
    return _of(outcome, Select.CONSENSUS, f"{why}; fell back to consensus: {reason}")


def _of(outcome: Outcome, method: Select, reason: str) -> Chosen:
    assert outcome.completion is not None
    return Chosen(completion=outcome.completion, outcome=outcome, method=method, reason=reason)
