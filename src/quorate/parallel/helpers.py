"""Which models a plan's selector asks, and how often: for those who reckon, reserve or permit before it is run."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from quorate.parallel.plan import Member, Plan, Select, Synthesis

#: How often a judge is asked about the same answers.
BOTH_ORDERS = 2
#: So many members review at most, the heaviest ones: each of them reads all answers.
MAX_REVIEWS = 16


class Role(StrEnum):
    """What a selector asks a model for; its calls are named after it, several of them numbered: `review#2`."""

    JUDGE = "judge"
    REVIEW = "review"
    SYNTHESISER = "synthesiser"
    SOURCES = "sources"


@dataclass(frozen=True, slots=True, kw_only=True)
class Helper:
    """A model that is asked `times` times, by calls named `branch`."""

    role: Role
    branch: str
    model: str
    times: int = 1


def helpers_of(plan: Plan, members: Sequence[Member]) -> tuple[Helper, ...]:
    """Return whom the selector asks if all `members`, one for each branch of the last stage, have answered."""
    if len(members) < 2:  # noqa: PLR2004 - nothing to choose from
        return ()
    heaviest = max(members, key=lambda member: member.weight).model
    if plan.selector is Select.PROMPT_SELECTOR:
        return (Helper(role=Role.JUDGE, branch=Role.JUDGE.value, model=plan.judge or heaviest, times=BOTH_ORDERS),)
    if plan.selector is not Select.SYNTHESIS:
        return ()
    writer = plan.synthesiser or heaviest
    found = [
        Helper(role=Role.REVIEW, branch=f"{Role.REVIEW}#{number}", model=members[position].model)
        for number, position in enumerate(reviewers([member.weight for member in members]), 1)
        if plan.synthesis is Synthesis.RANK_THEN_FUSE
    ]
    found.append(Helper(role=Role.SYNTHESISER, branch=Role.SYNTHESISER.value, model=writer))
    if plan.provenance:
        found.append(Helper(role=Role.SOURCES, branch=Role.SOURCES.value, model=writer))
    return tuple(found)


def reviewers(weights: Sequence[float]) -> list[int]:
    """Return the positions of those who review, by their weights: the heaviest, in the order given."""
    by_weight = sorted(range(len(weights)), key=lambda position: (-weights[position], position))
    return sorted(by_weight[:MAX_REVIEWS])
