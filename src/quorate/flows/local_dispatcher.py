"""Workers of this process take runs out of a journal's queue, which other processes may share."""

import asyncio
import logging
import math

import msgspec

from quorate.core.clock import Clock
from quorate.core.errors import NotFound, QueueFull, QuorateError
from quorate.core.ids import RunId
from quorate.flows.dispatcher import Work
from quorate.flows.journal import DEFAULT_LEASE_S, DEFAULT_TAKEOVERS, Lease, LeaseLost, RunHeader, RunView
from quorate.flows.journals.bell import CANCEL, WORK, heard
from quorate.flows.journals.ended import broken, end_event
from quorate.flows.journals.errors import JournalUnavailable
from quorate.flows.queue_journal import QueueJournal

_log = logging.getLogger("quorate")

#: Why the task of a run is cancelled (the message of its `CancelledError`); none of these: the worker goes home.
CANCEL_REQUESTED = "the run is to be cancelled"
LEASE_LOST = "another worker has the run"

_FIRST_LOOK_S = 0.05
_TRY_AGAIN_S = 1.0


class _Held:
    """A live run that this worker has, why its task was cancelled, and whether its work has begun."""

    __slots__ = ("begun", "lease", "reason", "task")

    def __init__(self, lease: Lease) -> None:
        self.lease = lease
        self.task: asyncio.Task[None] | None = None
        self.reason = ""
        self.begun = False

    def stop(self, reason: str) -> None:
        """Cancel the task, once. A work that has not begun is told by what it is handed."""
        if not self.reason and self.task is not None:
            self.reason = reason
            if self.begun or reason != CANCEL_REQUESTED:
                self.task.cancel(reason)


class LocalDispatcher:
    """A live dispatcher over a journal.

    At most `max_runs` run here at once; of the queue that all processes share, at most about `max_queued` wait. A lease
    lasts `lease_s` and is renewed every `renew_s`: a worker that falls silent loses its runs after that to whoever
    looks, `max_takeovers` times in a row at most. Who finds nothing looks again when the journal's bell rings, and
    every `look_s` at the latest.

    The work's task is cancelled with the message `CANCEL_REQUESTED` (it should end the run as cancelled; if it does
    not, that is done here), `LEASE_LOST` (it must write nothing), or none, when `serve` ends: then the run goes back
    into the queue. A run of which that was asked before it was taken is handed over so (`view.cancel_requested`); its
    work ends it and is not cancelled. The run of a work that raises anything else ends as failed.
    """

    def __init__(
        self,
        journal: QueueJournal,
        *,
        owner: str,
        clock: Clock,
        max_runs: int = 32,
        max_queued: int = 10_000,
        lease_s: float = DEFAULT_LEASE_S,
        renew_s: float = DEFAULT_LEASE_S / 3,
        look_s: float = 1.0,
        max_takeovers: int = DEFAULT_TAKEOVERS,
    ) -> None:
        self._journal = journal
        self._owner = owner
        self._clock = clock
        self._max_queued = max_queued
        self._lease_s = lease_s
        self._renew_s = renew_s
        self._look_s = look_s
        self._max_takeovers = max_takeovers
        self._places = asyncio.Semaphore(max_runs)
        self._held: dict[RunId, _Held] = {}
        self._serving: tuple[asyncio.TaskGroup, Work] | None = None

    @property
    def running(self) -> int:
        """How many runs this worker has."""
        return len(self._held)

    def has(self, run: RunId) -> bool:
        """Whether this worker has a run."""
        return run in self._held

    async def submit(self, header: RunHeader) -> None:
        """Put a run in the queue; raise `QueueFull` if too many wait, `Conflict` if its id is taken."""
        if await self._journal.queued() >= self._max_queued:
            raise QueueFull(
                f"{self._max_queued} runs of flows wait already; try again in a moment", retry_after_s=self._look_s
            )
        await self._journal.begin(header)

    async def begin(self, header: RunHeader) -> bool:
        """Run a new run here, now, if there is a place for it; else put it in the queue. Return whether it runs here.

        Raises like `submit`.
        """
        if self._serving is None or self._places.locked():
            await self.submit(header)
            return False
        await self._places.acquire()
        try:
            lease = await self._journal.begin(header, owner=self._owner, lease_s=self._lease_s)
        except BaseException:
            self._places.release()
            raise
        if lease is None or not self._does(lease):
            self._places.release()
            return False
        return True

    def _does(self, lease: Lease) -> bool:
        """Begin to do a run; `False` if this worker is going home, and the lease has to end."""
        if self._serving is None:
            return False
        group, work = self._serving
        group.create_task(self._have_done(lease, work))
        return True

    async def take_up(self, run: RunId) -> None:
        """Look at the queue now."""
        del run
        self._journal.bell.ring(WORK)

    async def cancel(self, run: RunId) -> bool:
        """End a run: at once if it waits, else as soon as its worker hears of it."""
        return await self._journal.request_cancel(run)

    async def wait(self, run: RunId, *, timeout_s: float | None = None) -> RunView:
        """Return the run when it has ended or when the time is over."""
        loop = asyncio.get_running_loop()
        until_s = math.inf if timeout_s is None else loop.time() + timeout_s
        look_s = _FIRST_LOOK_S
        with self._journal.bell.listening(run) as ended:
            while True:
                ended.clear()
                over = loop.time() >= until_s
                if over or (await self._journal.status(run)).is_final:
                    return await self._journal.load(run)
                await heard(ended, min(look_s, until_s - loop.time()))
                look_s = min(2 * look_s, self._look_s)

    async def serve(self, work: Work) -> None:
        """Work off the queue until cancelled; what runs then is given back to the queue."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._hear_cancels())
            self._serving = group, work
            try:
                await self._take(work, group)
            finally:
                self._serving = None

    async def _take(self, work: Work, group: asyncio.TaskGroup) -> None:
        look_s = _FIRST_LOOK_S
        with self._journal.bell.listening(WORK) as came:
            while True:
                await self._places.acquire()
                came.clear()
                try:
                    lease = await self._next()
                except BaseException:
                    self._places.release()
                    raise
                if lease is None:
                    self._places.release()
                    await heard(came, look_s)
                    look_s = min(2 * look_s, self._look_s)
                else:
                    look_s = _FIRST_LOOK_S
                    group.create_task(self._have_done(lease, work))

    async def _next(self) -> Lease | None:
        try:
            return await self._journal.claim_next(
                self._owner, lease_s=self._lease_s, now=self._clock.now(), max_takeovers=self._max_takeovers
            )
        except QuorateError as error:
            _log.warning("no run of a flow can be taken up: %s", error.message)
            await asyncio.sleep(_TRY_AGAIN_S)
            return None

    async def _have_done(self, lease: Lease, work: Work) -> None:
        """Do one run, renewing its lease."""
        held = _Held(lease)
        self._held[lease.run] = held
        try:
            async with asyncio.TaskGroup() as group:
                task = held.task = group.create_task(self._do(held, work))
                renewal = group.create_task(self._renew(held))
                task.add_done_callback(lambda _: renewal.cancel())
            if held.reason == CANCEL_REQUESTED and task.cancelled():
                await self._end_as_cancelled(lease)
        except asyncio.CancelledError:
            await self._give_back(lease)
            raise
        finally:
            if self._held.get(lease.run) is held:  # else it has come back here while its first task was ending
                del self._held[lease.run]
            self._places.release()
            # A place in the run's queue key may have become free as well.
            self._journal.bell.ring(WORK)

    async def _do(self, held: _Held, work: Work) -> None:
        lease, view = held.lease, None
        try:
            view = await self._journal.load(lease.run)
            if view.cancel_requested:  # the work sees that itself, and does what it does then uninterrupted
                held.reason = CANCEL_REQUESTED
            elif held.reason:
                view = msgspec.structs.replace(view, cancel_requested=True)
            held.begun = True
            await work(lease, view)
        except (LeaseLost, JournalUnavailable) as error:
            # Somebody else has it; or nothing can be written: it is taken up again when its lease is over.
            _log.warning("run %s of a flow stops here: %s", lease.run, error.message)
        except Exception:  # noqa: BLE001 - an error of ours: the run must end, or it would be taken up for ever
            _log.exception("run %s of a flow ends with an error of the program", lease.run)
            if view is not None:
                await self._end_as_broken(lease)

    async def _renew(self, held: _Held) -> None:
        while True:
            await asyncio.sleep(self._renew_s)
            try:
                held.lease = await self._journal.renew(held.lease, lease_s=self._lease_s, now=self._clock.now())
            except (LeaseLost, NotFound):
                held.stop(LEASE_LOST)
                return
            except QuorateError:
                if self._clock.now() >= held.lease.expires_at:
                    held.stop(LEASE_LOST)
                    return
            if held.lease.cancel_requested:
                held.stop(CANCEL_REQUESTED)

    async def _hear_cancels(self) -> None:
        with self._journal.bell.listening(CANCEL) as asked:
            while True:
                await heard(asked, self._look_s)
                asked.clear()
                if self._held:
                    await self._cancel_asked()

    async def _cancel_asked(self) -> None:
        try:
            for run in await self._journal.cancels(self._owner):
                if (held := self._held.get(run)) is not None:
                    held.stop(CANCEL_REQUESTED)
        except QuorateError as error:
            _log.warning("whether runs are to be cancelled cannot be seen: %s", error.message)

    async def _give_back(self, lease: Lease) -> None:
        try:
            await self._journal.release(lease)
        except (LeaseLost, NotFound):
            pass  # it has ended, or somebody has it
        except QuorateError as error:
            _log.warning("run %s could not be given back, its lease has to end: %s", lease.run, error.message)

    async def _end_as_cancelled(self, lease: Lease) -> None:
        await self._give_back(lease)
        try:
            await self._journal.request_cancel(lease.run)
        except QuorateError as error:
            _log.warning("run %s could not be cancelled: %s", lease.run, error.message)

    async def _end_as_broken(self, lease: Lease) -> None:
        try:
            view = await self._journal.load(lease.run)
            result = broken(view)
            event = end_event(result, view.header.created_at, self._clock.now())
            await self._journal.finish(lease, result, event)
        except (LeaseLost, NotFound):
            pass  # it has ended, or somebody has it
        except QuorateError as error:
            _log.warning("the end of run %s could not be written: %s", lease.run, error.message)
