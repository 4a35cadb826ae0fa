"""How models are combined, as written: members, retries, and everything a plan says."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from quorate.consensus import Kind
from quorate.consensus.trust import Weighting
from quorate.contracts.output_section import ContractedSection
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
from quorate.resilience.retry_policy import Backoff, RetryPolicy
from quorate.source.section import ModelName, Seconds, Section, Share, Texts, Usd, microusd, model_of_name

_PLAN = Plan(members=())
_RETRY = RetryPolicy()


class RetrySection(Section):
    """When a failed request is sent again."""

    max_retries: Annotated[int, Field(ge=0, le=20)] = _RETRY.max_retries
    """Further attempts after the first."""
    strategy: Backoff = _RETRY.strategy
    """How the delay grows: `fixed`, `linear` or `exponential`."""
    delay_s: Annotated[float, Field(ge=0, le=3600)] = _RETRY.delay_s
    """Seconds before the first retry."""
    max_delay_s: Annotated[float, Field(ge=0, le=3600)] = _RETRY.max_delay_s
    """No delay is longer than this (a provider's Retry-After may be)."""
    jitter: bool = _RETRY.jitter
    """Draw the delay evenly from zero to the computed one, so that callers do not come back all at once."""

    def policy(self) -> RetryPolicy:
        """Return the policy it describes."""
        return RetryPolicy(
            max_retries=self.max_retries,
            strategy=self.strategy,
            delay_s=self.delay_s,
            max_delay_s=self.max_delay_s,
            jitter=self.jitter,
        )


#: What a request is made of; parameters may not replace it.
_OWNED = frozenset({"api_key", "base_url", "messages", "model", "stream", "stream_options"})


def _not_owned(value: dict[str, Any]) -> dict[str, Any]:
    if taken := sorted(_OWNED & value.keys()):
        raise PydanticCustomError("owned", "{names} cannot be set here", {"names": ", ".join(taken)})
    return value


#: Fields of a request that go to the provider as they are.
ExtraFields = Annotated[dict[str, Any], AfterValidator(_not_owned)]


class RequestParamsSection(Section):
    """Fields of a request."""

    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Share | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    """The most tokens an answer may have."""
    seed: int | None = None
    stop: Texts | None = None
    """Texts at which the answer ends."""
    extra: ExtraFields = Field(default_factory=dict)
    """Fields that go to the provider as they are, e.g. `reasoning_effort: low`."""

    def fields(self) -> dict[str, Any]:
        """Return the fields that are given, as the wire names them."""
        given = {name: value for name, value in self if name != "extra" and value is not None}
        return {**self.extra, **given}


class ParamsSection(RequestParamsSection):
    """What a member changes in the request; what is not given stays as the caller sent it."""

    system: str | None = None
    """A system message of its own."""

    def params(self) -> Params:
        """Return the changes it describes."""
        return Params(
            temperature=self.temperature,
            top_p=self.top_p,
            max_tokens=self.max_tokens,
            seed=self.seed,
            stop=self.stop,
            system=self.system,
            extra=self.extra,
        )


class MemberSection(Section):
    """A model in an ensemble; a name alone is short for `{model: name}`."""

    model: ModelName
    """A configured model, or `provider:model-id`."""
    params: ParamsSection = ParamsSection()
    count: Annotated[int, Field(ge=1, le=100)] = 1
    """How many copies run."""
    group: Annotated[int, Field(ge=0, le=1000)] = 0
    """Groups run one after another, lowest number first; the members of a group run in parallel."""
    priority: int = 0
    """Within a group a higher priority starts first and survives `max_models`."""
    weight: Annotated[float, Field(gt=0, le=1_000_000)] = 1.0
    """Its vote and its share of the progress."""
    timeout_s: Seconds | None = None
    """Limit of this branch, its retries included."""
    retry: RetrySection | None = None

    def member(self) -> Member:
        """Return the plan's member it describes."""
        return Member(
            model=self.model,
            params=self.params.params(),
            count=self.count,
            group=self.group,
            priority=self.priority,
            weight=self.weight,
            timeout_s=self.timeout_s,
            retry=self.retry.policy() if self.retry else None,
        )


_Member = Annotated[MemberSection, BeforeValidator(model_of_name, json_schema_input_type=MemberSection | str)]
#: Names of models, or mappings with `model` and its settings.
Members = Annotated[tuple[_Member, ...], Field(max_length=100)]


class MembersSection(ContractedSection):
    """Several models behind one name."""

    type: Literal["ensemble"]
    description: str = ""
    members: Annotated[Members, Field(min_length=1)]
    """Names of models, or mappings with `model` and its settings."""


class PlanSection(Section):
    """How several models are asked, whoever they are."""

    mode: Mode = _PLAN.mode
    """`all` waits for everybody, `race` takes the first answer, `quorum` stops as soon as enough agree."""
    enabled: bool = _PLAN.enabled
    """`false` runs the same plan one branch at a time."""
    parallelization: Parallelization = _PLAN.parallelization
    """Where the number of branches comes from."""
    count: Annotated[int, Field(ge=1, le=100)] = _PLAN.count
    """Copies of every member, for `parallelization: static_count`."""
    count_param: str | None = None
    """The run parameter that holds the count, for `parallelization: config_param`."""
    group_prompts: dict[Annotated[int, Field(ge=0)], str] = Field(default_factory=dict)
    """A template per later group; it sees `prompt`, `answers` and `groups`."""
    min_models: Annotated[int, Field(ge=1)] | None = None
    """Answers needed; not given: three in a quorum (two if up to three run at once, or if `stop` is not `share`), else
    one."""
    max_models: Annotated[int, Field(ge=1)] | None = None
    """At most this many branches; the highest priorities stay."""
    max_concurrent: Annotated[int, Field(ge=1, le=1000)] | None = None
    """Branches running at once; not given: the one of `defaults`."""
    timeout_s: Seconds | None = None
    """Limit of each branch; not given: the one of `defaults`."""
    deadline_s: Seconds | None = None
    """Limit of the whole plan."""
    failure_strategy: FailureStrategy = _PLAN.failure_strategy
    """`best_effort`: what succeeds counts. `fail_fast`: the first failure ends the plan."""
    retry: RetrySection | None = None
    """Not given: the one of `defaults`."""
    threshold: Share = _PLAN.threshold
    """Agreement (0 to 1) that a quorum needs."""
    weighting: Weighting | None = None
    """`equal`: one vote each; `given`: the members' weights; `learned`: by how often each model was right, as the
    calibration says. Not given: the one of `defaults`, else `given`."""
    stop: StopForm | None = None
    """What ends a quorum early: `share`, `lead`, `posterior` or `beta`. Not given: the one of `defaults`, else `share`.
    """
    stop_confidence: Annotated[float, Field(ge=0.5, lt=1)] | None = None
    """How sure `stop: posterior` and `stop: beta` have to be; not given: the one of `defaults`, else 0.95."""
    floor: Share | None = None
    """Agreement (0 to 1) below which a vote or synthesis gives way to the best-weighted member's answer; not given: the
    one of `defaults`."""
    kind: Kind | None = None
    """What the answers are, which decides how they are compared; not given: found out from them."""
    key_fields: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    """Top-level fields of JSON answers that decide alone whether two of them agree; not given: every field does."""
    select: Select | None = None
    """How the answer is chosen; not given: `first` in a race, else `consensus`."""
    score: Score = _PLAN.score
    """What `select: best` means by best."""
    synthesis: Synthesis = _PLAN.synthesis
    """How `select: synthesis` merges the answers."""
    fuse_top: Annotated[int, Field(ge=1, le=100)] = _PLAN.fuse_top
    """How many of the reviewed answers `synthesis: rank_then_fuse` fuses."""
    provenance: bool = _PLAN.provenance
    """Whether a further call asks which answers support which part of a synthesis."""
    judge: ModelName | None = None
    """The model that judges, for selectors that need one; not given: the one of `defaults`."""
    synthesiser: ModelName | None = None
    """The model that merges; not given: the one of `defaults`."""
    instructions: str | None = None
    """The judge's own prompt."""
    pair_judge: ModelName | None = None
    """The model that is asked whether two answers mean the same where measuring leaves it open, in `all` and `quorum`;
    not given: the one of `defaults`."""
    max_judged_pairs: Annotated[int, Field(ge=0, le=100)] | None = None
    """Pairs that the pair judge is asked about at most, each in both orders; not given: the one of `defaults`."""
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    """The most tokens that the answer of a branch may have; not given: the one of `defaults`."""
    helper_max_tokens: Annotated[int, Field(ge=1)] | None = None
    """The same for a judge, reviewer or synthesiser; not given: the one of `defaults`."""
    max_attempts: Annotated[int, Field(ge=1)] | None = None
    """Requests that all branches may make together, retries, fallbacks, hedges and peer reviews included; each has its
    first. Not given: the one of `defaults`."""
    max_cost_usd: Usd | None = None
    """US dollars that one answer may cost, judges and synthesisers included; what may cost more is not asked."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.parallelization is Parallelization.CONFIG_PARAM and not self.count_param:
            raise PydanticCustomError(
                "count_param", "`parallelization: config_param` needs `count_param`, the name of the run parameter"
            )
        if self.min_models and self.max_models and self.min_models > self.max_models:
            raise PydanticCustomError(
                "min_models",
                "`min_models` {low} is more than `max_models` {high}",
                {"low": self.min_models, "high": self.max_models},
            )
        return self

    @property
    def selector(self) -> Select:
        """The selector in force."""
        return self.select or (Select.FIRST if self.mode is Mode.RACE else Select.CONSENSUS)

    def plan_for(self, members: Sequence[MemberSection], defaults: Plan) -> Plan:
        """Return the plan it describes for these members; `defaults` say what it leaves open."""
        return Plan(
            members=tuple(member.member() for member in members),
            mode=self.mode,
            enabled=self.enabled,
            parallelization=self.parallelization,
            count=self.count,
            count_param=self.count_param,
            group_prompts=self.group_prompts,
            min_models=self.min_models,
            max_models=self.max_models,
            max_concurrent=self.max_concurrent or defaults.max_concurrent,
            timeout_s=self.timeout_s or defaults.timeout_s,
            deadline_s=self.deadline_s,
            failure_strategy=self.failure_strategy,
            retry=self.retry.policy() if self.retry else defaults.retry,
            threshold=self.threshold,
            weighting=self.weighting or defaults.weighting,
            stop=self.stop or defaults.stop,
            stop_confidence=self.stop_confidence or defaults.stop_confidence,
            floor=defaults.floor if self.floor is None else self.floor,
            kind=self.kind,
            key_fields=self.key_fields,
            select=self.select,
            score=self.score,
            synthesis=self.synthesis,
            fuse_top=self.fuse_top,
            provenance=self.provenance,
            judge=self.judge or defaults.judge,
            synthesiser=self.synthesiser or defaults.synthesiser,
            instructions=self.instructions,
            pair_judge=self.pair_judge or defaults.pair_judge,
            max_judged_pairs=defaults.max_judged_pairs if self.max_judged_pairs is None else self.max_judged_pairs,
            max_tokens=self.max_tokens or defaults.max_tokens,
            helper_max_tokens=self.helper_max_tokens or defaults.helper_max_tokens,
            max_attempts=self.max_attempts or defaults.max_attempts,
            max_cost_microusd=None if self.max_cost_usd is None else microusd(self.max_cost_usd),
        )


class EnsembleSection(PlanSection, MembersSection):
    """Several models behind one name: they run in parallel and one answer is chosen or made of theirs."""

    def branches(self) -> int | None:
        """Return how many branches will run at most; `None` if a run parameter decides."""
        match self.parallelization:
            case Parallelization.NONE:
                return 1
            case Parallelization.STATIC_COUNT:
                return self.count * len(self.members)
            case Parallelization.CONFIG_PARAM:
                return None
            case Parallelization.MODEL_SPECIFIC:
                return sum(member.count for member in self.members)

    def plan(self, defaults: Plan) -> Plan:
        """Return the plan it describes; `defaults` say what it leaves open."""
        return self.plan_for(self.members, defaults)
