"""A flow compiled: an immutable plan that the interpreter runs and `plan`, `graph` and the API look at.

Nothing in it changes and nothing in it is run here. Its identity is `digest`: the SHA-256 of the canonical JSON of the
document it was compiled from, so that a run can be pinned to exactly what it began with.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from quorate.templating.value import Value

#: How many files one input may be that does not say `max_items`.
MOST_FILES = 20


class Require(StrEnum):
    """When a step may start, seen from the steps it waits for.

    `all`: each succeeded, or was skipped or failed with its error handled (a skipped one's output is `null`).
    `any`: at least one succeeded and the others have ended. `done`: all have ended, however that was.
    """

    ALL = "all"
    ANY = "any"
    DONE = "done"


class Durability(StrEnum):
    """What a finished step is worth: `fast` lives in memory, `durable` survives kill -9, `strict` a power cut."""

    FAST = "fast"
    DURABLE = "durable"
    STRICT = "strict"


class Backoff(StrEnum):
    """How the delay grows from one attempt to the next."""

    FIXED = "fixed"
    LINEAR = "linear"
    EXPONENTIAL = "exponential"


class Jitter(StrEnum):
    """How much of the delay is drawn: nothing, from half of it up (`equal`), or all of it (`full`)."""

    NONE = "none"
    EQUAL = "equal"
    FULL = "full"


class OnItemError(StrEnum):
    """What the failure of one item of a `foreach` does: ends the loop, or leaves its place `null` with an error."""

    FAIL = "fail"
    COLLECT = "collect"


class OnFailure(StrEnum):
    """What a failed step means for the run once its attempts are used up."""

    STOP = "stop"
    CONTINUE = "continue"


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryRule:
    """How often and when a step is tried again; only errors that may pass (`retryable`) and none of `never`.

    `max_attempts` counts the first one. Delays are seconds. `only` and `never` are error codes; an empty `only` is all.
    """

    max_attempts: int = 1
    backoff: Backoff = Backoff.EXPONENTIAL
    initial_s: float = 1.0
    most_s: float = 60.0
    factor: float = 2.0
    jitter: Jitter = Jitter.FULL
    only: tuple[str, ...] = ()
    never: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorRule:
    """What happens when a step has failed for good: a fallback step, a value in its place, or what `action` says.

    `when` decides whether the rule applies; it sees `error` (`code`, `message`, `retryable`, `stage`).
    """

    action: OnFailure = OnFailure.STOP
    fallback: str | None = None
    value: Value | None = None
    when: Value | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreach:
    """The step is done once for each item; its output is the list of theirs, in the order of the items."""

    items: Value
    name: str = "item"
    max_parallel: int = 16
    on_item_error: OnItemError = OnItemError.FAIL


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheRule:
    """An outcome is kept under `key` (`None`: the executor and its rendered config) for `ttl_s` seconds."""

    key: Value | None = None
    ttl_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One way of a `switch`: the first whose `when` holds is taken; `None` always holds."""

    name: str
    when: Value | None
    steps: tuple["StepPlan", ...]


class StepKind(StrEnum):
    """What a step is: one execution, steps inside it, or a choice between several such."""

    EXECUTE = "execute"
    GROUP = "group"
    SWITCH = "switch"

    @property
    def is_container(self) -> bool:
        """Whether it is made of other steps."""
        return self is not StepKind.EXECUTE


@dataclass(frozen=True, slots=True, kw_only=True)
class StepPlan:
    """One step.

    `needs` are the steps of the same block that it waits for: `depends_on` (groups spelled out) and every step that it
    refers to, in written order. `config` renders to a mapping for the executor. `foreach`, `retry`, `timeout_s` (of one
    attempt) and `on_error` apply to any kind; `steps` are those of a group, `cases` those of a switch. `fallback_only`:
    never started by itself. `weight` is its share of the progress among its siblings. `place` is `file:line:column`.
    """

    name: str
    kind: StepKind = StepKind.EXECUTE
    executor: str = ""
    description: str = ""
    config: Value | None = None
    needs: tuple[str, ...] = ()
    require: Require = Require.ALL
    condition: Value | None = None
    group: str | None = None
    foreach: Foreach | None = None
    steps: tuple["StepPlan", ...] = ()
    cases: tuple[Case, ...] = ()
    retry: RetryRule = RetryRule()
    timeout_s: float | None = None
    on_error: ErrorRule = ErrorRule()
    cache: CacheRule | None = None
    concurrency: int | None = None
    fallback_only: bool = False
    outputs: tuple[str, ...] = ()
    weight: float = 1.0
    place: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class InputPlan:
    """One input: `schema` is its JSON Schema (files have `{"type": "object", "format": "file"}` and `file` rules).

    `is_files`: it is a list of files, for each of which the rules hold.
    """

    name: str
    schema: Mapping[str, Any]
    required: bool = False
    default: Any = None
    is_file: bool = False
    is_files: bool = False
    accept: tuple[str, ...] = ()
    max_bytes: int | None = None

    @property
    def takes_files(self) -> bool:
        """Whether it is a file or a list of files."""
        return self.is_file or self.is_files

    @property
    def most_files(self) -> int:
        """How many files it may be at most."""
        return int(self.schema.get("maxItems", MOST_FILES)) if self.is_files else int(self.is_file)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputPlan:
    """One output: how it is made of the steps' outputs, and its JSON Schema (`{}`: anything)."""

    name: str
    value: Value
    schema: Mapping[str, Any] = field(default_factory=dict[str, Any])
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowLimits:
    """What a run may use. `concurrency`: steps of one run at once; `runs`: runs of this flow at once, per `key`."""

    concurrency: int = 16
    runs: int | None = None
    key: Value | None = None
    timeout_s: float | None = None
    max_cost_microusd: int | None = None
    priority: int = 0
    durability: Durability = Durability.DURABLE
    run_async: bool = False
    auto_resume: bool = True
    max_retries: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowTest:
    """A test written in the flow: inputs, what steps return in place of being executed, and what is expected."""

    name: str
    inputs: Mapping[str, Any]
    mock: Mapping[str, Any] = field(default_factory=dict[str, Any])
    expect: Mapping[str, Any] = field(default_factory=dict[str, Any])
    place: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Callbacks:
    """Whom the end of a run is told to: `url` names a configured webhook or comes with the request."""

    enabled: bool = False
    max_retries: int = 3
    retry_delay_s: float = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowPlan:
    """A compiled flow.

    `document` is what it was compiled from, after inheritance: plain JSON; compiling it again gives the same plan and
    `digest`. `input_schema` is the JSON Schema of all inputs together, `output_schema` that of the outputs. `examples`
    are inputs. `compile_value` compiles further values with the flow's functions and macros. `file` says where it was
    read.
    """

    name: str
    version: str
    digest: str
    document: Mapping[str, Any]
    description: str = ""
    tags: tuple[str, ...] = ()
    inputs: tuple[InputPlan, ...] = ()
    outputs: tuple[OutputPlan, ...] = ()
    input_schema: Mapping[str, Any] = field(default_factory=dict[str, Any])
    output_schema: Mapping[str, Any] = field(default_factory=dict[str, Any])
    steps: tuple[StepPlan, ...] = ()
    catch: tuple[StepPlan, ...] = ()
    finally_: tuple[StepPlan, ...] = ()
    limits: FlowLimits = FlowLimits()
    cache: CacheRule | None = None
    callbacks: Callbacks = Callbacks()
    secrets: tuple[str, ...] = ()
    split: Mapping[str, float] = field(default_factory=dict[str, float])
    sticky_by: Value | None = None
    examples: tuple[Mapping[str, Any], ...] = ()
    tests: tuple[FlowTest, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict[str, Any])
    compile_value: Callable[[object], Value] = field(compare=False, repr=False)
    file: str = ""

    def every_step(self) -> Iterator[StepPlan]:
        """Yield all steps, nested ones after the one they are in, then those of `catch` and `finally`."""
        for block in (self.steps, self.catch, self.finally_):
            yield from _nested(block)


def _nested(steps: tuple[StepPlan, ...]) -> Iterator[StepPlan]:
    for step in steps:
        yield step
        yield from _nested(step.steps)
        for case in step.cases:
            yield from _nested(case.steps)
