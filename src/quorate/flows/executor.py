"""What a step does: an executor with a typed config and a typed result.

One file each under `executors/`, called by the executor's name as its class is (`http`: `HttpExecutor`). Others come as
entry points in the group `quorate.executors`, name -> class.
"""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import msgspec

from quorate.core.errors import QuorateError
from quorate.core.secret import Secret
from quorate.engine.catalog import Catalog
from quorate.engine.most import WorstCase
from quorate.flows.asking_cost import Costing, asking_cost
from quorate.flows.files import FileRef, RunFiles
from quorate.flows.message_target import MessageTarget
from quorate.flows.outcome import FlowResult
from quorate.flows.outgoing import Outgoing
from quorate.model import Call
from quorate.parallel.plan import Plan
from quorate.prompts.book import PromptBook
from quorate.source.section import Section
from quorate.templating.value import Scope, Value

C = TypeVar("C", bound=Section)
R = TypeVar("R")


class StepRejected(QuorateError):
    """A step cannot be done as it is configured or with the data it was given; trying again changes nothing.

    `code` says what (`unsupported_format`, `encrypted`, `too_large`, ...), `hint` what somebody can do about it.
    """

    code = "step_rejected"
    default_status = 422

    def __init__(self, message: str, *, code: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.reason = code or type(self).code
        self.hint = hint


class RunFlow(Protocol):
    """Runs another flow as a part of this run: its steps are journalled below the path of the step that asks."""

    async def __call__(
        self, flow: str, version: str | None, inputs: Mapping[str, Any], step: "StepContext"
    ) -> FlowResult:
        """Return how it ended; raise `NotFound` for a flow that is not there, `StepRejected` beyond the depth."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowServices:
    """What executors work with: models by name, saved prompts, files of the run, the way out, secrets by name.

    `validate_file` and the parsers are reached through `quorate.documents`. `plan` and `models` are what a question
    gets that does not say itself. `webhooks` are the configured servers that steps may tell something, by name.
    Everything is shared by all runs.
    """

    catalog: Catalog
    prompts: PromptBook
    files: RunFiles
    outgoing: Outgoing
    secrets: Mapping[str, Secret] = field(default_factory=dict[str, Secret])
    webhooks: Mapping[str, MessageTarget] = field(default_factory=dict[str, MessageTarget])
    plan: Plan = field(default_factory=lambda: Plan(members=()))
    models: tuple[str, ...] = ()


class StepContext(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt of a step, as its executor sees it.

    `path` is the step's path in the run, `key` an idempotency key that is the same for all its attempts. `call` has the
    deadline, the budget and the sink. `scope` is what templates see (`inputs`, `steps`, loop variables, `run`); secrets
    are not in it. `say` passes a piece of text on to whoever watches. `sleep` waits that many seconds, counted from the
    first time this step asked for it: a crash in between does not begin it anew. `run_flow` runs another flow below
    this step. `values` compiles what the config holds under `raw` keys, with the flow's functions and macros. `needs`
    are the names of the steps that this one waits for, in written order.
    """

    path: str
    key: str
    attempt: int
    call: Call
    scope: Scope
    services: FlowServices
    say: Callable[[str], None]
    sleep: Callable[[float], Awaitable[None]]
    run_flow: RunFlow
    values: Callable[[object], Value]
    secrets: Mapping[str, Secret] = msgspec.field(default_factory=dict[str, Secret])
    needs: tuple[str, ...] = ()

    def file(self, ref: FileRef) -> Path:
        """Return the path on disk of a file of this run."""
        return self.services.files.path(ref)


class Executor(ABC, Generic[C, R]):
    """Does one kind of step. It has no state: one object serves all steps of all runs.

    `config` is the pydantic class of its configuration, validated after its templates are rendered. `result` is the
    class of what it returns (a frozen dataclass or msgspec struct, or a plain JSON type): it becomes the step's output
    as plain JSON. `raw` are keys of the config that are not rendered before: the executor does that itself, for each
    item of something. `open_result`: the output may have further keys than those of `result`, so that no reference to
    one of them is an error when a flow is compiled. `billed`: it asks models, so it may
    cost money, and `simulated: true` in its output says that none of them was real.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    config: type[C]
    result: type[R]
    raw: ClassVar[frozenset[str]] = frozenset()
    open_result: ClassVar[bool] = False
    billed: ClassVar[bool] = False

    def mentions(self, config: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the steps that a config as written names without a template: they are waited for like references."""
        del config
        return ()

    @abstractmethod
    async def run(self, config: C, step: StepContext) -> R:
        """Do it. Raises `QuorateError`s only; those that are `retryable` may be tried again."""
        ...

    def worst_case(self, config: Mapping[str, Any], costing: Costing | None) -> WorstCase:
        """Return the most that one attempt with a configuration as it is written, templates in it, can need.

        Asks nobody. As it is, for an executor that is `billed`: what asking the config's `model` or `models` can cost.
        Without a `costing` nothing is known of models.
        """
        return asking_cost(config, costing) if self.billed else WorstCase()
