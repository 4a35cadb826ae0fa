"""`select: best`: the candidate with the highest score."""

from collections.abc import Callable
from statistics import fmean
from typing import Any, assert_never

from quorate.model import Outcome
from quorate.parallel.candidates import Candidates
from quorate.parallel.chosen import Chosen
from quorate.parallel.plan import Score, Select

_LOWEST = float("-inf")


async def best(candidates: Candidates) -> Chosen:
    """Return the best candidate; ties go to the earlier branch of the plan."""
    score = scorer(candidates)
    marks = [(score(outcome), outcome) for outcome in candidates.outcomes]
    mark, outcome = max(marks, key=lambda pair: (pair[0], -pair[1].index))
    name = candidates.plan.score
    if mark == _LOWEST:
        reason = f"no candidate has a {name} score; the first of the plan was taken"
    else:
        reason = f"highest {name} score ({mark:.4g}) of {len(marks)}"
    return candidates.chosen(outcome, Select.BEST, reason)


def scorer(candidates: Candidates) -> Callable[[Outcome], float]:
    """Return the plan's score; a candidate without what is measured gets the lowest one."""
    match candidates.plan.score:
        case Score.AGREEMENT:
            return lambda outcome: _mean_agreement(candidates, outcome)
        case Score.LOGPROB:
            return _mean_logprob
        case Score.WEIGHT:
            return candidates.weight
        case Score.CHEAPEST:
            return lambda outcome: _LOWEST if outcome.spend.cost_microusd is None else -outcome.spend.cost_microusd
        case Score.FASTEST:
            return lambda outcome: -outcome.latency_s
        case Score.LONGEST:
            return lambda outcome: len(outcome.text)
        case Score.SHORTEST:
            return lambda outcome: -len(outcome.text)
        case _:
            assert_never(candidates.plan.score)


def _mean_agreement(candidates: Candidates, outcome: Outcome) -> float:
    pairs = candidates.agreement.pairs if candidates.agreement is not None else ()
    scores = [pair.score for pair in pairs if outcome.index in (pair.first, pair.second)]
    return fmean(scores) if scores else _LOWEST


def _mean_logprob(outcome: Outcome) -> float:
    choices = outcome.completion.response.choices if outcome.completion is not None else ()
    tokens: list[dict[str, Any]] = ((choices[0].logprobs or {}).get("content") or []) if choices else []
    values = [mark for token in tokens if isinstance(mark := token.get("logprob"), int | float)]
    return fmean(values) if values else _LOWEST
