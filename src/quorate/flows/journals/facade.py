"""The calls of a `Journal`, in terms of operations; a kind of journal says only where and when they are done."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from quorate.core.clock import Clock, SystemClock
from quorate.core.ids import RunId, TenantId
from quorate.flows.journal import (
    DEFAULT_LEASE_S,
    DEFAULT_TAKEOVERS,
    Callback,
    Entry,
    JournalEvent,
    Lease,
    PinnedFlow,
    RunHeader,
    RunView,
)
from quorate.flows.journals import operations
from quorate.flows.journals.bell import CANCEL, WORK, Bell
from quorate.flows.journals.moment import to_us
from quorate.flows.journals.packing import packed
from quorate.flows.journals.pages import Pages
from quorate.flows.journals.run_row import max_runs, new_row
from quorate.flows.outcome import FlowResult, RunStatus, StepOutcome
from quorate.flows.plan import Durability

T = TypeVar("T")
P_contra = TypeVar("P_contra", contravariant=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation(Generic[P_contra, T]):
    """Something to do with the pages, and the runs whose rows it needs.

    `tells` are the topics that other processes want to hear of, `strict`: it must survive a power cut, `gives_lease`:
    if nobody waits for the result any more, the lease is given back.
    """

    do: Callable[[P_contra], T]
    runs: tuple[RunId, ...] = ()
    tells: tuple[str, ...] = ()
    strict: bool = False
    gives_lease: bool = False


class JournalFacade(ABC):
    """A live journal of any kind. `bell` rings in this process for work, for cancelling, and for the end of a run."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.bell = Bell()
        self._clock = clock or SystemClock()

    @abstractmethod
    async def _change(self, operation: Operation[Pages, T]) -> T:
        """Do it, whole or not at all, so that it lasts."""

    @abstractmethod
    async def _look(self, read: Callable[[Pages], T]) -> T:
        """Do it on one state of the pages."""

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
        """Keep a new run with what it has from the start, claimed at once if there is an `owner`."""
        now, lease_us = self._now(), operations.lease_length(lease_s)
        data, limit = packed(header), max_runs(header)
        ready = [operations.pack_entry(Entry(outcome=outcome)) for outcome in outcomes]
        pinned = {name: packed(flow) for name, flow in (pins or {}).items()}
        return await self._change(
            Operation(
                do=lambda pages: operations.begin(
                    pages,
                    new_row(header, now, limit),
                    data,
                    entries=ready,
                    pins=pinned,
                    owner=owner,
                    lease_us=lease_us,
                    now=now,
                    queues=queues,
                    is_fork=header.parent is not None,
                ),
                runs=(header.id,),
                tells=(WORK,) if owner is None else (),
                strict=header.durability is Durability.STRICT,
                gives_lease=owner is not None,
            )
        )

    async def claim(self, run: RunId, owner: str, *, lease_s: float, now: datetime) -> Lease | None:
        """Take the run, if nobody holds it."""
        now_us, lease_us = to_us(now), operations.lease_length(lease_s)
        return await self._change(
            Operation(
                do=lambda pages: operations.claim(pages, run, owner, lease_us=lease_us, now=now_us),
                runs=(run,),
                gives_lease=True,
            )
        )

    async def claim_next(
        self, owner: str, *, lease_s: float, now: datetime, max_takeovers: int = DEFAULT_TAKEOVERS
    ) -> Lease | None:
        """Take the run that should go first."""
        now_us, lease_us = to_us(now), operations.lease_length(lease_s)
        return await self._change(
            Operation(
                do=lambda pages: operations.claim_next(
                    pages, owner, lease_us=lease_us, now=now_us, max_takeovers=max_takeovers
                ),
                gives_lease=True,
            )
        )

    async def renew(self, lease: Lease, *, lease_s: float, now: datetime) -> Lease:
        """Return the lease with a later end."""
        now_us, lease_us = to_us(now), operations.lease_length(lease_s)
        return await self._change(
            Operation(do=lambda pages: operations.renew(pages, lease, lease_us=lease_us, now=now_us), runs=(lease.run,))
        )

    async def release(self, lease: Lease, *, status: RunStatus = RunStatus.QUEUED) -> None:
        """Give the run back, unended."""
        if status not in {RunStatus.QUEUED, RunStatus.WAITING}:
            raise ValueError(f"a run is given back as queued or waiting, not as {status}")
        now = self._now()
        await self._change(
            Operation(
                do=lambda pages: operations.release(pages, lease, status, now),
                runs=(lease.run,),
                tells=(WORK,),
                strict=lease.strict,
            )
        )

    async def load(self, run: RunId) -> RunView:
        """Return the run as it stands."""
        now = self._now()
        return await self._look(lambda pages: operations.load(pages, run, now))

    async def put(self, lease: Lease, entries: Sequence[Entry]) -> tuple[int, ...]:
        """Keep outcomes and events."""
        now, ready = self._now(), [operations.pack_entry(entry) for entry in entries]
        return await self._change(
            Operation(do=lambda pages: operations.put(pages, lease, ready, now), runs=(lease.run,), strict=lease.strict)
        )

    async def put_attempt(
        self, lease: Lease, path: str, attempt: int, *, wake_at: datetime | None, spent_microusd: int
    ) -> None:
        """Keep that an attempt failed."""
        now = self._now()
        await self._change(
            Operation(
                do=lambda pages: operations.put_attempt(
                    pages, lease, path, attempt, wake_at=wake_at, spent=spent_microusd, now=now
                ),
                runs=(lease.run,),
                strict=lease.strict,
            )
        )

    async def try_again(
        self, lease: Lease, retry: int, *, forget: Sequence[str], wake_at: datetime, event: bytes
    ) -> int:
        """Keep that the run goes on by itself."""
        now, paths = self._now(), tuple(forget)
        return await self._change(
            Operation(
                do=lambda pages: operations.try_again(
                    pages, lease, retry, forget=paths, wake_at=wake_at, event=event, now=now
                ),
                runs=(lease.run,),
                strict=lease.strict,
            )
        )

    async def set_timer(self, lease: Lease, path: str, wake_at: datetime) -> datetime:
        """Keep until when a step waits, if nothing is set."""
        return await self._change(
            Operation(
                do=lambda pages: operations.set_timer(pages, lease, path, wake_at),
                runs=(lease.run,),
                strict=lease.strict,
            )
        )

    async def pin(self, lease: Lease, name: str, flow: PinnedFlow) -> PinnedFlow:
        """Keep which flow a name means, if nothing is kept."""
        data = packed(flow)
        return await self._change(
            Operation(do=lambda pages: operations.pin(pages, lease, name, data), runs=(lease.run,), strict=lease.strict)
        )

    async def pins(self, run: RunId) -> Mapping[str, PinnedFlow]:
        """Return what names of flows mean."""
        return await self._look(lambda pages: pages.pins(run))

    async def finish(
        self, lease: Lease, result: FlowResult, event: bytes | None = None, *, entries: Sequence[Entry] = ()
    ) -> tuple[int, ...]:
        """Keep what is left, and end the run."""
        if not result.status.is_final:
            raise ValueError(f"a run cannot end as {result.status}")
        now, data, ready = self._now(), packed(result), [operations.pack_entry(entry) for entry in entries]
        return await self._change(
            Operation(
                do=lambda pages: operations.finish(pages, lease, ready, data, result.status, event, now),
                runs=(lease.run,),
                tells=(lease.run,),
                strict=lease.strict,
            )
        )

    async def events(self, run: RunId, *, after: int = 0, limit: int = 1000) -> Sequence[JournalEvent]:
        """Return the events after `after`."""
        return await self._look(lambda pages: pages.events(run, after, limit))

    async def request_cancel(self, run: RunId) -> bool:
        """Ask whoever runs it to stop."""
        now = self._now()
        return await self._change(
            Operation(
                do=lambda pages: operations.request_cancel(pages, run, now),
                runs=(run,),
                tells=(CANCEL, run),
                strict=True,
            )
        )

    async def reopen(self, run: RunId, *, forget: Sequence[str] = ()) -> None:
        """Make an ended run queued again."""
        now, paths = self._now(), tuple(forget)
        await self._change(
            Operation(
                do=lambda pages: operations.reopen(pages, run, paths, now), runs=(run,), tells=(WORK,), strict=True
            )
        )

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
        """Return runs, newest first."""
        if flow is not None and sees is not None and not sees(flow):
            return ()
        now = self._now()

        def read(pages: Pages) -> Sequence[RunView]:
            if flow is None and sees is not None:
                rows = operations.rows_seen(pages, tenant, status, before, limit, sees)
            else:
                rows = pages.rows(tenant, flow, status, before, limit)
            return [operations.view(pages, row, None, now) for row in rows]

        return await self._look(read)

    async def delete_before(self, moment: datetime) -> int:
        """Delete ended runs."""
        moment_us = to_us(moment)
        part: Operation[Pages, int] = Operation(do=lambda pages: pages.delete_before(moment_us))
        deleted = 0
        while gone := await self._change(part):
            deleted += gone
        return deleted

    async def status(self, run: RunId) -> RunStatus:
        """Return where a run stands: cheaper than to load it. Raises `NotFound`."""
        return await self._look(lambda pages: operations.found(pages, run).status)

    async def cancels(self, owner: str) -> Sequence[RunId]:
        """Return the runs that this worker holds and that somebody wants to stop."""
        return await self._look(lambda pages: pages.cancels(owner))

    async def take_callback(self, *, hold_s: float) -> Callback | None:
        """Return the callback that is due first, for whoever asks to send it within `hold_s`."""
        now, hold_us = self._now(), operations.lease_length(hold_s)
        return await self._change(Operation(do=lambda pages: operations.take_callback(pages, hold_us=hold_us, now=now)))

    async def end_callback(self, callback: Callback, event: bytes, *, again_at: datetime | None) -> bool:
        """Keep what became of a try; `False` if the run has been taken up again meanwhile."""
        again_us = None if again_at is None else to_us(again_at)
        return await self._change(
            Operation(
                do=lambda pages: operations.end_callback(pages, callback, event, again_us),
                runs=(callback.run,),
                tells=(callback.run,),
            )
        )

    async def queued(self) -> int:
        """Return how many runs wait in the queue."""
        return await self._look(lambda pages: pages.queued())

    @abstractmethod
    async def close(self) -> None:
        """Write what waits and close."""

    def _ring(self, topics: Sequence[str]) -> None:
        for topic in topics:
            self.bell.ring(topic)

    def _now(self) -> int:
        return to_us(self._clock.now())
