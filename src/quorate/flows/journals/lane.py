"""A thread that does what callers of an event loop ask for, in order; all that wait together are one batch."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, Generic, TypeVar

T = TypeVar("T")

#: So many are done in one batch at most: the first one of it waits for the last one.
MAX_BATCH = 256


class Job(Generic[T]):
    """A live piece of work and where its result goes: set `result` or `error`, once."""

    __slots__ = ("error", "future", "loop", "result", "work")

    def __init__(self, work: T) -> None:
        self.work = work
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[Any] = self.loop.create_future()
        self.result: Any = None
        self.error: BaseException | None = None


class Lane(Generic[T]):
    """A live thread, started by the first job.

    `work` does a batch, on the thread; an error that it raises is the result of all. `close` is called at the end.
    `abandoned` is told on the event loop of each job whose caller was cancelled before it was done.
    """

    def __init__(
        self,
        name: str,
        *,
        work: Callable[[Sequence[Job[T]]], None],
        close: Callable[[], None],
        abandoned: Callable[[Job[T]], None] | None = None,
    ) -> None:
        self._name = name
        self._work = work
        self._close = close
        self._abandoned = abandoned
        self._queue: SimpleQueue[Job[T] | None] = SimpleQueue()
        self._thread: Thread | None = None
        self._closed = False

    def submit(self, work: T) -> asyncio.Future[Any]:
        """Have it done, after everything that was submitted before; the future has the result. Never blocks."""
        if self._closed:
            raise RuntimeError(f"{self._name} is closed")
        job = Job(work)
        self._queue.put(job)
        if self._thread is None:
            self._thread = Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()
        return job.future

    async def close(self) -> None:
        """Do what was submitted, then end the thread."""
        self._closed = True
        if self._thread is not None:
            self._queue.put(None)
            await asyncio.to_thread(self._thread.join)
            self._thread = None

    def _run(self) -> None:
        try:
            while (batch := self._batch()) is not None:
                try:
                    self._work(batch)
                except BaseException as error:  # noqa: BLE001 - callers wait: they must hear of whatever it was
                    for job in batch:
                        job.error = job.error or error
                self._answer(batch)
        finally:
            self._close()

    def _batch(self) -> Sequence[Job[T]] | None:
        first = self._queue.get()
        if first is None:
            return None
        batch = [first]
        while len(batch) < MAX_BATCH:
            try:
                job = self._queue.get_nowait()
            except Empty:
                break
            if job is None:
                self._queue.put(None)  # the end comes after this batch
                break
            batch.append(job)
        return batch

    def _answer(self, batch: Sequence[Job[T]]) -> None:
        """Hand results over, with one call for each event loop."""
        for loop in {job.loop for job in batch}:
            jobs = [job for job in batch if job.loop is loop]
            try:
                loop.call_soon_threadsafe(self._settle, jobs)
            except RuntimeError:  # the loop was closed meanwhile: nobody waits any more
                continue

    def _settle(self, jobs: Iterable[Job[T]]) -> None:
        for job in jobs:
            if job.future.done():
                if self._abandoned is not None:
                    self._abandoned(job)
            elif job.error is not None:
                job.future.set_exception(job.error)
            else:
                job.future.set_result(job.result)
