"""What asking a model would cost and take, part by part, without asking it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from math import ceil
from typing import Any, assert_never

import msgspec

from quorate.contracts.contract import Contract
from quorate.core.errors import InvalidRequest
from quorate.engine.helper_prompt import (
    adequacy_tokens,
    judge_tokens,
    pair_judge_tokens,
    review_tokens,
    sources_tokens,
    stage_tokens,
    synthesiser_tokens,
)
from quorate.model import Model, Usage, leaf
from quorate.model.past import Past
from quorate.parallel.ask import branch_request
from quorate.parallel.branch import MAX_DEPTH, Branch, Resolve, expand
from quorate.parallel.ensemble import Ensemble
from quorate.parallel.escalation import Cascade
from quorate.parallel.helpers import BOTH_ORDERS, Helper, Role, helpers_of
from quorate.parallel.plan import Member, Mode, Parallelization, Plan, Select, Synthesis
from quorate.parallel.run import stages_of
from quorate.providers.endpoint import Endpoint
from quorate.providers.estimate import DEFAULT_OUTPUT_TOKENS, MESSAGE_TOKENS, estimate_text_tokens
from quorate.providers.price import Price
from quorate.resilience.contracted import Contracted
from quorate.resilience.hedge import Hedging
from quorate.resilience.resilient import bare, fallbacks_of
from quorate.wire.chat import ChatRequest

#: What is expected of a model of which no answer is on record: answers of this share of the limit, 1,024 of 4,096.
USUAL_SHARE = 0.25
#: What a model is told about an answer that does not keep its contract, beside the answer and the schema: at most.
TOLD_TOKENS = 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What a model is asked: so many tokens and images, under the limits of `request`, whose messages do not count."""

    prompt_tokens: int
    images: int
    request: ChatRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Reckoned:
    """What asking costs (`None`: a price is not known) and takes (`None`: not on record); tokens of one answer."""

    cost_microusd: int | None
    answer_tokens: int
    latency_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A branch of a plan, or the calls of a helper together, with all their attempts.

    `role` is what a helper is asked for, `None` of a branch. `model` answers, `prompt_tokens` is what it reads each
    time, `attempts` how often it is asked at most.
    """

    model: str
    branch: str
    prompt_tokens: int
    attempts: int
    reckoned: Reckoned
    role: Role | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a plan asks: its branches in their order, and its helpers: the pair judge, the selector's models."""

    branches: tuple[Part, ...]
    helpers: tuple[Part, ...]
    whole: Reckoned


@dataclass(slots=True, kw_only=True)
class Reckoning:
    """A live helper of one reckoning: the same model asked the same is reckoned once.

    Without `past` it is the worst case: every token of the dearest kind, every answer as long as its limit, all
    attempts. With `past`, by the name of the model, it is what is expected: one attempt, answers as long as those on
    record, `USUAL_SHARE` of the limit where there are none.
    """

    resolve: Resolve
    params: Mapping[str, Any]
    past: Mapping[str, Past] | None = None
    # With the model itself, so that no other takes its identity meanwhile.
    _known: dict[tuple[object, ...], tuple[Model, Reckoned]] = field(
        default_factory=dict[tuple[object, ...], tuple[Model, Reckoned]]
    )

    def of(self, model: Model, ask: Ask, depth: int = 0) -> Reckoned:
        """Return what asking `model` once costs and takes."""
        if depth > MAX_DEPTH:
            raise InvalidRequest(f"ensembles are nested deeper than {MAX_DEPTH}", param="models")
        if self.past is None:
            return self._dearest(model, ask, depth)
        return self._of_leaf(model, ask, depth)

    def _dearest(self, model: Model, ask: Ask, depth: int) -> Reckoned:
        """Return the worst of an attempt: at the dearest model that may stand in, and at all that a hedge asks."""
        stand_ins = [self.resolve(name) for name in fallbacks_of(model).names]
        model = bare(model)
        if isinstance(model, Contracted):
            inner = model.model
            found = self._kept(model.contract, ask, lambda again: self._hedged(inner, again, depth), depth)
        else:
            found = self._hedged(model, ask, depth)
        for other in stand_ins:
            found = _costing(found, [self._dearest(other, ask, depth + 1)])
        return found

    def _hedged(self, model: Model, ask: Ask, depth: int) -> Reckoned:
        found = self._of_leaf(model, ask, depth)
        if isinstance(model, Hedging):
            found = _costing(found, [found], [self._of_leaf(other, ask, depth) for other in model.on])
        return found

    def _kept(self, contract: Contract | None, ask: Ask, once: Callable[[Ask], Reckoned], depth: int) -> Reckoned:
        """Return the worst of an answer under a contract: asked as often as it says, and each answer repaired."""
        found = once(ask)
        if contract is None or self.past is not None:
            return found
        shown = found.answer_tokens + TOLD_TOKENS
        if contract.schema is not None:
            shown += estimate_text_tokens(contract.schema.text)
        again = [once(replace(ask, prompt_tokens=ask.prompt_tokens + shown))] * contract.retries
        repairs: list[Reckoned] = []
        if contract.repair_model is not None:
            asked = Ask(prompt_tokens=shown, images=0, request=ChatRequest(messages=()))
            repairs = [self.of(self.resolve(contract.repair_model), asked, depth + 1)] * (1 + contract.retries)
        costs = [each.cost_microusd for each in (found, *again, *repairs)]
        known = [cost for cost in costs if cost is not None]
        return replace(found, cost_microusd=sum(known) if len(known) == len(costs) else None)

    def _of_leaf(self, model: Model, ask: Ask, depth: int) -> Reckoned:
        name, model = model.name, leaf(model)
        key = (id(model), ask.prompt_tokens, ask.images, ask.request.output_limit, ask.request.n)
        if key not in self._known:
            if isinstance(model, Ensemble):
                whole = self.parts(model.plan, ask, depth).whole
                found = replace(whole, latency_s=self._latency_s(name) or whole.latency_s)
            else:
                found = self._leaf(name, model, ask)
            self._known[key] = model, found
        return self._known[key][1]

    def parts(self, plan: Plan, ask: Ask, depth: int = 0) -> Parts:
        """Return what every branch of a plan and its selector cost and take, and all of it together."""
        plan = _countable(plan, self.params)
        parts: list[Part] = []
        done: list[tuple[Branch, int]] = []
        candidates: list[int] = []
        judging: list[Ask] = []
        for template, branches in stages_of(plan, expand(plan, self.resolve, self.params)):
            if template is not None:
                earlier, answers = [branch for branch, _ in done], [tokens for _, tokens in done]
                rendered = stage_tokens(template, ask.prompt_tokens, earlier, answers)
                ask = replace(ask, prompt_tokens=ask.prompt_tokens + rendered)
            stage = [self._reached(plan, branch, self._branch(plan, branch, ask, depth)) for branch in branches]
            candidates = [part.reckoned.answer_tokens for part in stage]
            judging += [_of_pair(plan, ask, candidates)] * plan.judged_pairs(len(candidates))
            done += zip(branches, candidates, strict=True)
            parts += stage
        members = [branch.member for branch, _ in done[-len(candidates) :]]
        if plan.cascade is None:
            helpers = self._helpers(plan, members, ask, candidates, depth)
        else:
            helpers = self._cascade_judge(plan, plan.cascade, ask, candidates, depth)
        latency_s = _plan_latency_s(plan, [branch.group for branch, _ in done], parts, helpers)
        judging_parts = self._pair_judge(plan, judging, depth)
        asked = [*judging_parts, *helpers]
        whole = _whole([*parts, *asked], self._answers_tokens(plan, candidates, helpers), latency_s)
        return Parts(branches=tuple(parts), helpers=tuple(asked), whole=whole)

    def _pair_judge(self, plan: Plan, pairs: Sequence[Ask], depth: int) -> list[Part]:
        """Return what the pair judge costs, all calls together; nothing without one. They may be none: no latency."""
        if plan.pair_judge is None or not pairs:
            return []
        asked = max(pairs, key=lambda ask: ask.prompt_tokens)
        once = replace(self.of(self.resolve(plan.pair_judge), asked, depth + 1), latency_s=None)
        times, attempts = BOTH_ORDERS * min(len(pairs), plan.max_judged_pairs), plan.retry.max_retries + 1
        return [self._part(plan.pair_judge, "pair_judge", asked, once, attempts=attempts, times=times)]

    def _branch(self, plan: Plan, branch: Branch, ask: Ask, depth: int) -> Part:
        asked = _of_branch(ask, branch, plan.max_tokens)
        once = self._kept(plan.output, asked, lambda again: self.of(branch.model, again, depth + 1), depth)
        attempts = (branch.member.retry or plan.retry).max_retries + 1
        return self._part(branch.member.model, branch.id, asked, once, attempts=attempts)

    def _helpers(self, plan: Plan, members: list[Member], ask: Ask, candidates: list[int], depth: int) -> list[Part]:
        """Return what each of the selector's helpers costs, in the order they are asked."""
        parts: list[Part] = []
        for helper in helpers_of(plan, members):
            prompt_tokens = _helper_tokens(plan, helper, ask.prompt_tokens, candidates, parts)
            request = ChatRequest(messages=(), max_tokens=plan.helper_max_tokens)
            asked = Ask(prompt_tokens=prompt_tokens, images=0, request=request)
            once = self._of_helper(plan, helper, asked, depth)
            attempts = plan.retry.max_retries + 1
            part = self._part(helper.model, helper.branch, asked, once, attempts=attempts, times=helper.times)
            parts.append(replace(part, role=helper.role))
        return parts

    def _of_helper(self, plan: Plan, helper: Helper, asked: Ask, depth: int) -> Reckoned:
        """Return what asking a helper once costs; whoever writes the answer has to keep the plan's contract."""
        found = self.resolve(helper.model)
        contract = plan.output if helper.role is Role.SYNTHESISER else None
        return self._kept(contract, asked, lambda again: self.of(found, again, depth + 1), depth)

    def _answers_tokens(self, plan: Plan, candidates: Sequence[int], helpers: Sequence[Part]) -> int:
        """Return how long the plan's answer is: a vote on fields may at worst take some of every answer."""
        if plan.selector is Select.FIELD_VOTE and self.past is None:
            return sum(candidates)
        written = [part.reckoned.answer_tokens for part in helpers if part.role is Role.SYNTHESISER]
        return max((*candidates, *written))

    def _reached(self, plan: Plan, branch: Branch, part: Part) -> Part:
        """Return what a branch of a later stage is expected to cost: less, if its stage is not always reached."""
        cost = part.reckoned.cost_microusd
        if plan.cascade is None or self.past is None or cost is None:
            return part
        expected = ceil(cost * plan.cascade.reached(branch.group))
        return replace(part, reckoned=replace(part.reckoned, cost_microusd=expected))

    def _cascade_judge(self, plan: Plan, cascade: Cascade, ask: Ask, candidates: list[int], depth: int) -> list[Part]:
        """Return what the dearest of the judges costs when it is asked after each stage that has one."""
        if not cascade.judges:
            return []
        prompt_tokens = adequacy_tokens(ask.prompt_tokens, max(candidates))
        request = ChatRequest(messages=(), max_tokens=plan.helper_max_tokens)
        asked = Ask(prompt_tokens=prompt_tokens, images=0, request=request)
        times = len(cascade.judges)
        parts = [
            self._part(
                name,
                "judge",
                asked,
                self.of(self.resolve(name), asked, depth + 1),
                attempts=plan.retry.max_retries + 1,
                times=times,
            )
            for name in dict.fromkeys(cascade.judges)
        ]
        unknown = next((part for part in parts if part.reckoned.cost_microusd is None), None)
        return [unknown or max(parts, key=lambda part: part.reckoned.cost_microusd or 0)]

    def _part(self, model: str, branch: str, ask: Ask, once: Reckoned, *, attempts: int, times: int = 1) -> Part:
        counted = times * (attempts if self.past is None else 1)
        cost = None if once.cost_microusd is None else once.cost_microusd * counted
        return Part(
            model=model,
            branch=branch,
            prompt_tokens=ask.prompt_tokens,
            attempts=attempts * times,
            reckoned=replace(once, cost_microusd=cost),
        )

    def _leaf(self, name: str, model: Model, ask: Ask) -> Reckoned:
        request = model.with_params(ask.request) if isinstance(model, Endpoint) else ask.request
        limit = DEFAULT_OUTPUT_TOKENS if request.output_limit is None else request.output_limit
        answer_tokens, price = self._answer_tokens(name, limit), getattr(model, "price", None)
        tokens = answer_tokens * max(1, request.n or 1)
        if not isinstance(price, Price):
            cost = None
        elif self.past is None:
            cost = price.most_microusd(ask.prompt_tokens, tokens, images=ask.images)
        else:
            usage = Usage(prompt_tokens=ask.prompt_tokens, completion_tokens=tokens)
            cost = price.cost_microusd(usage, images=ask.images)
        return Reckoned(cost_microusd=cost, answer_tokens=answer_tokens, latency_s=self._latency_s(name))

    def _answer_tokens(self, name: str, limit: int) -> int:
        if self.past is None:
            return limit
        known = self.past.get(name)
        return min(limit, ceil(limit * USUAL_SHARE if known is None else known.answer_tokens))

    def _latency_s(self, name: str) -> float | None:
        known = None if self.past is None else self.past.get(name)
        return None if known is None else known.latency_s


def _costing(found: Reckoned, others: Sequence[Reckoned], more: Sequence[Reckoned] = ()) -> Reckoned:
    """Return the dearer of `found` and `others`, with the dearest of `more` on top; unknown if one of them is."""
    costs = [each.cost_microusd for each in (found, *others)]
    added = [each.cost_microusd for each in more]
    known = [cost for cost in costs if cost is not None]
    extra = [cost for cost in added if cost is not None]
    whole = max(known) + max(extra, default=0) if len(known) == len(costs) and len(extra) == len(added) else None
    tokens = max(each.answer_tokens for each in (found, *others, *more))
    return replace(found, cost_microusd=whole, answer_tokens=tokens)


def _helper_tokens(
    plan: Plan, helper: Helper, question_tokens: int, candidates: Sequence[int], earlier: Sequence[Part]
) -> int:
    """Return how long the prompt of a helper is at most; `earlier` are those asked before it."""
    fused = plan.synthesis is Synthesis.RANK_THEN_FUSE
    shown = sorted(candidates, reverse=True)[: plan.fuse_top] if fused else candidates
    match helper.role:
        case Role.JUDGE:
            return judge_tokens(plan, question_tokens, candidates)
        case Role.REVIEW:
            return review_tokens(question_tokens, candidates)
        case Role.SYNTHESISER:
            return synthesiser_tokens(plan, question_tokens, shown)
        case Role.SOURCES:
            return sources_tokens(question_tokens, shown, earlier[-1].reckoned.answer_tokens)
        case _:
            assert_never(helper.role)


def _whole(parts: Sequence[Part], answer_tokens: int, latency_s: float | None) -> Reckoned:
    costs = [part.reckoned.cost_microusd for part in parts]
    known = [cost for cost in costs if cost is not None]
    return Reckoned(
        cost_microusd=sum(known) if len(known) == len(costs) else None,
        answer_tokens=answer_tokens,
        latency_s=latency_s,
    )


def _plan_latency_s(plan: Plan, groups: Sequence[int], parts: Sequence[Part], helpers: Sequence[Part]) -> float | None:
    """Return how long the plan takes: the slowest branch of each group, of a race the quickest of the first.

    Helpers of one role are asked together, the roles one after another.
    """
    found: list[float | None] = []
    for _, members in groupby(zip(groups, parts, strict=True), key=lambda pair: pair[0]):
        times = [part.reckoned.latency_s for _, part in members]
        known = [each for each in times if each is not None]
        decides = min if plan.mode is Mode.RACE and plan.cascade is None else max
        found.append(decides(known) if len(known) == len(times) else None)
    if plan.mode is Mode.RACE and plan.cascade is None:
        found = found[:1]
    for _, asked in groupby(helpers, key=lambda part: part.role):
        times = [part.reckoned.latency_s for part in asked]
        known = [each for each in times if each is not None]
        found.append(max(known) if len(known) == len(times) else None)
    known = [each for each in found if each is not None]
    return sum(known) if len(known) == len(found) else None


def _of_branch(ask: Ask, branch: Branch, max_tokens: int | None) -> Ask:
    """Return what a branch is asked: with its own limits and its own system message."""
    request = branch_request(ask.request, branch, max_tokens=max_tokens)
    system = branch.member.params.system
    added = 0 if system is None else estimate_text_tokens(system) + MESSAGE_TOKENS + 1
    return replace(ask, prompt_tokens=ask.prompt_tokens + added, request=msgspec.structs.replace(request, messages=()))


def _of_pair(plan: Plan, ask: Ask, answer_tokens: Sequence[int]) -> Ask:
    """Return what the pair judge is asked about two answers of a stage that was asked `ask`: the longest two."""
    prompt_tokens = pair_judge_tokens(ask.prompt_tokens, sorted(answer_tokens)[-2:])
    request = ChatRequest(messages=(), max_tokens=plan.helper_max_tokens)
    return Ask(prompt_tokens=prompt_tokens, images=0, request=request)


def _countable(plan: Plan, params: Mapping[str, Any]) -> Plan:
    """Return the plan with the count it is written with if the run parameter that it reads is not there."""
    reads = plan.parallelization is Parallelization.CONFIG_PARAM
    if reads and plan.count_param is not None and plan.count_param not in params:
        return replace(plan, parallelization=Parallelization.STATIC_COUNT)
    return plan
