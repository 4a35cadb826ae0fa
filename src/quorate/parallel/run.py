"""The one engine: runs any plan, stage by stage, to one result."""

from collections.abc import Sequence

import msgspec

from quorate.consensus.ballot import Ballot, Voter
from quorate.consensus.trust import Weighting
from quorate.core.errors import AllFailed, InvalidRequest
from quorate.model import Call, Outcome
from quorate.model.call import MoreAttempts
from quorate.model.event import PlanStarted, Selected
from quorate.parallel.ask import STAGE_NAMES, stage_request, wanted_tokens
from quorate.parallel.branch import MAX_DEPTH, Branch, Resolve, expand
from quorate.parallel.candidates import Candidates
from quorate.parallel.cascade import CascadeRun
from quorate.parallel.cascade_plan import stage_plan, stages_in
from quorate.parallel.chosen import Chosen
from quorate.parallel.escalation import Cascade
from quorate.parallel.helpers import Role, helpers_of
from quorate.parallel.live import Live
from quorate.parallel.pair_judge import PairJudge
from quorate.parallel.peers import peer_warnings
from quorate.parallel.plan import Mode, Plan, Select, StopForm
from quorate.parallel.resources import Resources
from quorate.parallel.result import Latency, Result, sequential_s
from quorate.parallel.select import select
from quorate.parallel.stage import Stage
from quorate.parallel.stop import min_models
from quorate.parallel.votes import votes_of
from quorate.resilience.contracted import Terms, told
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
    budget = call.budget.child(limit_microusd=plan.max_cost_microusd)
    call = msgspec.structs.replace(call, deadline=limit.capped(plan.deadline_s), budget=budget)
    resources = resources.for_tenant(call.tenant)
    began_s = call.at_s
    branches = expand(plan, resources.resolve, call.params)
    stages = stages_of(plan, branches)
    call = _limited(plan, branches, stages[-1][1], call)
    _require_helper(plan, resources.resolve)
    if plan.cascade is not None:
        staged = stages_in(plan, plan.cascade, branches)
        return await _run_cascade(plan, plan.cascade, staged, request, call, resources, live)
    pair_judge = _pair_judge(plan, call, resources)
    call.emit(_started(plan, branches, call))
    done: list[Stage] = []
    taken = {branch.member.model for branch in branches}
    for i, (template, members) in enumerate(stages):
        asked = stage_request(request, template, _outcomes(done)) if template is not None else request
        last = i == len(stages) - 1
        speaker = _speaker(plan, live, last=last)
        stage = Stage(
            plan=plan,
            branches=members,
            request=asked,
            call=call,
            taken=taken,
            ballot=_ballot(plan, members, resources),
            paces=resources.paces,
            terms=_terms(plan, resources) if last else None,
            live=speaker,
        )
        # Of an earlier stage only the stop rule of a quorum asks whether its answers agree.
        stage.pair_judge = pair_judge if last or plan.mode is Mode.QUORUM else None
        done.append(stage)
        await stage.run()
        _require_answer(plan, stage)
    candidates = _candidates(plan, done[-1], resources, live)
    chosen = await select(candidates)
    call.emit(_selected(chosen, candidates))
    return _result(plan, done, candidates, chosen, began_s, pair_judge)


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
    budget = call.budget.child(limit_microusd=cascade.max_cost_microusd)
    call = msgspec.structs.replace(call, budget=budget)
    taken = {branch.member.model for branches in members for branch in branches}
    stages = [
        Stage(
            plan=stage_plan(plan, cascade, number),
            branches=branches,
            request=request,
            call=call,
            taken=taken,
            ballot=_ballot(plan, branches, resources),
            paces=resources.paces,
            terms=_terms(plan, resources),
        )
        for number, branches in enumerate(members, 1)
    ]
    run = CascadeRun(plan=plan, cascade=cascade, call=call, resources=resources, live=live, stages=stages)
    call.emit(_started(plan, [branch for branches in members for branch in branches], call))
    candidates, chosen = await run.run()
    call.emit(_selected(chosen, candidates))
    answering = stages[run.answering - 1]
    ordered = [*(stage for stage in stages if stage is not answering), answering]
    return run.finished(_result(answering.plan, ordered, candidates, chosen, began_s, None), began_s)


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


def _limited(plan: Plan, branches: Sequence[Branch], last: Sequence[Branch], call: Call) -> Call:
    """Return the call with what the plan allows beyond the first attempt of each branch, and of each peer review."""
    if plan.max_attempts is None:
        return call
    reviews = sum(helper.role is Role.REVIEW for helper in helpers_of(plan, [branch.member for branch in last]))
    left = plan.max_attempts - len(branches) - reviews
    if left < 0:
        listed = f"{len(branches)} branches and {reviews} reviews" if reviews else f"{len(branches)} branches"
        many = f"there are {listed}; each makes one attempt at least"
        raise InvalidRequest(f"max_attempts is {plan.max_attempts} and {many}", param="max_attempts")
    return msgspec.structs.replace(call, more_attempts=MoreAttempts(left))


def _require_helper(plan: Plan, resolve: Resolve) -> None:
    """Raise what `resolve` raises for the models that help: before the branches are asked, not after."""
    match plan.selector:
        case Select.PROMPT_SELECTOR:
            name = plan.judge
        case Select.SYNTHESIS:
            name = plan.synthesiser
        case _:
            name = None
    if name is not None:
        resolve(name)
    if plan.output is not None and plan.output.repair_model is not None:
        resolve(plan.output.repair_model)


def _terms(plan: Plan, resources: Resources) -> Terms | None:
    """Return what answers have to keep; those of earlier stages are drafts for the last one."""
    return None if plan.output is None else Terms(contract=plan.output, resolve=resources.resolve)


def _pair_judge(plan: Plan, call: Call, resources: Resources) -> PairJudge | None:
    """Return the plan's pair judge; raises what `resolve` raises, before the branches are asked."""
    if plan.pair_judge is None or not plan.judges_pairs:
        return None
    model = resources.resolve(plan.pair_judge)
    return PairJudge(plan=plan, model=model, verdicts=resources.verdicts, call=call)


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


def _ballot(plan: Plan, branches: Sequence[Branch], resources: Resources) -> Ballot:
    """Return the votes of a stage; a copy votes like its member, and copies of one model are one family."""
    voters = {
        branch.index: Voter(
            model=branch.member.model, weight=branch.member.weight, family=resources.vendor(branch.member.model)
        )
        for branch in branches
    }
    return Ballot(voters=voters, weighting=plan.weighting, trust=resources.trust)


def _candidates(plan: Plan, stage: Stage, resources: Resources, live: Live | None) -> Candidates:
    return Candidates(
        plan=plan,
        request=stage.request,
        call=stage.call,
        outcomes=stage.answers,
        members=stage.voting(),
        agreement=stage.agreement,
        resolve=resources.resolve,
        trust=resources.trust,
        live=live if plan.selector is Select.SYNTHESIS else None,
        terms=stage.terms,
    )


def _result(
    plan: Plan,
    stages: Sequence[Stage],
    candidates: Candidates,
    chosen: Chosen,
    began_s: float,
    pair_judge: PairJudge | None,
) -> Result:
    last = stages[-1]
    outcomes = tuple(_outcomes(stages))
    selecting = sorted(candidates.helpers, key=lambda outcome: outcome.index)
    judging = () if pair_judge is None else sorted(pair_judge.helpers, key=lambda outcome: outcome.index)
    helpers = (*judging, *selecting)
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
        no_consensus=chosen.no_consensus,
        provenance=chosen.provenance,
        contradictions=chosen.contradictions,
        branches=outcomes,
        helpers=helpers,
        spend=last.call.budget.spend,
        latency=Latency(
            total_s=last.call.at_s - began_s,
            critical_path_s=sum(stage.critical_path_s for stage in stages) + _helpers_path_s(selecting),
            sequential_s=sum(sequential_s(outcome) for outcome in (*outcomes, *helpers)),
        ),
        stopped=last.stopped,
        warnings=(
            *_warnings((*outcomes, *helpers), answered, needed),
            *_lowered(plan, stages),
            *_unknown(plan, last),
            *(() if pair_judge is None else pair_judge.warnings),
            *peer_warnings(plan, candidates),
        ),
        run_id=last.call.id,
    )


def _helpers_path_s(helpers: Sequence[Outcome]) -> float:
    """Return how long the selector's calls took: those of one role run together, the roles one after another."""
    slowest: dict[str, float] = {}
    for outcome in helpers:
        role = outcome.branch.partition("#")[0]
        slowest[role] = max(slowest.get(role, 0.0), outcome.latency_s)
    return sum(slowest.values())


def _warnings(outcomes: Sequence[Outcome], answered: int, needed: int) -> list[str]:
    warnings: list[str] = []
    if answered < needed:
        warnings.append(f"only {answered} of at least {needed} models answered")
    warnings.extend(
        f"{outcome.completion.model} answered in place of {outcome.model}"
        for outcome in outcomes
        if outcome.completion is not None and outcome.completion.model != outcome.model
    )
    warnings.extend(
        f"the answer of {outcome.branch} does not keep its output contract: {told(output.problems)}"
        for outcome in outcomes
        if outcome.completion is not None and (output := outcome.completion.output) is not None and not output.valid
    )
    return [*warnings, *spend_warnings(outcomes)]


def spend_warnings(outcomes: Sequence[Outcome]) -> list[str]:
    """Return what a caller should know about the cost of these."""
    warnings: list[str] = []
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


def _unknown(plan: Plan, stage: Stage) -> list[str]:
    """Say what the plan wanted to go by and could not: nothing is known of its models."""
    kind = None if stage.agreement is None else stage.agreement.kind
    if kind is None or stage.ballot.knows(kind):
        return []
    wanted: list[str] = []
    if plan.weighting is Weighting.LEARNED:
        wanted.append("the members' given weights counted instead of learned ones")
    if plan.mode is Mode.QUORUM and plan.stop is StopForm.POSTERIOR:
        wanted.append("the share of votes decided when to stop")
    return [f"no model has a track record in answers of kind {kind}: {' and '.join(wanted)}"] if wanted else []


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


def _selected(chosen: Chosen, candidates: Candidates) -> Selected:
    call, agreement = candidates.call, candidates.agreement
    return Selected(
        call_id=call.id,
        at_s=call.at_s,
        path=call.branch,
        branch=None if chosen.outcome is None else chosen.outcome.branch,
        method=chosen.method.value,
        reason=chosen.reason,
        votes=votes_of(candidates),
        weighting=None if agreement is None else agreement.weighting.value,
    )
