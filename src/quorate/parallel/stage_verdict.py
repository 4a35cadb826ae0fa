"""Whether the answer of a stage is good enough, or the cascade goes on."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, assert_never

from quorate.consensus.escalation import EscalationRule, escalation_features
from quorate.consensus.judge import adequacy_messages, parse_adequacy
from quorate.core.secret import new_nonce
from quorate.model import Outcome
from quorate.parallel.candidates import Candidates
from quorate.parallel.escalation import Below, ByJudge, ByRule, Escalation
from quorate.parallel.helper_call import helper_request
from quorate.parallel.plan import Member, Plan
from quorate.parallel.resources import Resources


@dataclass(frozen=True, slots=True, kw_only=True)
class StageVerdict:
    """`content`: the answer is good enough; `reason` says why, or why not."""

    content: bool
    reason: str


async def verdict(
    escalate: Escalation, candidates: Candidates, chosen: Outcome, resources: Resources, name: str
) -> StageVerdict:
    """Return whether `chosen` among a stage's candidates is good enough; `name` is the judge's branch.

    A judge who fails or cannot be understood is not content: the dearer mistake is a wrong answer.
    """
    match escalate:
        case Below(share=share):
            return _by_agreement(candidates, share)
        case ByRule(rule=rule):
            return _by_rule(candidates, rule)
        case ByJudge(judge=judge):
            return await _by_judge(candidates, chosen, judge, resources, name)
        case _:
            assert_never(escalate)


def _by_agreement(candidates: Candidates, share: float) -> StageVerdict:
    agreement = candidates.agreement
    if agreement is None:
        return StageVerdict(content=False, reason="only one answer, which agrees with nobody")
    content = agreement.leader is not None and agreement.score >= share
    side = "at least" if content else "below"
    return StageVerdict(content=content, reason=f"agreement {agreement.score:.2f} is {side} {share:g}")


def _by_rule(candidates: Candidates, rule: EscalationRule) -> StageVerdict:
    answers = candidates.outcomes
    if len(answers) != rule.answers:
        return StageVerdict(content=False, reason=f"{len(answers)} answers came and the rule reads {rule.answers}")
    texts = [outcome.text for outcome in answers]
    gain = rule.gain(escalation_features(candidates.question, texts, candidates.agreement))
    content = gain < rule.least_gain
    side = "below" if content else "at least"
    return StageVerdict(
        content=content, reason=f"the next stage's expected gain {gain:.3f} is {side} {rule.least_gain:.3f}"
    )


async def _by_judge(
    candidates: Candidates, chosen: Outcome, judge: str, resources: Resources, name: str
) -> StageVerdict:
    messages = adequacy_messages(candidates.question, chosen.text, nonce=new_nonce())
    said = await candidates.ask(resources.resolve(judge), name, messages)
    if said.error is not None:
        return StageVerdict(content=False, reason=f"the judge failed: {said.error.message}")
    try:
        found = parse_adequacy(said.text)
    except ValueError as error:
        return StageVerdict(content=False, reason=f"the judge's verdict cannot be used: {error}")
    told = f"{judge} finds it {'good enough' if found.good_enough else 'not good enough'}"
    return StageVerdict(content=found.good_enough, reason=f"{told}: {found.reason}" if found.reason else told)


def judge_worst_case(
    candidates: Candidates, chosen: Outcome, judge: str, resources: Resources, params: Mapping[str, Any]
) -> int | None:
    """Return what asking a judge may cost at most, in micro-USD; `None` if that is not known."""
    if resources.worst_case is None:
        return None
    messages = adequacy_messages(candidates.question, chosen.text, nonce=new_nonce())
    plan = Plan(members=(Member(model=judge),), retry=candidates.plan.retry)
    return resources.worst_case(plan, helper_request(candidates.plan, judge, messages), params)
