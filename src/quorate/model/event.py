"""Events: the only way anything observes a call.

Progress bars, streams, traces, metrics and records subscribe to this one sequence. `at_s` is seconds since the call
began; `branch` is the path of the branch, e.g. `panel/gpt-5#2`. New kinds and new optional fields are not a breaking
change.
"""

import logging
from collections.abc import Callable
from enum import StrEnum

import msgspec

_log = logging.getLogger("quorate")


class State(StrEnum):
    """How far a branch has come."""

    PENDING = "pending"
    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="event"):
    """What all events have in common."""

    call_id: str
    at_s: float


class PlanStarted(Event, frozen=True, kw_only=True, tag="plan.started"):
    """A plan begins; `branches` in plan order, `weights` are their shares of the progress (sum 1)."""

    path: str
    mode: str
    branches: tuple[str, ...]
    weights: tuple[float, ...]


class BranchEvent(Event, frozen=True, kw_only=True):
    """What all events of a branch have in common; `model` is the catalog name."""

    branch: str
    model: str


class BranchStarted(BranchEvent, frozen=True, kw_only=True, tag="branch.started"):
    """The branch was given its place and its request leaves."""

    group: int = 0


class BranchFirstToken(BranchEvent, frozen=True, kw_only=True, tag="branch.first_token"):
    """The first piece of the answer arrived."""


class BranchDelta(BranchEvent, frozen=True, kw_only=True, tag="branch.delta"):
    """A piece of text arrived (streamed calls only); `text` is what it adds."""

    text: str


class BranchRetry(BranchEvent, frozen=True, kw_only=True, tag="branch.retry"):
    """An attempt failed and another one follows after `delay_s`; the text of the branch begins anew."""

    attempt: int
    delay_s: float
    code: str
    message: str


class BranchFallback(BranchEvent, frozen=True, kw_only=True, tag="branch.fallback"):
    """`model` failed for good and `to` is asked in its place; the text of the branch begins anew.

    The counts are those of the branch until now; what follows is of the branch under its old name, and from `to`.
    """

    to: str
    code: str
    message: str
    cost_microusd: int | None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    estimated: bool = False


class BranchHedged(BranchEvent, frozen=True, kw_only=True, tag="branch.hedged"):
    """Nothing had come after `after_s`, so `hedge` (a catalog name) was asked as well; who speaks first answers."""

    hedge: str
    after_s: float


class BranchFinished(BranchEvent, frozen=True, kw_only=True, tag="branch.finished"):
    """The branch answered."""

    latency_s: float
    prompt_tokens: int
    completion_tokens: int
    cost_microusd: int | None
    estimated: bool = False
    attempts: int = 1


class BranchFailed(BranchEvent, frozen=True, kw_only=True, tag="branch.failed"):
    """The branch gave no answer."""

    latency_s: float
    code: str
    message: str
    cost_microusd: int | None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    estimated: bool = False
    attempts: int = 1


class BranchCancelled(BranchEvent, frozen=True, kw_only=True, tag="branch.cancelled"):
    """The branch was no longer needed; what it cost until then is recorded (an estimate)."""

    latency_s: float
    reason: str
    cost_microusd: int | None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    estimated: bool = False
    attempts: int = 1


class AgreementUpdated(Event, frozen=True, kw_only=True, tag="agreement.updated"):
    """One answer, or several of one moment, changed the agreement; `answered` of `total` branches have answered."""

    path: str
    score: float
    kind: str
    answered: int
    total: int


class Vote(msgspec.Struct, frozen=True, kw_only=True):
    """How the answer of a branch voted: for which cluster (0 is the largest; `None`: it abstained), how much."""

    branch: str
    cluster: int | None
    weight: float


class Selected(Event, frozen=True, kw_only=True, tag="selected"):
    """The answer was chosen: `branch` is `None` for a synthesis; `reason` tells why, also of a fallback.

    `votes` are those of the answers that were compared, and `weighting` says where their weights come from; neither is
    there where nothing was compared.
    """

    path: str
    branch: str | None
    method: str
    reason: str
    votes: tuple[Vote, ...] = ()
    weighting: str | None = None


class StageDecided(Event, frozen=True, kw_only=True, tag="stage.decided"):
    """A stage of a cascade (`stage` counts from 1) has answered or failed; `escalated`: the next one is asked."""

    path: str
    stage: int
    escalated: bool
    reason: str


class Warned(Event, frozen=True, kw_only=True, tag="warning"):
    """Something the caller should know and that stops nothing, e.g. a model without a known price."""

    code: str
    message: str


EventSink = Callable[[Event], None]


def ignore_events(event: Event) -> None:
    """The sink of a call that nobody watches."""
    del event


def deliver(event: Event, sink: EventSink) -> None:
    """Pass an event on; a sink that raises is logged and disturbs nobody."""
    try:
        sink(event)
    except Exception:  # noqa: BLE001 - whoever watches must not be able to break the call
        _log.exception("an event sink failed on %s", type(event).__name__)


def fan_out(*sinks: EventSink) -> EventSink:
    """Return one sink that passes each event to all; one that raises does not keep it from the others."""

    def emit(event: Event) -> None:
        for sink in sinks:
            deliver(event, sink)

    return emit
