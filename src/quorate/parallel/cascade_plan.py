"""`cascade(...)`: a plan that asks cheap models first; and the checks that every such plan passes before it runs."""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from quorate.consensus.escalation import EscalationRule, decode_rule
from quorate.core.errors import InvalidRequest
from quorate.core.units import MICROUSD_PER_USD
from quorate.parallel.branch import Branch
from quorate.parallel.escalation import Below, ByJudge, ByRule, Cascade, Escalation, StageRules, misfit
from quorate.parallel.plan import Member, Mode, Plan, Select

#: A cascade of fewer stages is no cascade.
LEAST_STAGES = 2
#: Selectors that ask no model: the others would be paid for at every stage, also where its answer is then not used.
SELECTORS = (Select.FIRST, Select.RANDOM, Select.BEST, Select.CONSENSUS)

Stage = str | Member | Sequence[str | Member]


def cascade(
    *stages: Stage,
    below: float | None = None,
    rule: EscalationRule | Path | None = None,
    judge: str | None = None,
    speculate_after_s: float | None = None,
    max_cost_usd: float | None = None,
) -> Plan:
    """Return the plan that asks stage after stage until an answer is good enough: `cascade(["a", "b"], "strong")`.

    A stage is a model or several. It is left for the next one when its answers agree to less than `below` (0.7 if
    nothing is given), when the `rule` (or the file that holds it: then this blocks) says that the strong model is
    likelier to be right, or unless the `judge` says that the answer is good enough: one of the three. Change the plan
    with `dataclasses.replace` for anything else. Raises `InvalidRequest` for what cannot run.
    """
    if len(stages) < LEAST_STAGES:
        raise InvalidRequest(f"a cascade of {len(stages)} stages has nowhere to go on to; name two", param="stages")
    members = tuple(
        replace(member if isinstance(member, Member) else Member(model=member), group=number)
        for number, stage in enumerate(stages, 1)
        for member in ([stage] if isinstance(stage, str | Member) else stage)
    )
    rules = StageRules(escalate=_escalation(below, rule, judge))
    if speculate_after_s is not None and not 0 <= speculate_after_s < math.inf:
        raise InvalidRequest(
            f"speculate_after_s is {speculate_after_s!r}; it must be 0 or more", param="speculate_after_s"
        )
    if max_cost_usd is not None and not 0 < max_cost_usd < math.inf:
        raise InvalidRequest(f"max_cost_usd is {max_cost_usd!r}; it must be above 0", param="max_cost_usd")
    limit = None if max_cost_usd is None else round(max_cost_usd * MICROUSD_PER_USD)
    found = Cascade(stages=(rules,) * len(stages), speculate_after_s=speculate_after_s, max_cost_microusd=limit)
    return Plan(members=members, cascade=found)


def _escalation(below: float | None, rule: EscalationRule | Path | None, judge: str | None) -> Escalation:
    if sum(given is not None for given in (below, rule, judge)) > 1:
        raise InvalidRequest("a cascade escalates by `below`, by `rule` or by `judge`; give one", param="below")
    if judge is not None:
        return ByJudge(judge=judge)
    if rule is not None:
        return ByRule(rule=_read(rule) if isinstance(rule, Path) else rule)
    return Below() if below is None else Below(share=below)


def _read(file: Path) -> EscalationRule:
    try:
        return decode_rule(file.read_bytes(), name=str(file))
    except OSError as error:
        raise InvalidRequest(f"{str(file)!r} cannot be read: {error.strerror}", param="rule") from error


def stage_plan(plan: Plan, cascade: Cascade, stage: int) -> Plan:
    """Return how a stage (from 1) runs on its own."""
    rules = cascade.stages[stage - 1]
    return replace(
        plan,
        members=tuple(member for member in plan.members if member.group == stage),
        mode=rules.mode or plan.mode,
        threshold=plan.threshold if rules.threshold is None else rules.threshold,
        min_models=rules.min_models or plan.min_models,
        select=plan.select,
        max_models=None,
        cascade=None,
    )


def stage_answers(plan: Plan, branches: int) -> int:
    """Return how many answers a stage of so many branches gives when nothing fails."""
    return min(plan.min_models or 1, branches) if plan.mode is Mode.RACE else branches


def stages_in(plan: Plan, cascade: Cascade, branches: Sequence[Branch]) -> list[list[Branch]]:
    """Return the branches of each stage; raises `InvalidRequest` for a cascade that makes no sense."""
    count = len(cascade.stages)
    if {branch.group for branch in branches} != set(range(1, count + 1)):
        groups = ", ".join(str(group) for group in sorted({branch.group for branch in branches}))
        raise InvalidRequest(
            f"the cascade has {count} stages and its members are of group {groups}; each stage needs a member, "
            "and to ask other models write another plan",
            param="models",
        )
    if plan.group_prompts:
        raise InvalidRequest("the stages of a cascade are asked the caller's question; leave out `group_prompts`")
    if plan.selector not in SELECTORS:
        choices = ", ".join(SELECTORS)
        raise InvalidRequest(
            f"select is {plan.selector!s}; a cascade takes one of {choices}, and a stage may be an ensemble that "
            "selects otherwise",
            param="select",
        )
    found = [[branch for branch in branches if branch.group == number] for number in range(1, count + 1)]
    for number, (rules, members) in enumerate(zip(cascade.stages[:-1], found, strict=False), 1):
        answers = stage_answers(stage_plan(plan, cascade, number), len(members))
        if why := misfit(rules.escalate, answers):
            raise InvalidRequest(f"stage {number} of the cascade: {why}", param="models")
    return found
