"""How many calls a plan may start: counted before the first of them leaves."""

from typing import assert_never

from quorate.core.errors import InvalidRequest
from quorate.parallel.branch import MAX_DEPTH, Resolve
from quorate.parallel.ensemble import Ensemble
from quorate.parallel.plan import Member, Parallelization, Plan


def fan_out(plan: Plan, resolve: Resolve) -> int:
    """Return how many calls of leaf models a plan starts at most, retries and selectors aside.

    An ensemble among the members counts with all its own; a name that no model has raises what `resolve` raises.
    """
    return sum(sorted(_sizes(plan, resolve, 0), reverse=True)[: plan.max_models])


def _sizes(plan: Plan, resolve: Resolve, depth: int) -> list[int]:
    """Return for each branch how many calls it is."""
    if depth > MAX_DEPTH:
        raise InvalidRequest(f"ensembles are nested deeper than {MAX_DEPTH}", param="models")
    known: dict[str, int] = {}
    for member in branches_of(plan):
        if member.model not in known:
            model = resolve(member.model)
            inner = _sizes(model.plan, resolve, depth + 1) if isinstance(model, Ensemble) else [1]
            most = model.plan.max_models if isinstance(model, Ensemble) else None
            known[member.model] = sum(sorted(inner, reverse=True)[:most])
    return [known[member.model] for member in branches_of(plan)]


def branches_of(plan: Plan) -> list[Member]:
    """Return the member of each branch that may start, `max_models` aside."""
    match plan.parallelization:
        case Parallelization.NONE:
            return list(plan.members[:1])
        case Parallelization.MODEL_SPECIFIC:
            return [member for member in plan.members for _ in range(member.count)]
        case Parallelization.STATIC_COUNT | Parallelization.CONFIG_PARAM:
            return [member for member in plan.members for _ in range(plan.count)]
        case _:
            assert_never(plan.parallelization)
