"""What a plan is: members, groups, mode, selector and limits, as written in a configuration or a request."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from quorate.consensus import DEFAULT_FLOOR, Kind
from quorate.consensus.trust import Weighting
from quorate.contracts.contract import Contract
from quorate.parallel.escalation import Cascade
from quorate.resilience.retry_policy import RetryPolicy

#: The kinds of answers that are compared by a likeness, which may leave open whether they agree.
_OPEN_KINDS = frozenset({Kind.PROSE, Kind.SHORT})


class Mode(StrEnum):
    """When a group of branches is done.

    `all`: every branch has settled. `race`: the first success (while streaming: the first token) wins.
    `quorum`: at least `min_models` have answered and agree, or the leading answer can no longer be overtaken.
    """

    ALL = "all"
    RACE = "race"
    QUORUM = "quorum"


class FailureStrategy(StrEnum):
    """`fail_fast`: the first failed branch ends the plan. `best_effort`: what succeeds counts."""

    FAIL_FAST = "fail_fast"
    BEST_EFFORT = "best_effort"


class Parallelization(StrEnum):
    """Where the number of branches comes from.

    `none`: the first member, once. `static_count`: every member `count` times. `config_param`: the same, the count is
    read from the run parameter named `count_param`. `model_specific`: each member says its own count, group and
    priority.
    """

    NONE = "none"
    STATIC_COUNT = "static_count"
    CONFIG_PARAM = "config_param"
    MODEL_SPECIFIC = "model_specific"


class Select(StrEnum):
    """How the answer is chosen among those that came in, or made of them.

    `consensus`: of the leading group the answer closest to the others. `majority`: of the leading group that of the
    best-weighted member. `medoid`: the answer closest to all others. `field_vote`: JSON, voted on field by field.
    `auto`: the consensus, but where track records tell that its majority is made of weaker models, that of the best
    model's peers. `prompt_selector`, which is read from `judge_select` as well: the one that a judge chooses.
    `synthesis`: written by a model. `first`, `random`, `best` (by a `Score`): as they say.
    """

    FIRST = "first"
    RANDOM = "random"
    BEST = "best"
    PROMPT_SELECTOR = "prompt_selector"
    CONSENSUS = "consensus"
    MAJORITY = "majority"
    MEDOID = "medoid"
    FIELD_VOTE = "field_vote"
    SYNTHESIS = "synthesis"
    AUTO = "auto"

    @classmethod
    def _missing_(cls, value: object) -> "Select | None":
        return cls.PROMPT_SELECTOR if value == "judge_select" else None


class Score(StrEnum):
    """What `best` means.

    `agreement`: mean agreement with the other answers. `logprob`: mean token log-probability (where providers give it).
    `weight`: the member's weight. `cheapest`, `fastest`, `longest`, `shortest`: as they say.
    """

    AGREEMENT = "agreement"
    LOGPROB = "logprob"
    WEIGHT = "weight"
    CHEAPEST = "cheapest"
    FASTEST = "fastest"
    LONGEST = "longest"
    SHORTEST = "shortest"


class StopForm(StrEnum):
    """What ends a quorum early, besides a lead that the outstanding votes cannot turn, which ends it in every form.

    `share`: the leading answer has the plan's `threshold` of the votes received. `lead`: nothing else. `posterior`:
    by the track records of the models the leading answer is right with the probability `stop_confidence`. `beta`: so
    sure is it that the leader would stay ahead if as many more were asked as one likes.
    """

    SHARE = "share"
    LEAD = "lead"
    POSTERIOR = "posterior"
    BETA = "beta"


class Synthesis(StrEnum):
    """How a model makes one answer of several.

    `weighted_merge`: better supported answers count for more. `best_parts`: the best of each. `rank_then_fuse`: every
    member ranks all answers without knowing whose they are, and the best ones are fused; tokens grow with the square of
    the number of answers.
    """

    WEIGHTED_MERGE = "weighted_merge"
    BEST_PARTS = "best_parts"
    RANK_THEN_FUSE = "rank_then_fuse"


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    """What a member changes in the request; `None` leaves the caller's value. `extra` goes to the provider as it is."""

    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    seed: int | None = None
    stop: tuple[str, ...] | None = None
    system: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A model (by catalog name) in a plan.

    `count` copies run in execution group `group`; within a group a higher `priority` starts first, then, where all are
    waited for, the slower model. `weight` is its vote and its share of the progress: 0 or more. `timeout_s` limits the
    branch, its retries included.
    """

    model: str
    params: Params = field(default_factory=Params)
    count: int = 1
    group: int = 0
    priority: int = 0
    weight: float = 1.0
    timeout_s: float | None = None
    retry: RetryPolicy | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How an ensemble runs: execution groups x a stop rule x a selector.

    Groups run one after another in the order of their numbers, the members of a group in parallel; the stop rule is
    asked after each answer, so that cheap models may settle the matter before dear ones start (a cascade).
    `group_prompts` gives a later group a prompt of its own: a template that sees `prompt`, `answers` (model, text and
    group of every answer so far) and `groups` (number -> answers). With such a group a new stage begins: its answers
    replace the earlier ones as candidates.

    `min_models`: answers needed (not given: 1; for a quorum 3, or 2 if up to 3 run at once and where track records or
    odds say when to stop). `max_models`: caps the
    branches, the highest priorities stay. `max_concurrent`: branches running at once. `timeout_s`: per branch.
    `deadline_s`: the whole plan. `enabled=False` runs the same plan one branch at a time.
    `max_tokens` bounds the answer of every branch and `helper_max_tokens` that of a judge, reviewer or synthesiser,
    whatever the caller asks for. `max_attempts`: requests that all branches may make together, retries, fallbacks,
    hedges and peer reviews included; every branch has its first. `max_cost_microusd`: what the whole plan may spend.

    `judge` and `synthesiser` name models for selectors that need one; `instructions` is the judge's own prompt. Where
    the answers are known to agree less than `floor`, a vote or synthesis gives way to the best-weighted member's
    answer. `fuse_top`: how many answers `rank_then_fuse` fuses. `provenance` asks once more which answers support which
    part of a synthesis.

    `weighting`: where the votes come from; learned ones need track records (`Resources.trust`) and fall back to the
    given ones. `stop` says what ends a quorum early, `stop_confidence` how sure its forms `posterior` and `beta` are to
    be.

    `kind` says what the answers are, `key_fields` which top-level fields of JSON answers decide alone whether two
    agree. `pair_judge` names a model that is asked whether two answers mean the same, where measuring leaves it open
    and its word could settle the matter: about `max_judged_pairs` pairs at most, each in both orders; not in a race.

    `output` is what every answer of the last stage, and the answer chosen, has to be: one that is not has failed, and
    does not vote. With `cascade` the groups are its stages, numbered from 1.
    """

    members: tuple[Member, ...]
    mode: Mode = Mode.ALL
    enabled: bool = True
    parallelization: Parallelization = Parallelization.MODEL_SPECIFIC
    count: int = 1
    count_param: str | None = None
    group_prompts: Mapping[int, str] = field(default_factory=dict[int, str])
    min_models: int | None = None
    max_models: int | None = None
    max_concurrent: int = 3
    timeout_s: float | None = 60.0
    deadline_s: float | None = None
    failure_strategy: FailureStrategy = FailureStrategy.BEST_EFFORT
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    threshold: float = 0.7
    weighting: Weighting = Weighting.GIVEN
    stop: StopForm = StopForm.SHARE
    stop_confidence: float = 0.95
    floor: float = DEFAULT_FLOOR
    kind: Kind | None = None
    key_fields: tuple[str, ...] = ()
    select: Select | None = None
    score: Score = Score.AGREEMENT
    synthesis: Synthesis = Synthesis.WEIGHTED_MERGE
    fuse_top: int = 3
    provenance: bool = False
    judge: str | None = None
    synthesiser: str | None = None
    instructions: str | None = None
    pair_judge: str | None = None
    max_judged_pairs: int = 10
    max_tokens: int | None = None
    helper_max_tokens: int | None = None
    max_attempts: int | None = None
    max_cost_microusd: int | None = None
    output: Contract | None = None
    cascade: Cascade | None = None

    @property
    def selector(self) -> Select:
        """The selector in force: as written, else `first` for a race and `consensus` for the other modes."""
        return self.select or (Select.FIRST if self.mode is Mode.RACE else Select.CONSENSUS)

    @property
    def judges_pairs(self) -> bool:
        """Whether a pair judge may be asked: in no race, and of no kind of answers that is compared exactly."""
        return self.pair_judge is not None and self.mode is not Mode.RACE and self.kind in {None, *_OPEN_KINDS}

    @property
    def helpers(self) -> tuple[str, ...]:
        """The models that it may ask besides its members, each once."""
        judges = () if self.cascade is None else self.cascade.judges
        repairs = None if self.output is None else self.output.repair_model
        asked = (self.judge, self.synthesiser, self.pair_judge, repairs, *judges)
        return tuple(dict.fromkeys(name for name in asked if name is not None))

    def judged_pairs(self, answers: int) -> int:
        """Return about how many pairs the pair judge is asked at most, of so many answers."""
        return min(self.max_judged_pairs, answers * (answers - 1) // 2) if self.judges_pairs else 0
