"""The part of a run that changes: who holds it, how far it is, when it may go on. Moments are microseconds."""

from dataclasses import dataclass

from quorate.core.ids import RunId, TenantId
from quorate.flows.journal import Lease, LeaseLost, RunHeader, resumes_by_itself
from quorate.flows.journals.moment import from_us, to_us
from quorate.flows.outcome import RunStatus
from quorate.flows.plan import Durability


@dataclass(slots=True, kw_only=True)
class RunRow:
    """A live row. `max_runs`: so many runs of its `queue_key` may be held at once; `None` for any number.

    `calls_back`: somebody is to be told of its end. `owner` is empty while nobody holds it. `events` counts those that
    were kept. `takeovers`: so many workers fell silent with it since something in it last ended.
    """

    id: RunId
    tenant: TenantId
    flow: str
    status: RunStatus
    priority: int
    created_at: int
    queue_key: str
    max_runs: int | None
    auto_resume: bool
    strict: bool
    calls_back: bool = False
    owner: str = ""
    epoch: int = 0
    lease_until: int = 0
    wake_at: int = 0
    cancel_requested: bool = False
    events: int = 0
    takeovers: int = 0
    updated_at: int

    @property
    def ready_at(self) -> int | None:
        """From when on a worker may take it; `None` once it has ended."""
        if self.status.is_final:
            return None
        if self.status is RunStatus.WAITING:
            return self.wake_at
        return self.lease_until if self.status is RunStatus.RUNNING else 0

    def is_held(self, now: int) -> bool:
        """Whether a worker holds it."""
        return bool(self.owner) and self.lease_until > now

    def require(self, lease: Lease) -> None:
        """Raise `LeaseLost` unless it is this lease that holds the run."""
        if self.epoch != lease.epoch or self.owner != lease.owner or self.status.is_final:
            by = f"{self.owner!r} has it" if self.owner else f"it is {self.status}"
            raise LeaseLost(f"worker {lease.owner!r} no longer holds run {self.id} (epoch {lease.epoch}): {by}")

    @property
    def is_lost(self) -> bool:
        """Whether a worker has it that is not heard of any more, if nobody holds it."""
        return self.status is RunStatus.RUNNING and bool(self.owner)

    def take(self, owner: str, lease_us: int, now: int, *, given_up: bool = False) -> Lease:
        """Give it to a worker, with the next epoch."""
        taken_over = self.is_lost
        self.takeovers += taken_over
        self.owner = owner
        self.epoch += 1
        self.lease_until = now + lease_us
        self.status = RunStatus.RUNNING
        return self.lease(taken_over=taken_over, given_up=given_up)

    def lease(self, *, taken_over: bool = False, given_up: bool = False) -> Lease:
        """Return the lease as it stands."""
        return Lease(
            run=self.id,
            owner=self.owner,
            epoch=self.epoch,
            expires_at=from_us(self.lease_until),
            strict=self.strict,
            cancel_requested=self.cancel_requested,
            taken_over=taken_over,
            silent=self.takeovers if taken_over else 0,
            given_up=given_up,
        )

    def let_go(self, status: RunStatus) -> None:
        """Take it from its worker."""
        self.owner = ""
        self.lease_until = 0
        self.status = status


def max_runs(header: RunHeader) -> int | None:
    """Return how many runs of its queue key may be held at once, from the label. Raises `ValueError`."""
    limit = header.labels.get("max_runs", "") if header.queue_key else ""
    return int(limit) if limit else None


def new_row(header: RunHeader, now: int, limit: int | None) -> RunRow:
    """Return the row of a run that begins; `limit` is its `max_runs`."""
    return RunRow(
        id=header.id,
        tenant=header.tenant,
        flow=header.flow,
        status=RunStatus.QUEUED,
        priority=header.priority,
        created_at=to_us(header.created_at),
        queue_key=header.queue_key,
        max_runs=limit,
        auto_resume=resumes_by_itself(header),
        strict=header.durability is Durability.STRICT,
        calls_back="callback" in header.labels,
        updated_at=now,
    )
