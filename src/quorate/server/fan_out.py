"""How many calls a plan may start: counted before the first of them leaves."""

from typing import assert_never

from quorate.core.errors import InvalidRequest
from quorate.parallel.branch import MAX_DEPTH, Resolve
from quorate.parallel.ensemble import Ensemble
from quorate.parallel.helpers import MAX_REVIEWS
from quorate.parallel.plan import Member, Parallelization, Plan, Select, Synthesis


def fan_out(plan: Plan, resolve: Resolve) -> int:
    """Return how many calls of leaf models a plan starts at most, retries, judges and synthesisers aside.

    An ensemble among the members counts with all its own, and each peer review as much as its reviewer; a name that no
    model has raises what `resolve` raises.
    """
    return _size(plan, resolve, 0)


def _size(plan: Plan, resolve: Resolve, depth: int) -> int:
    """Return how many calls the plan is."""
    if depth > MAX_DEPTH:
        raise InvalidRequest(f"ensembles are nested deeper than {MAX_DEPTH}", param="models")
    known: dict[str, int] = {}
    for member in branches_of(plan):
        if member.model not in known:
            model = resolve(member.model)
            known[member.model] = _size(model.plan, resolve, depth + 1) if isinstance(model, Ensemble) else 1
    sizes = sorted((known[member.model] for member in branches_of(plan)), reverse=True)[: plan.max_models]
    reviewed = plan.selector is Select.SYNTHESIS and plan.synthesis is Synthesis.RANK_THEN_FUSE and len(sizes) > 1
    return sum(sizes) + (sum(sizes[:MAX_REVIEWS]) if reviewed else 0)


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
