"""What a plan is: members, groups, mode, selector and limits, as written in a configuration or a request."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from quorate.consensus import Kind
from quorate.parallel.escalation import Cascade
from quorate.resilience.retry_policy import RetryPolicy


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
    """How the answer is chosen among those that came in."""

    FIRST = "first"
    RANDOM = "random"
    BEST = "best"
    PROMPT_SELECTOR = "prompt_selector"
    CONSENSUS = "consensus"
    SYNTHESIS = "synthesis"


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


class Synthesis(StrEnum):
    """`weighted_merge`: one answer in which better supported answers count for more. `best_parts`: the best of each."""

    WEIGHTED_MERGE = "weighted_merge"
    BEST_PARTS = "best_parts"


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

    `count` copies run in execution group `group`; within a group a higher `priority` starts first. `weight` is its vote
    and its share of the progress: 0 or more. `timeout_s` limits the branch, its retries included.
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

    `min_models`: answers needed (quorum default: half of the branches, at least 2; otherwise 1). `max_models`: caps the
    branches, the highest priorities stay. `max_concurrent`: branches running at once. `timeout_s`: per branch.
    `deadline_s`: the whole plan. `enabled=False` runs the same plan one branch at a time.
    `max_tokens` bounds the answer of every branch and `helper_max_tokens` that of a judge or synthesiser, whatever the
    caller asks for. `max_attempts`: requests that all branches may make together, retries, fallbacks and hedges
    included; every branch has its first. `judge` and `synthesiser` name models for selectors that need one;
    `instructions` is the judge's own prompt. With `cascade` the groups are its stages, numbered from 1.
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
    kind: Kind | None = None
    select: Select | None = None
    score: Score = Score.AGREEMENT
    synthesis: Synthesis = Synthesis.WEIGHTED_MERGE
    judge: str | None = None
    synthesiser: str | None = None
    instructions: str | None = None
    max_tokens: int | None = None
    helper_max_tokens: int | None = None
    max_attempts: int | None = None
    cascade: Cascade | None = None

    @property
    def selector(self) -> Select:
        """The selector in force: as written, else `first` for a race and `consensus` for the other modes."""
        return self.select or (Select.FIRST if self.mode is Mode.RACE else Select.CONSENSUS)

    @property
    def helpers(self) -> tuple[str, ...]:
        """The models that it may ask besides its members, each once."""
        judges = () if self.cascade is None else self.cascade.judges
        named = (name for name in (self.judge, self.synthesiser, *judges) if name is not None)
        return tuple(dict.fromkeys(named))
