"""From a plan to its branches: how many copies of which model, in which group, in which order."""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, assert_never

import msgspec

from quorate.core.errors import InvalidRequest
from quorate.model import Model
from quorate.parallel.plan import Member, Parallelization, Plan

Resolve = Callable[[str], Model]

#: More branches than this in one plan is a mistake, and an expensive one.
MAX_BRANCHES = 256
#: Ensembles of ensembles deeper than this are a loop that the configuration check did not see; they do not run.
MAX_DEPTH = 8


class Branch(msgspec.Struct, frozen=True, kw_only=True):
    """One execution inside a plan.

    `copy` counts the copies of one member from 0; `share` is the branch's part of the progress, all together 1.
    """

    id: str
    index: int
    member: Member
    model: Model
    copy: int = 0
    share: float = 1.0

    @property
    def group(self) -> int:
        """The execution group."""
        return self.member.group


def expand(plan: Plan, resolve: Resolve, params: Mapping[str, Any]) -> tuple[Branch, ...]:
    """Return the plan's branches, in the order of groups, then priorities, then members.

    `params` are the run's named parameters (for `config_param`). Raises `InvalidRequest` for a plan that cannot run and
    whatever `resolve` raises for a name it does not know.
    """
    _require_limits(plan)
    copies = _capped(plan, _copies(plan, params))
    if not copies:
        raise InvalidRequest("the plan has no members; name at least one model", param="models")
    if len(copies) > MAX_BRANCHES:
        raise InvalidRequest(f"the plan has {len(copies)} branches; at most {MAX_BRANCHES} are allowed", param="models")
    ids = _ids([member.model for member, _ in copies])
    total = sum(member.weight for member, _ in copies)
    if not total > 0:
        raise InvalidRequest(
            "the members' weights add up to nothing; give at least one a weight above 0", param="weight"
        )
    return tuple(
        Branch(id=ids[i], index=i, member=member, model=resolve(member.model), copy=copy, share=member.weight / total)
        for i, (member, copy) in enumerate(copies)
    )


def _require_limits(plan: Plan) -> None:
    """Raise `InvalidRequest` naming a limit or weight of the plan that nothing could run under."""
    limits = {
        "min_models": plan.min_models,
        "max_models": plan.max_models,
        "max_concurrent": plan.max_concurrent,
        "timeout_s": plan.timeout_s,
        "deadline_s": plan.deadline_s,
        "fuse_top": plan.fuse_top,
    }
    for name, value in limits.items():
        if value is not None and not value > 0:
            raise InvalidRequest(f"{name} is {value!r}; it must be above 0", param=name)
    if not 0 <= plan.floor <= 1:
        raise InvalidRequest(f"floor is {plan.floor!r}; it must be from 0 to 1", param="floor")
    if plan.retry.max_retries < 0:
        raise InvalidRequest(f"retries is {plan.retry.max_retries!r}; it must be 0 or more", param="retries")
    for member in plan.members:
        if not (math.isfinite(member.weight) and member.weight >= 0):
            raise InvalidRequest(
                f"the weight of {member.model!r} is {member.weight!r}; use a finite number, 0 or more", param="weight"
            )


def _copies(plan: Plan, params: Mapping[str, Any]) -> list[tuple[Member, int]]:
    match plan.parallelization:
        case Parallelization.NONE:
            return [(member, 0) for member in plan.members[:1]]
        case Parallelization.STATIC_COUNT:
            return _repeat(plan.members, plan.count)
        case Parallelization.CONFIG_PARAM:
            return _repeat(plan.members, _count_from(plan, params))
        case Parallelization.MODEL_SPECIFIC:
            return [(member, copy) for member in plan.members for copy in range(_checked(member.count, "count"))]
        case _:
            assert_never(plan.parallelization)


def _repeat(members: Sequence[Member], count: int) -> list[tuple[Member, int]]:
    checked = _checked(count, "count")
    return [(member, copy) for member in members for copy in range(checked)]


def _checked(count: int, param: str) -> int:
    if not 1 <= count <= MAX_BRANCHES:
        raise InvalidRequest(f"{param} is {count!r}; it must be from 1 to {MAX_BRANCHES}", param=param)
    return count


def _count_from(plan: Plan, params: Mapping[str, Any]) -> int:
    name = plan.count_param
    if name is None:
        raise InvalidRequest("parallelization config_param needs count_param: the name of the run parameter to read")
    count = params.get(name)
    if isinstance(count, bool) or not isinstance(count, int):
        known = ", ".join(sorted(params)) or "none"
        raise InvalidRequest(
            f"the run parameter {name!r} is {count!r}; it must be a whole number (parameters given: {known})",
            param=name,
        )
    return _checked(count, name)


def _capped(plan: Plan, copies: list[tuple[Member, int]]) -> list[tuple[Member, int]]:
    """Order by group and priority; of more than `max_models`, those with the highest priorities stay."""
    if plan.max_models is not None:
        keep = sorted(range(len(copies)), key=lambda i: (-copies[i][0].priority, copies[i][0].group, i))
        copies = [copies[i] for i in sorted(keep[: plan.max_models])]
    return sorted(copies, key=lambda copy: (copy[0].group, -copy[0].priority))


def _ids(names: Sequence[str]) -> list[str]:
    """Name each branch after its model; copies of one model are numbered from 1: `gpt#1`, `gpt#2`."""
    if len(set(names)) == len(names):
        return list(names)
    totals, seen = Counter(names), Counter[str]()
    ids: list[str] = []
    for name in names:
        seen[name] += 1
        ids.append(f"{name}#{seen[name]}" if totals[name] > 1 else name)
    return ids
