"""What a question gets when it does not say itself: models, mode, limits."""

from dataclasses import dataclass, field, replace
from typing import Annotated

from pydantic import Field

from quorate.config.gate_section import Breaker, BreakerSection
from quorate.consensus import Kind
from quorate.consensus.trust import Weighting
from quorate.parallel.plan import Mode, Plan, Select, StopForm
from quorate.parallel.plan_section import RetrySection
from quorate.source.section import ModelName, ModelNames, Seconds, Section, Share, Usd, microusd


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaults:
    """The defaults as values: `plan` has no members, it is what a question's plan is made from.

    `max_cost_microusd` limits what one question may spend; `None` for no limit.
    """

    models: tuple[str, ...] = ()
    plan: Plan = field(default_factory=lambda: Plan(members=()))
    max_cost_microusd: int | None = None


class DefaultsSection(Section):
    """What a question gets when it does not say itself.

    `floor`, `timeout_s`, `max_concurrent`, `retry`, `weighting`, `stop`, `stop_confidence`, `judge`, `synthesiser`,
    `pair_judge`, `max_judged_pairs`, `max_tokens` and `helper_max_tokens` hold for ensembles as well.
    """

    models: ModelNames = ()
    """The models that answer when none are named."""
    mode: Mode | None = None
    """`all`, `race` or `quorum`."""
    select: Select | None = None
    """How the answer is chosen; not given: `first` in a race, else `consensus`."""
    min_models: Annotated[int, Field(ge=1)] | None = None
    """Answers needed."""
    threshold: Share | None = None
    """Agreement (0 to 1) that a quorum needs."""
    weighting: Weighting | None = None
    """Where votes come from: `equal`, `given` or `learned`."""
    stop: StopForm | None = None
    """What ends a quorum early: `share`, `lead`, `posterior` or `beta`."""
    stop_confidence: Annotated[float, Field(ge=0.5, lt=1)] | None = None
    """How sure `stop: posterior` and `stop: beta` have to be."""
    floor: Share | None = None
    """Agreement (0 to 1) below which a vote or synthesis gives way to the best-weighted member's answer."""
    kind: Kind | None = None
    """What the answers are; not given: found out from them."""
    timeout_s: Seconds | None = None
    """Limit of each branch."""
    deadline_s: Seconds | None = None
    """Limit of the whole question."""
    max_concurrent: Annotated[int, Field(ge=1, le=1000)] | None = None
    """Branches running at once."""
    retry: RetrySection | None = None
    breaker: Breaker = BreakerSection()
    """When a provider's model is left alone, where neither it nor its provider says anything else."""
    judge: ModelName | None = None
    """The model that judges."""
    synthesiser: ModelName | None = None
    """The model that merges answers."""
    pair_judge: ModelName | None = None
    """The model that is asked whether two answers mean the same where measuring leaves it open."""
    max_judged_pairs: Annotated[int, Field(ge=0, le=100)] | None = None
    """Pairs that the pair judge is asked about at most, each in both orders; not given: 10."""
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    """The most tokens that the answer of a branch may have, whatever the caller asks for."""
    helper_max_tokens: Annotated[int, Field(ge=1)] | None = None
    """The same for a judge, reviewer or synthesiser."""
    max_attempts: Annotated[int, Field(ge=1)] | None = None
    """Requests that all branches of a plan may make together, retries, fallbacks, hedges and peer reviews included."""
    max_cost_usd: Usd | None = None
    """What one question may spend, in US dollars."""

    def defaults(self) -> Defaults:
        """Return the values it describes; what is not given is built in."""
        plan = Plan(members=())
        return Defaults(
            models=self.models,
            plan=replace(
                plan,
                mode=self.mode or plan.mode,
                select=self.select,
                min_models=self.min_models,
                threshold=plan.threshold if self.threshold is None else self.threshold,
                weighting=self.weighting or plan.weighting,
                stop=self.stop or plan.stop,
                stop_confidence=self.stop_confidence or plan.stop_confidence,
                floor=plan.floor if self.floor is None else self.floor,
                kind=self.kind,
                timeout_s=self.timeout_s or plan.timeout_s,
                deadline_s=self.deadline_s,
                max_concurrent=self.max_concurrent or plan.max_concurrent,
                retry=self.retry.policy() if self.retry else plan.retry,
                judge=self.judge,
                synthesiser=self.synthesiser,
                pair_judge=self.pair_judge,
                max_judged_pairs=plan.max_judged_pairs if self.max_judged_pairs is None else self.max_judged_pairs,
                max_tokens=self.max_tokens,
                helper_max_tokens=self.helper_max_tokens,
                max_attempts=self.max_attempts,
            ),
            max_cost_microusd=None if self.max_cost_usd is None else microusd(self.max_cost_usd),
        )
