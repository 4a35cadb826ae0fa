"""A journal in memory for tests of the interpreter, which can stand still at any write, as a machine that dies does."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

from quorate.core.errors import Conflict, NotFound
from quorate.core.ids import RunId, TenantId
from quorate.flows.journal import Entry, JournalEvent, Lease, LeaseLost, PinnedFlow, RunHeader, RunView
from quorate.flows.journals.errors import JournalUnavailable
from quorate.flows.outcome import FlowResult, RunStatus, StepOutcome
from quorate.flows.path import is_below

T = TypeVar("T")


@dataclass
class _Row:
    header: RunHeader
    status: RunStatus
    lease: Lease | None = None
    epoch: int = 0
    outcomes: dict[str, StepOutcome] = field(default_factory=dict[str, StepOutcome])
    attempts: dict[str, int] = field(default_factory=dict[str, int])
    timers: dict[str, datetime] = field(default_factory=dict[str, datetime])
    events: list[bytes] = field(default_factory=list[bytes])
    result: FlowResult | None = None
    cancel_requested: bool = False
    spent: int = 0
    pins: dict[str, PinnedFlow] = field(default_factory=dict[str, PinnedFlow])
    retries: int = 0
    retry_at: datetime | None = None

    def forget(self, paths: Sequence[str]) -> None:
        self.outcomes = {
            path: each for path, each in self.outcomes.items() if not any(is_below(path, gone) for gone in paths)
        }


class KeptJournal:
    """Keeps runs in memory. After `dies_at` writes of steps it is dead: the next one returns when all is `over`.

    `keeps_last`: the write at which it dies is kept, although nobody hears of that. `ended_with` are the steps that
    were kept together with the end of the last run.
    """

    def __init__(self, *, dies_at: int | None = None, keeps_last: bool = False) -> None:
        self.rows: dict[str, _Row] = {}
        self.dies_at = dies_at
        self.keeps_last = keeps_last
        self._died = asyncio.Event()
        self._over = asyncio.Event()
        self.puts: list[tuple[str, ...]] = []
        self.ended_with: tuple[str, ...] = ()

    async def begin(
        self,
        header: RunHeader,
        *,
        owner: str | None = None,
        lease_s: float = 15,
        queues: bool = True,
        outcomes: Sequence[StepOutcome] = (),
        pins: Mapping[str, PinnedFlow] | None = None,
    ) -> Lease | None:
        del queues
        if header.id in self.rows:
            raise Conflict(f"run {header.id} is there already")
        row = self.rows[header.id] = _Row(header=header, status=RunStatus.QUEUED)
        row.outcomes.update({outcome.path: outcome for outcome in outcomes})
        row.pins.update(pins or {})
        return None if owner is None else await self.claim(header.id, owner, lease_s=lease_s, now=header.created_at)

    async def claim(self, run: RunId, owner: str, *, lease_s: float, now: datetime) -> Lease | None:
        row = self._row(run)
        if row.status.is_final or (row.lease is not None and row.lease.expires_at > now):
            return None
        row.epoch += 1
        row.status = RunStatus.RUNNING
        row.lease = Lease(run=run, owner=owner, epoch=row.epoch, expires_at=now + timedelta(seconds=lease_s))
        return row.lease

    async def claim_next(self, owner: str, *, lease_s: float, now: datetime, max_takeovers: int = 5) -> Lease | None:
        for run, row in self.rows.items():
            if row.status is RunStatus.QUEUED:
                return await self.claim(RunId(run), owner, lease_s=lease_s, now=now)
        return None

    async def renew(self, lease: Lease, *, lease_s: float, now: datetime) -> Lease:
        row = self._held(lease)
        row.lease = Lease(
            run=lease.run,
            owner=lease.owner,
            epoch=lease.epoch,
            expires_at=now + timedelta(seconds=lease_s),
            cancel_requested=row.cancel_requested,
        )
        return row.lease

    async def release(self, lease: Lease, *, status: RunStatus = RunStatus.QUEUED) -> None:
        row = self._held(lease)
        row.lease, row.status = None, status

    async def load(self, run: RunId) -> RunView:
        row = self._row(run)
        return RunView(
            header=row.header,
            status=row.status,
            outcomes=dict(row.outcomes),
            attempts=dict(row.attempts),
            timers=dict(row.timers),
            cancel_requested=row.cancel_requested,
            result=row.result,
            spent_microusd=row.spent,
            updated_at=row.header.created_at,
            lease=row.lease,
            retries=row.retries,
            retry_at=row.retry_at,
        )

    async def put(self, lease: Lease, entries: Sequence[Entry]) -> tuple[int, ...]:
        row = self._held(lease)
        is_last = self.dies_at is not None and len(self.puts) >= self.dies_at
        if is_last and not (self.keeps_last and not self._died.is_set()):
            await self._die()
        self.puts.append(tuple(entry.outcome.path for entry in entries if entry.outcome is not None))
        numbers: list[int] = []
        for entry in entries:
            if entry.outcome is not None:
                row.outcomes.setdefault(entry.outcome.path, entry.outcome)
                if "/" not in entry.outcome.path and "[" not in entry.outcome.path:
                    row.spent += entry.outcome.cost_microusd or 0
            if entry.event is not None:
                row.events.append(entry.event)
                numbers.append(len(row.events))
        if is_last:
            await self._die()
        await asyncio.sleep(0)
        return tuple(numbers)

    async def put_attempt(
        self, lease: Lease, path: str, attempt: int, *, wake_at: datetime | None, spent_microusd: int
    ) -> None:
        row = self._held(lease)
        row.attempts[path] = attempt
        if wake_at is not None:
            row.timers[path] = wake_at

    async def try_again(
        self, lease: Lease, retry: int, *, forget: Sequence[str], wake_at: datetime, event: bytes
    ) -> int:
        row = self._held(lease)
        row.forget(forget)
        row.retries, row.retry_at = retry, wake_at
        row.events.append(event)
        await asyncio.sleep(0)
        return len(row.events)

    async def set_timer(self, lease: Lease, path: str, wake_at: datetime) -> datetime:
        return self._held(lease).timers.setdefault(path, wake_at)

    async def pin(self, lease: Lease, name: str, flow: PinnedFlow) -> PinnedFlow:
        return self._held(lease).pins.setdefault(name, flow)

    async def pins(self, run: RunId) -> Mapping[str, PinnedFlow]:
        return dict(self._row(run).pins)

    async def finish(
        self, lease: Lease, result: FlowResult, event: bytes | None = None, *, entries: Sequence[Entry] = ()
    ) -> tuple[int, ...]:
        numbers = await self.put(lease, entries) if entries else ()
        self.ended_with = self.puts[-1] if entries else ()
        row = self._held(lease)
        row.status, row.result, row.lease = result.status, result, None
        if event is not None:
            row.events.append(event)
        return numbers

    async def events(self, run: RunId, *, after: int = 0, limit: int = 1000) -> Sequence[JournalEvent]:
        events = self._row(run).events[after : after + limit]
        return [JournalEvent(seq=after + at, data=data) for at, data in enumerate(events, 1)]

    async def request_cancel(self, run: RunId) -> bool:
        row = self._row(run)
        row.cancel_requested = not row.status.is_final
        return row.cancel_requested

    async def reopen(self, run: RunId, *, forget: Sequence[str] = ()) -> None:
        row = self._row(run)
        row.forget(forget)
        row.status, row.result, row.cancel_requested = RunStatus.QUEUED, None, False

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
        return [await self.load(RunId(run)) for run in list(self.rows)[:limit]]

    async def delete_before(self, moment: datetime) -> int:
        return 0

    async def close(self) -> None:
        pass

    def _row(self, run: RunId) -> _Row:
        if run not in self.rows:
            raise NotFound(f"no run {run}")
        return self.rows[run]

    def _held(self, lease: Lease) -> _Row:
        row = self._row(lease.run)
        if row.epoch != lease.epoch or row.status.is_final:
            raise LeaseLost(f"run {lease.run} is another worker's")
        return row

    async def dies_under(self, work: Coroutine[Any, Any, T], dies_at: int) -> asyncio.Task[T]:
        """Have a worker work until the journal dies under it, and lose the worker; return how far that came."""
        self.dies_at, self.puts = dies_at, []
        self._died, self._over = asyncio.Event(), asyncio.Event()
        task, died = asyncio.create_task(work), asyncio.create_task(self._died.wait())
        await asyncio.wait((task, died), return_when=asyncio.FIRST_COMPLETED)
        task.cancel()
        died.cancel()
        self._over.set()
        await asyncio.wait((task, died))
        if not task.cancelled():
            task.exception()  # nobody else has to look at it
        self.dies_at = None
        return task

    async def _die(self) -> None:
        self._died.set()
        await self._over.wait()
        raise JournalUnavailable("the journal is dead")
