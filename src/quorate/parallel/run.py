"""The one engine: runs any plan, stage by stage, to one result."""

from collections.abc import Sequence

import msgspec

from quorate.core.errors import AllFailed, InvalidRequest
from quorate.model import Call, Outcome
from quorate.model.call import MoreAttempts
from quorate.model.event import PlanStarted, Selected
from quorate.parallel.ask import STAGE_NAMES, stage_request, wanted_tokens
from quorate.parallel.branch import MAX_DEPTH, Branch, Resolve, expand
from quorate.parallel.candidates import Candidates, Chosen
from quorate.parallel.cascade import CascadeRun
from quorate.parallel.cascade_plan import stage_plan, stages_in
from quorate.parallel.escalation import Cascade
from quorate.parallel.live import Live
from quorate.parallel.plan import Plan, Select
from quorate.parallel.resources import Resources
from quorate.parallel.result import Latency, Result, sequential_s
from quorate.parallel.select import select
from quorate.parallel.stage import Stage
from quorate.parallel.stop import min_models
from quorate.templating import Template, TemplateError
from quorate.wire.chat import ChatRequest

#: What a cascade is called where other plans tell their mode.
CASCADE_MODE = "cascade"
#: What an inner plan keeps of the time it has, so that a member who hangs does not cost it the answers of the others.
_RESERVE, _MOST_RESERVE_S = 0.05, 0.25


async def run_plan(
    plan: Plan, request: ChatRequest, call: Call, resources: Resources, *, live: Live | None = None
) -> Result:
    """Run `plan` on `request` and return its result.

    `resources` hold the models and what is known of them. With `live`, pieces of the answer go there as soon as it is
    certain whose they are. Raises `InvalidRequest` for a plan that cannot run, the branch's own error when the plan has
    one branch or fails fast, else `AllFailed` when no branch answered. A failure of some branches is part of the
    result. A plan with a `cascade` asks its stages one after another.
    """
    if call.depth > MAX_DEPTH:
        raise InvalidRequest(f"ensembles are nested deeper than {MAX_DEPTH}: {call.branch}", param="models")
    limit = call.deadline.ahead(share=_RESERVE, most_s=_MOST_RESERVE_S) if call.depth else call.deadline
    call = msgspec.structs.replace(call, deadline=limit.capped(plan.deadline_s), budget=call.budget.child())
    began_s = call.at_s
    branches = expand(plan, resources.resolve, call.params)
    call = _limited(plan, branches, call)
    stages = stages_of(plan, branches)
    _require_helper(plan, resources.resolve)
    if plan.cascade is not None:
        stages = stages_in(plan, plan.cascade, branches)
        return await _run_cascade(plan, plan.cascade, stages, request, call, resources, live)
    call.emit(_started(plan, branches, call))
    done: list[Stage] = []
    taken = {branch.member.model for branch in branches}
    for i, (template, members) in enumerate(stages):
        asked = stage_request(request, template, _outcomes(done)) if template is not None else request
        last = i == len(stages) - 1
        speaker = _speaker(plan, live, last=last)
        stage = Stage(plan=plan, branches=members, request=asked, call=call, taken=taken, live=speaker)
        done.append(stage)
        await stage.run()
        _require_answer(plan, stage)
    candidates = _candidates(plan, done[-1], live)
    chosen = await select(candidates, resources.resolve)
    call.emit(_selected(chosen, call))
    return _result(plan, done, candidates, chosen, began_s)


async def _run_cascade(
    plan: Plan,
    cascade: Cascade,
    members: Sequence[Sequence[Branch]],
    request: ChatRequest,
    call: Call,
    resources: Resources,
    live: Live | None,
) -> Result:
    began_s = call.at_s
    taken = {branch.member.model for branches in members for branch in branches}
    stages = [
        Stage(plan=stage_plan(plan, cascade, number), branches=branches, request=request, call=call, taken=taken)
        for number, branches in enumerate(members, 1)
    ]
    call.budget.limit_microusd = cascade.max_cost_microusd
    run = CascadeRun(plan=plan, cascade=cascade, call=call, resources=resources, live=live, stages=stages)
    call.emit(_started(plan, [branch for branches in members for branch in branches], call))
    candidates, chosen = await run.run()
    call.emit(_selected(chosen, call))
    answering = stages[run.answering - 1]
    ordered = [*(stage for stage in stages if stage is not answering), answering]
    return run.finished(_result(answering.plan, ordered, candidates, chosen, began_s), began_s)


def stages_of(plan: Plan, branches: Sequence[Branch]) -> list[tuple[Template | None, list[Branch]]]:
    """Return the branches, cut where a group has a prompt of its own, each stage with that prompt."""
    stages: list[tuple[Template | None, list[Branch]]] = []
    current: int | None = None
    for branch in branches:
        source = plan.group_prompts.get(branch.group)
        if not stages or (branch.group != current and source is not None):
            template = None if source is None else _template(source, branch.group)
            stages.append((template, []))
        stages[-1][1].append(branch)
        current = branch.group
    return stages


def _template(source: str, group: int) -> Template:
    """Return the prompt of a group; a name that it will not be given is an error now, not when others were paid."""
    template = Template(source, name=f"group_prompts[{group}]")
    unknown = sorted(template.names - STAGE_NAMES)
    if unknown:
        known = ", ".join(sorted(STAGE_NAMES))
        raise TemplateError(f"group_prompts[{group}]: `{unknown[0]}` is undefined; a group's prompt sees {known}")
    return template


def _limited(plan: Plan, branches: Sequence[Branch], call: Call) -> Call:
    """Return the call with what the plan allows beyond the first attempt of each branch."""
    if plan.max_attempts is None:
        return call
    if plan.max_attempts < len(branches):
        many = f"there are {len(branches)} branches; each makes one attempt at least"
        raise InvalidRequest(f"max_attempts is {plan.max_attempts} and {many}", param="max_attempts")
    return msgspec.structs.replace(call, more_attempts=MoreAttempts(plan.max_attempts - len(branches)))


def _require_helper(plan: Plan, resolve: Resolve) -> None:
    """Raise what `resolve` raises for the selector's model: before the branches are asked, not after."""
    match plan.selector:
        case Select.PROMPT_SELECTOR:
            name = plan.judge
        case Select.SYNTHESIS:
            name = plan.synthesiser
        case _:
            name = None
    if name is not None:
        resolve(name)


def _speaker(plan: Plan, live: Live | None, *, last: bool) -> Live | None:
    """Pieces may go out as they come only in the last stage, and only if no synthesis follows."""
    return live if last and plan.selector is not Select.SYNTHESIS else None


def _outcomes(stages: Sequence[Stage]) -> list[Outcome]:
    return [stage.outcomes[branch.index] for stage in stages for branch in stage.branches]


def _require_answer(plan: Plan, stage: Stage) -> None:
    """Raise unless the stage has an answer (and, with `fail_fast`, no failure)."""
    if stage.failure is not None:
        raise stage.failure
    if stage.answers:
        return
    errors = [(outcome.branch, outcome.error) for outcome in _outcomes([stage]) if outcome.error is not None]
    if len(errors) == 1:
        raise errors[0][1]
    listed = "; ".join(f"{branch}: {error.message}" for branch, error in errors)
    raise AllFailed(f"none of {len(errors)} models answered ({plan.mode}): {listed}", errors=errors)


def _candidates(plan: Plan, stage: Stage, live: Live | None) -> Candidates:
    return Candidates(
        plan=plan,
        request=stage.request,
        call=stage.call,
        outcomes=stage.answers,
        members={branch.index: branch.member for branch in stage.branches},
        agreement=stage.agreement,
        live=live if plan.selector is Select.SYNTHESIS else None,
    )


def _result(plan: Plan, stages: Sequence[Stage], candidates: Candidates, chosen: Chosen, began_s: float) -> Result:
    last = stages[-1]
    outcomes = tuple(_outcomes(stages))
    helpers = tuple(sorted(candidates.helpers, key=lambda outcome: outcome.index))
    needed = min_models(plan, len(last.branches))
    answered = len(candidates.outcomes)
    agreed = candidates.agreement is not None and candidates.agreement.agreed
    return Result(
        answer=chosen.completion.text,
        completion=chosen.completion,
        method=chosen.method,
        reason=chosen.reason,
        chosen=None if chosen.outcome is None else chosen.outcome.branch,
        agreement=candidates.agreement,
        consensus=agreed and answered >= needed,
        branches=outcomes,
        helpers=helpers,
        spend=last.call.budget.spend,
        latency=Latency(
            total_s=last.call.at_s - began_s,
            critical_path_s=sum(stage.critical_path_s for stage in stages)
            + max((outcome.latency_s for outcome in helpers), default=0.0),
            sequential_s=sum(sequential_s(outcome) for outcome in (*outcomes, *helpers)),
        ),
        stopped=last.stopped,
        warnings=(*_warnings((*outcomes, *helpers), answered, needed), *_lowered(plan, stages)),
    )


def _warnings(outcomes: Sequence[Outcome], answered: int, needed: int) -> list[str]:
    warnings: list[str] = []
    if answered < needed:
        warnings.append(f"only {answered} of at least {needed} models answered")
    warnings.extend(
        f"{outcome.completion.model} answered in place of {outcome.model}"
        for outcome in outcomes
        if outcome.completion is not None and outcome.completion.model != outcome.model
    )
    unpriced = sorted({outcome.model for outcome in outcomes if outcome.spend.unpriced})
    if unpriced:
        warnings.append(f"no price is known for {', '.join(unpriced)}; the cost is not known")
    if any(outcome.spend.estimated for outcome in outcomes):
        warnings.append("part of the usage is estimated (cancelled calls, or providers that sent no count)")
    return warnings


def _lowered(plan: Plan, stages: Sequence[Stage]) -> list[str]:
    """Say whose answers the plan limits to less than was asked for."""
    if plan.max_tokens is None:
        return []
    lowered = [
        branch.id
        for stage in stages
        for branch in stage.branches
        if (wanted_tokens(stage.request, branch) or 0) > plan.max_tokens
    ]
    listed = ", ".join(lowered)
    return [f"max_tokens was lowered to {plan.max_tokens}, the plan's limit, for {listed}"] if lowered else []


def _started(plan: Plan, branches: Sequence[Branch], call: Call) -> PlanStarted:
    paths = tuple(f"{call.branch}/{branch.id}" if call.branch else branch.id for branch in branches)
    return PlanStarted(
        call_id=call.id,
        at_s=call.at_s,
        path=call.branch,
        mode=plan.mode.value if plan.cascade is None else CASCADE_MODE,
        branches=paths,
        weights=tuple(branch.share for branch in branches),
    )


def _selected(chosen: Chosen, call: Call) -> Selected:
    return Selected(
        call_id=call.id,
        at_s=call.at_s,
        path=call.branch,
        branch=None if chosen.outcome is None else chosen.outcome.branch,
        method=chosen.method.value,
        reason=chosen.reason,
    )
