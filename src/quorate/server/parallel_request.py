"""The `parallel` field of a chat request: how the caller wants many models asked, and the plan that follows from it."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache
from typing import Annotated, Any

import msgspec

from quorate.consensus import Kind
from quorate.consensus.trust import Weighting
from quorate.contracts.contract import Contract, OutputType
from quorate.core.errors import InvalidRequest
from quorate.core.units import MICROUSD_PER_USD
from quorate.engine.choose import Chosen, Wish
from quorate.parallel.branch import Resolve
from quorate.parallel.plan import (
    FailureStrategy,
    Member,
    Mode,
    Parallelization,
    Params,
    Plan,
    Score,
    Select,
    StopForm,
    Synthesis,
)
from quorate.server.fan_out import branches_of, fan_out
from quorate.server.output_request import OutputOptions, requested_contract
from quorate.server.request_fields import read_fields

#: Where the field stands in the body, for messages and `param`.
FIELD = "parallel"

ModelName = Annotated[str, msgspec.Meta(min_length=1, max_length=400)]
Hint = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
KeyField = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Prompt = Annotated[str, msgspec.Meta(min_length=1, max_length=20_000)]
Milliseconds = Annotated[float, msgspec.Meta(gt=0, le=86_400_000)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Copies = Annotated[int, msgspec.Meta(ge=1, le=32)]
Models = Annotated[int, msgspec.Meta(ge=1, le=32)]


class Progress(StrEnum):
    """How a streamed answer tells of its progress: SSE comments, chunks without choices, or not at all."""

    COMMENTS = "comments"
    CHUNKS = "chunks"
    NONE = "none"


class MemberOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """A model and what is different for it: what it changes in the request, its vote, its place in the order."""

    model: ModelName
    count: Copies | None = None
    weight: Annotated[float, msgspec.Meta(ge=0, le=1_000_000)] = 1.0
    group: Annotated[int, msgspec.Meta(ge=0, le=1000)] = 0
    priority: Annotated[int, msgspec.Meta(ge=-1_000_000, le=1_000_000)] = 0
    timeout_ms: Milliseconds | None = None
    temperature: Annotated[float, msgspec.Meta(ge=0, le=2)] | None = None
    top_p: Share | None = None
    max_tokens: Annotated[int, msgspec.Meta(ge=1, le=10_000_000)] | None = None
    seed: int | None = None
    system: Prompt | None = None


class ParallelOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """The field's own fields; each may be written in camelCase or in snake_case.

    With `dryRun` nobody is asked: the answer, a `parallel.estimate`, says what the request would cost and take.
    """

    enabled: bool = True
    mode: Mode | None = None
    models: Annotated[tuple[ModelName | MemberOptions, ...], msgspec.Meta(min_length=1, max_length=64)] | None = None
    min_models: Models | None = None
    max_models: Models | None = None
    agi_model_selection: bool = False
    domain_hints: Annotated[tuple[Hint, ...], msgspec.Meta(max_length=16)] = ()
    timeout_ms: Milliseconds | None = None
    deadline_ms: Milliseconds | None = None
    failure_strategy: FailureStrategy | None = None
    select: Select | None = None
    score: Score | None = None
    synthesis: Synthesis | None = None
    fuse_top: Models | None = None
    provenance: bool | None = None
    kind: Kind | None = None
    key_fields: Annotated[tuple[KeyField, ...], msgspec.Meta(max_length=64)] = ()
    threshold: Annotated[float, msgspec.Meta(gt=0, le=1)] | None = None
    weighting: Weighting | None = None
    stop: StopForm | None = None
    stop_confidence: Annotated[float, msgspec.Meta(ge=0.5, lt=1)] | None = None
    floor: Share | None = None
    judge: ModelName | None = None
    synthesiser: ModelName | None = None
    instructions: Prompt | None = None
    pair_judge: ModelName | None = None
    max_judged_pairs: Annotated[int, msgspec.Meta(ge=0, le=100)] | None = None
    max_concurrent: Annotated[int, msgspec.Meta(ge=1, le=32)] | None = None
    retries: Annotated[int, msgspec.Meta(ge=0, le=5)] | None = None
    max_attempts: Annotated[int, msgspec.Meta(ge=1, le=1000)] | None = None
    max_cost_usd: Annotated[float, msgspec.Meta(gt=0, le=1_000_000)] | None = None
    count: Copies | None = None
    output: OutputType | OutputOptions | None = None
    progress: Progress = Progress.COMMENTS
    dry_run: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ParallelLimits:
    """What a request may ask for at most; checked before the first call leaves."""

    members: int = 16
    branches: int = 32
    timeout_s: float = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ParallelRequest:
    """What a `parallel` field asks for. With `enabled` false, `plan` has one member: a plain completion of it.

    `chosen` says which models were chosen for the caller and why; empty when the caller named them. `named` are the
    models that the field itself brings, helpers included; the others are those of the configured plan. With `dry_run`
    nobody is asked. `calls`: how many requests to models it starts at most, retries aside.
    """

    plan: Plan
    named: frozenset[str] = frozenset()
    calls: int = 1
    enabled: bool = True
    progress: Progress = Progress.COMMENTS
    chosen: tuple[Chosen, ...] = ()
    dry_run: bool = False

    @property
    def models(self) -> tuple[str, ...]:
        """Every model that the plan may call, helpers included, each once: what the caller must be allowed to use."""
        output = self.plan.output
        alone = () if output is None or output.repair_model is None else (output.repair_model,)
        helpers = self.plan.helpers if self.enabled else alone
        return tuple(dict.fromkeys((*(member.model for member in self.plan.members), *helpers)))


Choose = Callable[[Wish], Sequence[Chosen]]

_DEFAULT_LIMITS = ParallelLimits()
#: A field no longer than this is worked out once: 128 of them take half a megabyte at most, and what they ask for.
_MOST_REMEMBERED_BYTES = 4096


def read_parallel(
    value: object,
    *,
    base: Plan,
    choose: Choose,
    model: str = "",
    resolve: Resolve | None = None,
    limits: ParallelLimits = _DEFAULT_LIMITS,
) -> ParallelRequest:
    """Return what the field's `value` (JSON bytes, or decoded) asks for.

    `base` says what the field leaves open: the configured defaults, or the plan of the ensemble that the request's
    `model` names. Without `models`, the members are those that `choose` returns (`agiModelSelection`), else those of
    `base`, else `model` alone. `choose` is called at most once. With `resolve`, the branches of ensembles among the
    members count as well. Raises `InvalidRequest` naming field and value, and what `resolve` raises.
    """
    if isinstance(value, bytes | msgspec.Raw) and len(value) <= _MOST_REMEMBERED_BYTES:
        options, known = _known(bytes(value), _Same(base), model, limits)
    else:
        options, known = _worked_out(value, base, model, limits)
    if known is None:
        chosen = _choose(options, choose, limits)
        members = _members(options, chosen, base, model)
        plan = _plan(options, base, members, limits)
        known = ParallelRequest(
            plan=plan,
            named=_named(options, chosen),
            calls=_branches(plan),
            progress=options.progress,
            chosen=chosen,
            dry_run=options.dry_run,
        )
    calls = known.calls if resolve is None else fan_out(known.plan, resolve)
    if known.enabled:
        _require_fan_out(known.plan, options, limits, calls, configured=known.plan.members is base.members)
        _require_times(options, limits)
    return known if known.calls == calls else replace(known, calls=calls)


class _Same:
    """A plan as a key: equal to itself only, for a plan may hold what has no hash."""

    __slots__ = ("plan",)

    def __init__(self, plan: Plan) -> None:
        self.plan = plan

    def __hash__(self) -> int:
        return id(self.plan)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.plan is self.plan


@lru_cache(maxsize=128)  # callers send the same field with each request, and to read it takes a tenth of what is ours
def _known(
    value: bytes, base: _Same, model: str, limits: ParallelLimits
) -> tuple[ParallelOptions, ParallelRequest | None]:
    return _worked_out(value, base.plan, model, limits)


def _worked_out(
    value: object, base: Plan, model: str, limits: ParallelLimits
) -> tuple[ParallelOptions, ParallelRequest | None]:
    """Return what the field says, and what it asks for; `None` where models are chosen for the caller, anew each time.

    Nothing in it depends on who asks.
    """
    options = read_fields(value, ParallelOptions, FIELD)
    if options.enabled and options.agi_model_selection:
        return options, None
    members = _members(options, (), base, model)
    plan = _plan(options, base, members, limits) if options.enabled else _alone(base, members, model, _output(options))
    asked = ParallelRequest(
        plan=plan,
        named=_named(options, ()),
        calls=_branches(plan),
        enabled=options.enabled,
        progress=options.progress,
        dry_run=options.dry_run,
    )
    return options, asked


def _branches(plan: Plan) -> int:
    return len(branches_of(plan)[: plan.max_models])


def _named(options: ParallelOptions, chosen: Sequence[Chosen]) -> frozenset[str]:
    members = [item if isinstance(item, str) else item.model for item in options.models or ()]
    repairs = options.output.repair_model if isinstance(options.output, OutputOptions) else None
    helpers = [name for name in (options.judge, options.synthesiser, options.pair_judge, repairs) if name is not None]
    return frozenset((*members, *(each.model for each in chosen), *helpers))


def _choose(options: ParallelOptions, choose: Choose, limits: ParallelLimits) -> tuple[Chosen, ...]:
    if options.min_models is not None and options.min_models > limits.members:
        raise _error("minModels", f"is {options.min_models}; at most {limits.members} models are chosen")
    wish = Wish(
        domain_hints=options.domain_hints,
        min_models=options.min_models,
        max_models=None if options.max_models is None else min(options.max_models, limits.members),
        among=tuple(item if isinstance(item, str) else item.model for item in options.models or ()),
    )
    try:
        return tuple(choose(wish))
    except InvalidRequest as error:
        raise InvalidRequest(
            f"{FIELD}.agiModelSelection: {error.message}", param=f"{FIELD}.agiModelSelection"
        ) from None


def _members(options: ParallelOptions, chosen: Sequence[Chosen], base: Plan, model: str) -> tuple[Member, ...]:
    copies = options.count or 1
    if chosen:
        named = {item.model: item for item in options.models or () if isinstance(item, MemberOptions)}
        return tuple(_member(named.get(each.model, each.model), copies) for each in chosen)
    if options.models is not None:
        return tuple(_member(item, copies) for item in options.models)
    if base.members:
        return base.members if options.count is None else tuple(replace(m, count=copies) for m in base.members)
    if model:
        return (Member(model=model, count=copies),)
    raise InvalidRequest(
        f"{FIELD}.models is missing; name the models, or set {FIELD}.agiModelSelection", param=f"{FIELD}.models"
    )


def _member(item: str | MemberOptions, copies: int) -> Member:
    if isinstance(item, str):
        return Member(model=item, count=copies)
    return Member(
        model=item.model,
        count=item.count or copies,
        weight=item.weight,
        group=item.group,
        priority=item.priority,
        timeout_s=_seconds(item.timeout_ms),
        params=Params(
            temperature=item.temperature,
            top_p=item.top_p,
            max_tokens=item.max_tokens,
            seed=item.seed,
            system=item.system,
        ),
    )


def _least(*limits: int | None) -> int | None:
    """Return the smallest limit that is set: a caller may lower what the operator allows, not raise it."""
    return min((limit for limit in limits if limit is not None), default=None)


def _output(options: ParallelOptions) -> Contract | None:
    return None if options.output is None else requested_contract(options.output, f"{FIELD}.output")


def _alone(base: Plan, members: Sequence[Member], model: str, output: Contract | None) -> Plan:
    """Return the plan of a plain completion: of the request's `model`, else of the first model named."""
    member = Member(model=model) if model else replace(members[0], count=1)
    return replace(
        base,
        members=(member,),
        parallelization=Parallelization.NONE,
        group_prompts={},
        min_models=None,
        output=output or base.output,
        cascade=None,
    )


def _plan(options: ParallelOptions, base: Plan, members: tuple[Member, ...], limits: ParallelLimits) -> Plan:
    given: Mapping[str, object] = {
        "mode": options.mode,
        "min_models": options.min_models,
        "max_models": options.max_models,
        "timeout_s": min(_seconds(options.timeout_ms) or base.timeout_s or limits.timeout_s, limits.timeout_s),
        "deadline_s": _seconds(options.deadline_ms),
        "failure_strategy": options.failure_strategy,
        "select": options.select,
        "score": options.score,
        "synthesis": options.synthesis,
        "fuse_top": options.fuse_top,
        "provenance": options.provenance,
        "kind": options.kind,
        "key_fields": options.key_fields or None,
        "threshold": options.threshold,
        "weighting": options.weighting,
        "stop": options.stop,
        "stop_confidence": options.stop_confidence,
        "floor": options.floor,
        "judge": options.judge,
        "synthesiser": options.synthesiser,
        "instructions": options.instructions,
        "pair_judge": options.pair_judge,
        "max_judged_pairs": _least(options.max_judged_pairs, base.max_judged_pairs),
        "max_concurrent": options.max_concurrent,
        "max_attempts": _least(options.max_attempts, base.max_attempts),
        "max_cost_microusd": _least(_microusd(options.max_cost_usd), base.max_cost_microusd),
        "output": _output(options),
        "retry": None if options.retries is None else replace(base.retry, max_retries=options.retries),
    }
    changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if members is not base.members:
        changes |= {"members": members, "parallelization": Parallelization.MODEL_SPECIFIC}
        if options.models is not None or options.agi_model_selection:
            changes |= {"group_prompts": {}, "cascade": None}
    return replace(base, **changes)


def _require_fan_out(
    plan: Plan, options: ParallelOptions, limits: ParallelLimits, calls: int, *, configured: bool
) -> None:
    """Raise for more models or branches than a request may ask for, before anything is paid.

    The members that the operator configured are not the caller's to answer for.
    """
    if len(plan.members) > limits.members and not configured:
        raise _error("models", f"names {len(plan.members)} models; at most {limits.members} are allowed")
    branches = _branches(plan)
    if calls > limits.branches and not configured:
        raise _error(
            "models",
            f"makes {calls} branches, those of ensembles and peer reviews counted;"
            f" at most {limits.branches} are allowed",
        )
    if not any(member.weight > 0 for member in plan.members):
        raise _error("models", "gives no model a weight above 0; one at least needs it")
    if options.min_models is not None and options.max_models is not None and options.min_models > options.max_models:
        raise _error("minModels", f"is {options.min_models}, more than {FIELD}.maxModels {options.max_models}")
    if options.max_attempts is not None and options.max_attempts < branches:
        raise _error("maxAttempts", f"is {options.max_attempts}; each of the {branches} branches makes one at least")
    if options.min_models is not None and options.min_models > branches:
        raise _error("minModels", f"is {options.min_models}; the plan has {branches} branches")


def _require_times(options: ParallelOptions, limits: ParallelLimits) -> None:
    times = [("timeoutMs", options.timeout_ms), ("deadlineMs", options.deadline_ms)]
    times += [
        (f"models[{i}].timeoutMs", item.timeout_ms)
        for i, item in enumerate(options.models or ())
        if isinstance(item, MemberOptions)
    ]
    for name, value_ms in times:
        if value_ms is not None and value_ms > limits.timeout_s * 1000:
            raise _error(name, f"is {value_ms:g}; this server allows {limits.timeout_s * 1000:g} at most")


def _error(name: str, what: str) -> InvalidRequest:
    return InvalidRequest(f"{FIELD}.{name} {what}", param=f"{FIELD}.{name}")


def _microusd(cost_usd: float | None) -> int | None:
    """Return dollars as micro-USD, at least one of them: a limit is not rounded to none."""
    return None if cost_usd is None else max(1, math.floor(cost_usd * MICROUSD_PER_USD))


def _seconds(value_ms: float | None) -> float | None:
    return None if value_ms is None else value_ms / 1000
