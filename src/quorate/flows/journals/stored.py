"""A journal in a database: one thread that writes in batches, one that reads."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from quorate.core.clock import Clock
from quorate.core.errors import QuorateError
from quorate.flows.journal import Lease
from quorate.flows.journals import operations
from quorate.flows.journals.bell import WORK
from quorate.flows.journals.errors import JournalUnavailable
from quorate.flows.journals.facade import JournalFacade, Operation
from quorate.flows.journals.lane import Job, Lane
from quorate.flows.journals.pages import Pages
from quorate.flows.journals.schema import bring_up
from quorate.flows.journals.session import Session
from quorate.flows.journals.stored_step_cache import AnyOperation, Look, StoredStepCache
from quorate.flows.journals.table_pages import TablePages
from quorate.flows.outcome import RunStatus

T = TypeVar("T")

#: A database that is away is waited for so long, and asked again after such pauses.
PATIENCE_S = 10.0
_FIRST_PAUSE_S = 0.05
_LONGEST_PAUSE_S = 1.0


class Sessions:
    """A live connection of one thread, made when it is needed and made again when it is lost."""

    def __init__(self, connect: Callable[[], Session], is_away: Callable[[Exception], bool]) -> None:
        self._connect = connect
        self._is_away = is_away
        self._session: Session | None = None

    def with_patience(self, do: Callable[[Session], T]) -> T:
        """Return what `do` returns; while the database is away it is done again, for some seconds.

        Raises `JournalUnavailable` after that, and at once where `do` may have been committed (`Uncertain`).
        """
        until_s, pause_s = time.monotonic() + PATIENCE_S, _FIRST_PAUSE_S
        while True:
            try:
                return do(self._ready())
            except Uncertain as error:
                self._drop()
                raise _unavailable() from error
            except Exception as error:
                if not self._is_away(error):
                    raise
                self._drop()
                if time.monotonic() + pause_s > until_s:
                    raise _unavailable() from error
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    def close(self) -> None:
        """End the connection."""
        self._drop()

    def _ready(self) -> Session:
        if self._session is None:
            session = self._connect()
            try:
                bring_up(session)
            except BaseException:
                session.close()
                raise
            self._session = session
        return self._session

    def _drop(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None


class Uncertain(Exception):
    """The connection was lost while it was told to commit: what was written may be there or not."""


def _unavailable() -> JournalUnavailable:
    return JournalUnavailable("the journal of flows does not answer; try again in a moment", retry_after_s=1.0)


class StoredJournal(JournalFacade):
    """A live journal in a database.

    Callers wait for the commit of the batch they are in; while one commits, the next gathers. Each operation of a batch
    stands or falls by itself: one of a worker that lost its lease costs the others nothing.
    """

    def __init__(
        self, connect: Callable[[], Session], *, is_away: Callable[[Exception], bool], clock: Clock | None = None
    ) -> None:
        super().__init__(clock)
        self._writing = Sessions(connect, is_away)
        self._reading = Sessions(connect, is_away)
        self._writer = Lane[AnyOperation](
            "quorate-journal-writer", work=self._write, close=self._writing.close, abandoned=self._give_back
        )
        self._reader = Lane[Look]("quorate-journal-reader", work=self._read, close=self._reading.close)

    def step_cache(self, *, max_entries: int = 100_000) -> StoredStepCache:
        """Return a step cache in the same database, shared by all who use it."""
        return StoredStepCache(self._writer.submit, self._reader.submit, self._clock, max_entries=max_entries)

    async def open(self) -> None:
        """Connect and bring the tables up to date now, and not at the first call.

        Raises `Misconfigured` for a file that cannot be used or a newer version's, `JournalUnavailable`.
        """
        nothing: Operation[Pages, None] = Operation(do=lambda _: None)
        await self._change(nothing)

    async def close(self) -> None:
        """Write what waits and close."""
        await self._writer.close()
        await self._reader.close()

    async def _change(self, operation: Operation[Pages, T]) -> T:
        result: T = await self._writer.submit(operation)
        self._ring(operation.tells)
        return result

    async def _look(self, read: Callable[[Pages], T]) -> T:
        result: T = await self._reader.submit(read)
        return result

    def _give_back(self, job: Job[AnyOperation]) -> None:
        """Release what was claimed for somebody who no longer waits: else it would be held until the lease ends."""
        if job.work.gives_lease and isinstance(job.result, Lease):
            lease, now = job.result, self._now()
            # Nobody waits for this; if it fails, the lease ends by itself.
            self._writer.submit(_given_back(lease, now)).add_done_callback(self._gave_back)

    def _gave_back(self, future: asyncio.Future[Any]) -> None:
        if not future.cancelled() and future.exception() is None:
            self._ring((WORK,))

    def _write(self, jobs: Sequence[Job[AnyOperation]]) -> None:
        try:
            self._writing.with_patience(lambda session: _together(session, jobs))
        except JournalUnavailable:
            raise
        except Exception as error:
            if isinstance(error, QuorateError) or len(jobs) == 1:
                raise
            for job in jobs:  # something about one of them: the others do not pay for it
                self._write_alone(job)

    def _write_alone(self, job: Job[AnyOperation]) -> None:
        try:
            self._writing.with_patience(lambda session: _together(session, (job,)))
        except Exception as error:  # noqa: BLE001 - its caller hears of it
            job.error = error

    def _read(self, jobs: Sequence[Job[Look]]) -> None:
        for job in jobs:
            try:
                job.result = self._reading.with_patience(lambda session, job=job: _on_one_state(session, job.work))
            except Exception as error:  # noqa: BLE001 - its caller hears of it
                job.error = error


def _together(session: Session, jobs: Sequence[Job[AnyOperation]]) -> None:
    """Do operations in one transaction."""
    session.begin(strict=any(job.work.strict for job in jobs))
    try:
        pages = TablePages(session, writes=True)
        if runs := sorted({run for job in jobs for run in job.work.runs}):
            pages.fetch(runs)
        for job in jobs:
            job.result = job.error = None
            try:
                job.result = job.work.do(pages)
            except QuorateError as error:
                job.error = error
        pages.flush()
        if topics := sorted({topic for job in jobs if job.error is None for topic in job.work.tells}):
            session.notify(topics)
    except BaseException:
        session.rollback()
        raise
    _commit(session)


def _commit(session: Session) -> None:
    try:
        session.commit()
    except Exception as error:
        session.rollback()
        if session.is_lost():
            raise Uncertain from error
        raise


def _on_one_state(session: Session, read: Look) -> Any:
    session.begin_reading()
    try:
        result = read(TablePages(session, writes=False))
    except BaseException:
        session.rollback()
        raise
    session.commit()
    return result


def _given_back(lease: Lease, now: int) -> Operation[Pages, None]:
    """Return the operation that gives a lease back."""
    return Operation(
        do=lambda pages: operations.release(pages, lease, RunStatus.QUEUED, now), runs=(lease.run,), tells=(WORK,)
    )
