"""What has finished, by path: the port through which the interpreter remembers.

A run is a header, the outcomes of its steps by path, the timers it waits for, and a sequence of events. A worker that
runs it holds a lease with an epoch; whoever claims the run later gets a higher epoch, and nothing that a holder of a
lower one writes is accepted (fencing). A `put` that returned survives kill -9 (`durable`) or a power cut (`strict`).
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

import msgspec

from quorate.core.errors import Conflict
from quorate.core.ids import RunId, TenantId
from quorate.flows.outcome import FlowResult, RunStatus, StepOutcome
from quorate.flows.plan import Durability
from quorate.model.usage import NOTHING, Spend

#: A worker that is silent for so long has lost its runs.
DEFAULT_LEASE_S = 15.0
#: So many workers may fall silent with a run, one after the other, before nobody takes it over any more.
DEFAULT_TAKEOVERS = 5


class LeaseLost(Conflict):
    """Another worker has taken the run over: nothing more that this one writes is accepted."""

    code = "lease_lost"


class RunHeader(msgspec.Struct, frozen=True, kw_only=True):
    """What a run is: everything needed to take it up again on another machine.

    `document` is the flow it began with (`FlowPlan.document`), whatever the files say today. `seed` makes its random
    choices the same again. `parent` is the run it was forked from. `labels` are free (`trigger`, `idempotency_key`).
    """

    id: RunId
    flow: str
    version: str
    digest: str
    document: Mapping[str, Any]
    inputs: Mapping[str, Any]
    created_at: datetime
    tenant: TenantId
    principal: str = "local"
    durability: Durability = Durability.DURABLE
    priority: int = 0
    seed: int = 0
    limit_microusd: int | None = None
    deadline_at: datetime | None = None
    queue_key: str = ""
    parent: RunId | None = None
    labels: Mapping[str, str] = {}


def resumes_by_itself(header: RunHeader) -> bool:
    """Return whether a run whose worker fell silent is taken up by another one: the label `auto_resume`."""
    return header.labels.get("auto_resume") != "false"


class PinnedFlow(msgspec.Struct, frozen=True, kw_only=True):
    """A flow that a step runs, as the run saw it first: it stays that for the whole run."""

    flow: str
    version: str
    digest: str
    document: Mapping[str, Any]


class Lease(msgspec.Struct, frozen=True, kw_only=True):
    """The right to run a run until `expires_at`, if nobody has claimed a higher `epoch`.

    `strict`: what is written under it survives a power cut. `cancel_requested`: as of when it was given or renewed.
    `taken_over`: when it was given, the run was another worker's that had fallen silent; `silent` workers had it so one
    after the other. `given_up`: it is not to go on; who has the lease ends it (`worker_lost`).
    """

    run: RunId
    owner: str
    epoch: int
    expires_at: datetime
    strict: bool = False
    cancel_requested: bool = False
    taken_over: bool = False
    silent: int = 0
    given_up: bool = False


class JournalEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One event as it was kept: `seq` counts from 1 within the run, `data` is the event's JSON."""

    seq: int
    data: bytes


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """What is written at once: the outcome of a step, the event that tells of it, or both."""

    outcome: StepOutcome | None = None
    event: bytes | None = None


class RunView(msgspec.Struct, frozen=True, kw_only=True):
    """A run as it stands: `outcomes` by path, `spent_microusd` what its finished attempts have cost until now.

    `attempts` are the failed ones of steps that have not ended, by path. `timers` are when steps that wait go on.
    `events` is the `seq` of the last event. `reopened`: so often somebody had it go on after it had ended. `retries`:
    so often it was taken up again by itself, the last time to go on at `retry_at`. `paid` is what a fork began with,
    and what one that was reopened had used by then: another record has that (in lists of runs it is left out).
    """

    header: RunHeader
    status: RunStatus
    outcomes: Mapping[str, StepOutcome]
    attempts: Mapping[str, int]
    timers: Mapping[str, datetime]
    cancel_requested: bool
    result: FlowResult | None
    spent_microusd: int
    updated_at: datetime
    events: int = 0
    lease: Lease | None = None
    retries: int = 0
    reopened: int = 0
    retry_at: datetime | None = None
    paid: Spend = NOTHING


class Callback(msgspec.Struct, frozen=True, kw_only=True):
    """That somebody is to be told of the end of a run: `seq` is the event of the end, this is the `tries`th try."""

    run: RunId
    seq: int
    tries: int


class Journal(Protocol):
    """Keeps runs. All calls are safe from one event loop at once; each is whole or not at all."""

    async def begin(
        self,
        header: RunHeader,
        *,
        owner: str | None = None,
        lease_s: float = DEFAULT_LEASE_S,
        queues: bool = True,
        outcomes: Sequence[StepOutcome] = (),
        pins: Mapping[str, PinnedFlow] | None = None,
    ) -> Lease | None:
        """Keep a new run, with outcomes and pins that it has from the start; raise `Conflict` if the id is taken.

        With an `owner` it is claimed in the same breath, and the lease is returned; `None` if the limit of its queue
        key is reached: then it is queued, or, unless it `queues`, not kept at all.
        """
        ...

    async def claim(self, run: RunId, owner: str, *, lease_s: float, now: datetime) -> Lease | None:
        """Take the run, with the next epoch, if nobody holds it at `now` and it has not ended; else `None`."""
        ...

    async def claim_next(
        self, owner: str, *, lease_s: float, now: datetime, max_takeovers: int = DEFAULT_TAKEOVERS
    ) -> Lease | None:
        """Take the run that should go first, by priority, then age; `None` if there is none.

        It is queued, or the timer it waits for is due, or its lease ran out. The lease of one that was taken over
        `max_takeovers` times before, without anything in it having ended, or whose flow says that nobody takes it up by
        itself, is `given_up`.
        """
        ...

    async def renew(self, lease: Lease, *, lease_s: float, now: datetime) -> Lease:
        """Return the lease with a later end; raise `LeaseLost`."""
        ...

    async def release(self, lease: Lease, *, status: RunStatus = RunStatus.QUEUED) -> None:
        """Give the run back, unended (`waiting`: until its first timer); raise `LeaseLost`."""
        ...

    async def load(self, run: RunId) -> RunView:
        """Return the run as it stands; raise `NotFound`."""
        ...

    async def put(self, lease: Lease, entries: Sequence[Entry]) -> tuple[int, ...]:
        """Keep outcomes and events; return the `seq` of each event. Raises `LeaseLost`, and then nothing was kept.

        An outcome replaces none: a path that has one keeps it.
        """
        ...

    async def put_attempt(
        self, lease: Lease, path: str, attempt: int, *, wake_at: datetime | None, spent_microusd: int
    ) -> None:
        """Keep that attempt number `attempt` of a step failed, what it cost, and when the next one is due."""
        ...

    async def try_again(
        self, lease: Lease, retry: int, *, forget: Sequence[str], wake_at: datetime, event: bytes
    ) -> int:
        """Keep that the run goes on at `wake_at` for the `retry`th time by itself; return the `seq` of the event.

        The outcomes at `forget` and below them go; what they have cost stays counted. Raises `LeaseLost`.
        """
        ...

    async def set_timer(self, lease: Lease, path: str, wake_at: datetime) -> datetime:
        """Keep until when a step waits; return the time that holds: a timer that is set already stays as it is."""
        ...

    async def pin(self, lease: Lease, name: str, flow: PinnedFlow) -> PinnedFlow:
        """Keep which flow a name means in the run; return the one that holds: what is kept already stays as it is."""
        ...

    async def pins(self, run: RunId) -> Mapping[str, PinnedFlow]:
        """Return what names of flows mean in a run."""
        ...

    async def finish(
        self, lease: Lease, result: FlowResult, event: bytes | None = None, *, entries: Sequence[Entry] = ()
    ) -> tuple[int, ...]:
        """End the run, give up the lease; keep `entries` with it, as `put` does. Raises `LeaseLost`."""
        ...

    async def events(self, run: RunId, *, after: int = 0, limit: int = 1000) -> Sequence[JournalEvent]:
        """Return the events after `after`, oldest first."""
        ...

    async def request_cancel(self, run: RunId) -> bool:
        """Ask whoever runs it to stop; `False` if it has ended. A run that nobody holds ends at once."""
        ...

    async def reopen(self, run: RunId, *, forget: Sequence[str] = ()) -> None:
        """Make an ended run queued again without the outcomes at `forget` and below them; raise `NotFound`."""
        ...

    async def runs(
        self,
        *,
        tenant: TenantId | None = None,
        flow: str | None = None,
        status: RunStatus | None = None,
        before: str | None = None,
        limit: int = 100,
        sees: Callable[[str], bool] | None = None,
    ) -> Sequence[RunView]:
        """Return runs, newest first (by id), without their outcomes.

        `sees` says of the name of a flow whether its runs are among them; not given: those of all flows are.
        """
        ...

    async def delete_before(self, moment: datetime) -> int:
        """Delete ended runs that were last touched before a moment; return how many."""
        ...

    async def close(self) -> None:
        """Write what waits and close."""
        ...
