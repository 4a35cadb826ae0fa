"""A cascade, as written: cheap models first, dearer ones where those are not good enough."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Annotated, Literal, Self, cast

from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from quorate.consensus import Kind
from quorate.consensus.escalation import EscalationRule
from quorate.contracts.output_section import ContractedSection
from quorate.parallel.cascade_plan import LEAST_STAGES, stage_answers
from quorate.parallel.escalation import USUAL_BELOW, Below, ByJudge, ByRule, Cascade, Escalation, StageRules, misfit
from quorate.parallel.plan import Mode, Plan, Score, Select
from quorate.parallel.plan_section import MemberSection, RetrySection
from quorate.source.place import KeyPath
from quorate.source.section import FilePath, ModelName, Seconds, Section, Share, Usd, microusd, model_of_name


class EscalateSection(Section):
    """When the next stage is asked: one of the three."""

    below: Annotated[float, Field(gt=0, le=1)] | None = None
    """When the answers of the stage agree to less than this."""
    rule: FilePath | None = None
    """When the rule in this file says so; `quorate calibrate cascade` makes it."""
    judge: ModelName | None = None
    """Unless this model says that the answer is good enough."""

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if sum(value is not None for value in (self.below, self.rule, self.judge)) != 1:
            raise PydanticCustomError("escalate", "needs exactly one of `below`, `rule` and `judge`")
        return self


def _member_list(value: object) -> object:
    """Return a stage that is a name or a list as the mapping it is short for."""
    if isinstance(value, str):
        return {"members": [value]}
    return {"members": cast("list[object]", value)} if isinstance(value, list) else value


_Member = Annotated[MemberSection, BeforeValidator(model_of_name, json_schema_input_type=MemberSection | str)]


class StageSection(Section):
    """One stage; a name, or a list of members, is short for `{members: [...]}`."""

    members: Annotated[tuple[_Member, ...], Field(min_length=1, max_length=100)]
    """Names of models, or mappings with `model` and its settings."""
    mode: Mode | None = None
    """Not given: the one of the cascade."""
    threshold: Share | None = None
    """Not given: the one of the cascade."""
    min_models: Annotated[int, Field(ge=1)] | None = None
    """Answers needed."""
    escalate: EscalateSection | None = None
    """Not given: the one of the cascade."""

    @property
    def branches(self) -> int:
        """How many branches it has."""
        return sum(member.count for member in self.members)


_Stage = Annotated[
    StageSection,
    BeforeValidator(_member_list, json_schema_input_type=StageSection | list[MemberSection | str] | str),
]


def _speculation(value: object) -> object:
    """Return `true` as no delay and `false` as no speculation."""
    if isinstance(value, bool):
        return 0.0 if value else None
    return value


class CascadeSection(ContractedSection):
    """Models behind one name, asked stage by stage until an answer is good enough."""

    type: Literal["cascade"]
    description: str = ""
    stages: Annotated[tuple[_Stage, ...], Field(min_length=LEAST_STAGES, max_length=10)]
    """Each a name, a list of members or a mapping with `members`; the last one's answer always counts."""
    escalate: EscalateSection = EscalateSection(below=USUAL_BELOW)
    """When the next stage is asked."""
    speculate: Annotated[
        Annotated[float, Field(ge=0, le=3600)] | None,
        BeforeValidator(_speculation, json_schema_input_type=bool | float),
    ] = None
    """`true`, or after how many seconds: the next stage is asked ahead, and cancelled if it is not needed. Faster where
    it is needed, dearer where it is not."""
    max_cost_usd: Annotated[Usd, Field(gt=0)] | None = None
    """A stage whose worst case does not fit into what is left of this is not asked: the answer so far is given."""
    mode: Mode = Mode.ALL
    """When a stage is done: `all` have answered, or a `quorum` agrees, or in a `race` the first has answered."""
    threshold: Share | None = None
    """Agreement that a quorum needs; not given: the one of `defaults`."""
    kind: Kind | None = None
    """What the answers are; not given: found out from them."""
    select: Literal[Select.FIRST, Select.RANDOM, Select.BEST, Select.CONSENSUS] | None = None
    """How the answer of a stage is chosen; not given: `first` in a race, else `consensus`."""
    score: Score = Score.AGREEMENT
    """What `select: best` means by best."""
    max_concurrent: Annotated[int, Field(ge=1, le=1000)] | None = None
    """Branches of a stage running at once; not given: the one of `defaults`."""
    timeout_s: Seconds | None = None
    """Limit of each branch; not given: the one of `defaults`."""
    deadline_s: Seconds | None = None
    """Limit of the whole cascade."""
    retry: RetrySection | None = None
    """Not given: the one of `defaults`."""
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    """The most tokens that the answer of a branch may have; not given: the one of `defaults`."""
    helper_max_tokens: Annotated[int, Field(ge=1)] | None = None
    """The same for a judge; not given: the one of `defaults`."""
    max_attempts: Annotated[int, Field(ge=1)] | None = None
    """Requests that all branches may make together, retries, fallbacks and hedges included. Not given: the one of
    `defaults`."""

    def named(self) -> Iterator[tuple[KeyPath, str]]:
        """Yield every model it leads to and where that is written, below the section."""
        for number, stage in enumerate(self.stages):
            for index, member in enumerate(stage.members):
                yield ("stages", number, "members", index, "model"), member.model
        for path, escalate in self.escalations():
            if escalate.judge is not None:
                yield (*path, "judge"), escalate.judge

    def escalations(self) -> Iterator[tuple[KeyPath, EscalateSection]]:
        """Yield everything that is written about when to go on, and where."""
        yield ("escalate",), self.escalate
        for number, stage in enumerate(self.stages):
            if stage.escalate is not None:
                yield ("stages", number, "escalate"), stage.escalate

    def misfits(self) -> Iterator[tuple[KeyPath, str]]:
        """Yield what makes no sense and where it is written; whether a rule fits is known when its file is read."""
        for number, stage in enumerate(self.stages):
            if stage.min_models is not None and stage.min_models > stage.branches:
                why = f"{stage.min_models} answers are needed and only {stage.branches} branches run"
                yield ("stages", number, "min_models"), why
            for index, member in enumerate(stage.members):
                if "group" in member.model_fields_set:
                    yield ("stages", number, "members", index, "group"), "a stage is the group of its members"
        for number, stage in enumerate(self.stages[:-1]):
            below = (stage.escalate or self.escalate).below
            why = None if below is None else misfit(Below(share=below), self._answers(stage))
            if why is not None:
                yield ("stages", number), why
        if self.stages[-1].escalate is not None:
            yield ("stages", len(self.stages) - 1, "escalate"), "the last stage has none to go on to; leave it out"

    def _answers(self, stage: StageSection) -> int:
        mode = stage.mode or self.mode
        return stage_answers(Plan(members=(), mode=mode, min_models=stage.min_models), stage.branches)

    def plan(self, defaults: Plan, rules: Mapping[KeyPath, EscalationRule]) -> Plan:
        """Return the plan it describes.

        `defaults` say what it leaves open, `rules` hold the rules of its files by where the files are named.
        """
        return Plan(
            members=tuple(
                replace(member.member(), group=number)
                for number, stage in enumerate(self.stages, 1)
                for member in stage.members
            ),
            mode=self.mode,
            max_concurrent=self.max_concurrent or defaults.max_concurrent,
            timeout_s=self.timeout_s or defaults.timeout_s,
            deadline_s=self.deadline_s,
            retry=self.retry.policy() if self.retry else defaults.retry,
            threshold=defaults.threshold if self.threshold is None else self.threshold,
            kind=self.kind,
            select=self.select,
            score=self.score,
            max_tokens=self.max_tokens or defaults.max_tokens,
            helper_max_tokens=self.helper_max_tokens or defaults.helper_max_tokens,
            max_attempts=self.max_attempts or defaults.max_attempts,
            cascade=self._cascade(rules),
        )

    def _cascade(self, rules: Mapping[KeyPath, EscalationRule]) -> Cascade:
        return Cascade(
            stages=tuple(
                StageRules(
                    escalate=self._escalation(number, stage, rules),
                    mode=stage.mode,
                    threshold=stage.threshold,
                    min_models=stage.min_models,
                )
                for number, stage in enumerate(self.stages)
            ),
            speculate_after_s=self.speculate,
            max_cost_microusd=None if self.max_cost_usd is None else microusd(self.max_cost_usd),
        )

    def _escalation(self, number: int, stage: StageSection, rules: Mapping[KeyPath, EscalationRule]) -> Escalation:
        path: KeyPath = ("escalate",) if stage.escalate is None else ("stages", number, "escalate")
        written = stage.escalate or self.escalate
        if written.rule is not None:
            return ByRule(rule=rules[*path, "rule"])
        return ByJudge(judge=written.judge) if written.judge is not None else Below(share=written.below or USUAL_BELOW)
