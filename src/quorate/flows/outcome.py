"""How a step ended, how a run ended: plain values that travel into the journal, over HTTP and into templates."""

from enum import StrEnum
from typing import Any

import msgspec


class StepStatus(StrEnum):
    """How a step ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"


class RunStatus(StrEnum):
    """Where a run stands. `partial`: it ended with outputs, and with errors that were handled."""

    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting"
    SUCCEEDED = "succeeded"
    PARTIAL = "partial"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Whether nothing more happens to it."""
        return self in _FINAL


_FINAL = frozenset({RunStatus.SUCCEEDED, RunStatus.PARTIAL, RunStatus.FAILED, RunStatus.CANCELLED})


class StepError(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why a step has no result: `stage` is its path, `code` machine-readable, `hint` what somebody can do about it."""

    stage: str
    code: str
    message: str
    hint: str = ""
    retryable: bool = False


class StepOutcome(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How the step at `path` ended: its `output` is plain JSON, `null` where there is none.

    `error` may stand beside an output: then it was handled (`handled_by`: `fallback`, `value` or `continue`).
    `started_s` is since the run began, `latency_s` includes all attempts. `cached`: nothing was executed. `reason` says
    why a step was skipped. `simulated`: no real model answered, which its output says (`simulated: true`).
    """

    path: str
    status: StepStatus
    output: Any = None
    error: StepError | None = None
    handled_by: str = ""
    reason: str = ""
    attempts: int = 1
    started_s: float = 0.0
    latency_s: float = 0.0
    cost_microusd: int | None = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached: bool = False
    simulated: bool = False


class Latency(msgspec.Struct, frozen=True, kw_only=True):
    """Where the time of a run went, in seconds: steps, groups, the critical path, and what running in parallel saved.

    `parallel_s` is the time in which several steps ran, `sequential_s` that in which exactly one did, `work_s` the sum
    over the steps, which is what running them one after the other would take: `speedup` is `work_s / total_s`.
    """

    total_s: float
    work_s: float
    parallel_s: float
    sequential_s: float
    critical_path_s: float
    speedup: float
    steps: dict[str, float]
    groups: dict[str, float]


class FlowResult(msgspec.Struct, frozen=True, kw_only=True):
    """How a run ended: outputs as far as they could be made, every error, every step's outcome by path.

    `simulated`: a step's answer came from no real model. `retries`: so often it was taken up again by itself.
    """

    run_id: str
    flow: str
    version: str
    digest: str
    status: RunStatus
    outputs: dict[str, Any]
    errors: tuple[StepError, ...]
    steps: dict[str, StepOutcome]
    latency: Latency
    cost_microusd: int | None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    simulated: bool = False
    retries: int = 0
