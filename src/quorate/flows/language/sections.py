"""A flow as it is written, in its one canonical spelling; the other spellings are brought into it before."""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AliasChoices, Field
from pydantic_core import PydanticCustomError

from quorate.flows.plan import Backoff, Durability, Jitter, OnFailure, OnItemError, Require
from quorate.source.duration import Duration
from quorate.source.section import Section, Usd

_IDENTIFIER = re.compile("[A-Za-z_][A-Za-z0-9_]*")
_FLOW_NAME = re.compile("[A-Za-z0-9][A-Za-z0-9_-]*")


def _identifier(value: str) -> str:
    if not _IDENTIFIER.fullmatch(value):
        raise PydanticCustomError(
            "name", "a name that stands in expressions is letters, digits and _, and begins with no digit"
        )
    return value


def _flow_name(value: str) -> str:
    if not _FLOW_NAME.fullmatch(value):
        raise PydanticCustomError(
            "name", "the name of a flow is letters, digits, _ and -, and begins with a letter or digit"
        )
    return value


#: The name of a step, an input, an output or a function: it can stand in an expression.
Identifier = Annotated[
    str,
    AfterValidator(_identifier),
    Field(max_length=100, json_schema_extra={"pattern": f"^{_IDENTIFIER.pattern}$"}),
]
#: The name of a flow: it can stand in a URL.
FlowName = Annotated[
    str,
    AfterValidator(_flow_name),
    Field(max_length=100, json_schema_extra={"pattern": f"^{_FLOW_NAME.pattern}$"}),
]


class InputSection(Section):
    """One input of a flow."""

    type: Literal["string", "file", "files", "integer", "number", "boolean", "array", "object", "any"] = "string"
    """What it is; a file comes as a part of a multipart request, `files` as several parts with its name."""
    description: str = ""
    required: bool = False
    """Whether a run needs it; one with a default never does."""
    default: Any = None
    """What it is in a run that does not give it."""
    schema_: dict[str, Any] = Field(default_factory=dict, alias="schema")
    """Further keywords of JSON Schema: `enum`, `minLength`, `pattern`, `items`, `properties`, ..."""
    accept: tuple[str, ...] = ()
    """Kinds, media types and extensions that a file may have, such as `pdf`, `image`, `application/pdf` or `.docx`."""
    max_bytes: Annotated[int | None, Field(gt=0)] = None
    """How large a file may be."""


class OutputSection(Section):
    """One output of a flow."""

    value: Any
    """What it is: a template over `steps` and `inputs`."""
    description: str = ""
    type: str = ""
    """What it has to be, in the words of JSON Schema; empty: anything."""
    schema_: dict[str, Any] = Field(default_factory=dict, alias="schema")
    """Further keywords of JSON Schema."""


class FunctionSection(Section):
    """A function for templates, written in Python; it runs in a sandbox with limits on time and memory."""

    implementation: str
    """The text of a function definition of the same name."""
    description: str = ""


class RetrySection(Section):
    """When a failed step is tried again."""

    max_attempts: Annotated[int, Field(ge=1, le=100)] = 3
    """How often it is tried in all."""
    backoff_strategy: Backoff = Backoff.EXPONENTIAL
    """How the delay grows from one attempt to the next."""
    delay: Duration = 1.0
    """How long it waits before the second attempt."""
    max_delay: Duration | None = None
    """The longest delay; not given: a minute, or `delay` where that is longer."""
    factor: Annotated[float, Field(ge=1, le=100)] = 2.0
    """What an exponential delay is multiplied by each time."""
    jitter: Jitter | None = None
    """How much of a delay is drawn: none of it, half of it, or all; not given: none of a `fixed` one, else all."""
    on: tuple[str, ...] = ()
    """Only errors of these codes; none named: all that may pass."""
    never_on: tuple[str, ...] = ()
    """No errors of these codes."""


class ErrorSection(Section):
    """What happens when a step has failed for good."""

    action: OnFailure = OnFailure.STOP
    """Whether the run stops or goes on without this step's output."""
    fallback: Identifier | None = None
    """The step that is executed in its place."""
    value: Any = None
    """What stands in the place of its output (with `has_value`)."""
    has_value: bool = False
    """Whether there is a `value`; follows from it."""
    when: Any = None
    """Only if this expression over `error` holds."""


class ForeachSection(Section):
    """A step that is done for each item of a list."""

    items: Any
    """A list, or an expression that gives one."""
    name: Identifier = Field(default="item", alias="as")
    """What an item is called in expressions."""
    max_parallel: Annotated[int, Field(ge=1, le=1000)] = 16
    """How many items are under way at once."""
    on_item_error: OnItemError = OnItemError.FAIL
    """What the failure of one item does: ends the loop, or leaves its place `null`."""


class CacheSection(Section):
    """An outcome that is kept and used again."""

    enabled: bool = True
    key: str | None = None
    """A template; without one, what the step is configured to do."""
    ttl: Duration | None = None
    """How long it is kept; none: as long as there is room."""


class CaseSection(Section):
    """One way of a switch."""

    name: str = ""
    when: Any = None
    """An expression; none: always."""
    steps: tuple["StepSection", ...] = ()


class StepSection(Section):
    """One step: with an `executor`, with `steps` inside, or with a `switch`."""

    name: Identifier
    description: str = ""
    executor: str | None = None
    """What it does."""
    config: dict[str, Any] = Field(default_factory=dict)
    """What its executor is told, templates included."""
    depends_on: tuple[str, ...] = ()
    """Steps or parallel groups that it waits for; what its templates refer to is waited for anyway."""
    require: Require = Require.ALL
    """When it may start: if all that it waits for succeeded, any, or once all are done."""
    condition: Any = None
    """An expression; if it does not hold, the step is skipped."""
    parallel_group: Identifier | None = None
    """A name by which others wait for all steps that have it."""
    foreach: ForeachSection | None = None
    """A list: it is done once for each item, and its output is the list of theirs."""
    steps: tuple["StepSection", ...] = ()
    switch: tuple[CaseSection, ...] = ()
    """Cases: the first whose condition holds is taken."""
    retry: RetrySection | None = None
    timeout: Duration | None = None
    """How long one attempt may take."""
    on_error: ErrorSection | None = None
    cache: CacheSection | None = None
    concurrency: Annotated[int | None, Field(ge=1)] = None
    """How many executions of this step may run at once in this process, over all runs; of a group or a switch: how many
    of the steps in it, in one run."""
    fallback_only: bool = False
    """Never started by itself, only as the fallback of another step."""
    outputs: tuple[str, ...] = ()
    """Keys that its output is known to have."""
    weight: Annotated[float, Field(gt=0)] = 1.0
    """Its share of the progress."""
    metadata: dict[str, Any] = Field(default_factory=dict)


class DefaultsSection(Section):
    """What every step has unless it says otherwise."""

    timeout: Duration | None = None
    retry: RetrySection | None = None
    on_error: ErrorSection | None = None


class LimitsSection(Section):
    """What a run may use."""

    concurrency: Annotated[int, Field(ge=1, le=1000)] = 16
    """How many steps of one run may be under way at once."""
    runs: Annotated[int | None, Field(ge=1)] = None
    """How many runs of this flow may be under way at once, for each `per_key`.
    Further runs wait in the queue; one in memory is refused with `queue_full`, and one that a step of another flow runs
    waits. Those two kinds are counted in each process."""
    per_key: str | None = None
    """A template over `inputs`: runs are counted for each of its values."""
    timeout: Duration | None = None
    """How long a run may take."""
    max_cost_usd: Usd | None = None
    """How much a run may cost."""
    priority: Annotated[int, Field(ge=-100, le=100)] = 0
    """Runs of a higher one leave the queue first."""
    durability: Durability = Durability.DURABLE
    """What a finished step survives: `fast` nothing, `durable` kill -9, `strict` a power cut."""
    mode: Literal["sync", "async"] = "sync"
    """Whether a request waits for the end of the run or gets an address to ask at."""
    auto_resume: bool = True
    """Whether a run whose worker died is taken up again."""
    max_retries: Annotated[int, Field(ge=0, le=100)] = 0
    """How often a run is taken up again by itself that failed with an error that may pass.
    What has finished is not done again. It waits before: up to 1 s, 2 s, 4 s and so on, at most a minute, and never
    beyond the deadline. `catch` and `finally` come after the last time. Of a flow that a step runs this does not count:
    the step has `retry`."""


class CallbacksSection(Section):
    """Whether the end of a run is told to an address that came with the request."""

    enabled: bool = True
    max_retries: Annotated[int, Field(ge=0, le=20)] = 3
    retry_delay: Duration = 5.0


class RolloutSection(Section):
    """Several versions side by side."""

    split: dict[str, Annotated[float, Field(ge=0)]] = Field(default_factory=dict)
    """Version -> its share of the runs that name none."""
    sticky_by: str | None = None
    """A template over `inputs` and `run`: the same value always gets the same version."""


class TestSection(Section):
    """A test of the flow: it is run with steps replaced."""

    name: str
    inputs: dict[str, Any] = Field(default_factory=dict)
    mock: dict[str, Any] = Field(default_factory=dict)
    """Step -> its output, or `{error: {code, message}}`; steps that are not named are executed."""
    expect: dict[str, Any] = Field(default_factory=dict)
    """`status`, `outputs.NAME`, `steps.NAME.FIELD`, `skipped`, `failed` -> a value, or a mapping of one of `contains`,
    `matches`, `gt`, `lt`, `type`, `length` to what it has to be."""


class FlowSection(Section):
    """A flow."""

    api_version: Literal["flows/v1"] = Field(
        default="flows/v1", validation_alias=AliasChoices("apiVersion", "api_version")
    )
    name: FlowName
    version: str = "1.0.0"
    """A label, by semantic versioning; what a run is pinned to is the digest of the whole."""
    description: str = ""
    abstract: bool = False
    """Only there to be extended: it cannot be run."""
    tags: tuple[str, ...] = ()
    metadata: dict[str, Any] = Field(default_factory=dict)
    inputs: dict[Identifier, InputSection] = Field(default_factory=dict)
    outputs: dict[Identifier, OutputSection] = Field(default_factory=dict)
    secrets: tuple[str, ...] = ()
    """Names of secrets that steps may use."""
    defaults: DefaultsSection = DefaultsSection()
    limits: LimitsSection = LimitsSection()
    functions: dict[Identifier, FunctionSection] = Field(default_factory=dict)
    macros: dict[Identifier, str] = Field(default_factory=dict)
    """Texts of template macros, by name."""
    steps: tuple[StepSection, ...] = ()
    catch: tuple[StepSection, ...] = ()
    """Steps that run when the run has failed; they see `error`."""
    finally_: tuple[StepSection, ...] = Field(default=(), alias="finally")
    """Steps that run at the end, however it was."""
    cache: CacheSection | None = None
    callbacks: CallbacksSection | None = None
    rollout: RolloutSection | None = None
    examples: tuple[dict[str, Any], ...] = ()
    """Inputs to try it with."""
    tests: tuple[TestSection, ...] = ()
