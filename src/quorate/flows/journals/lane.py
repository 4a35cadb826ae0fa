"""A thread that does what callers of an event loop ask for, in order; all that wait together are one batch.

What is asked for within one turn of the loop is handed over together at its end: steps that end side by side share a
commit, and the thread is woken once for all of them.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, Generic, TypeVar

T = TypeVar("T")

#: Nothing is added to a batch of so many: the first one of it waits for the last one.
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
        self._queue: SimpleQueue[Sequence[Job[T]] | None] = SimpleQueue()
        self._gathered: dict[asyncio.AbstractEventLoop, list[Job[T]]] = {}
        self._thread: Thread | None = None
        self._closed = False

    def submit(self, work: T) -> asyncio.Future[Any]:
        """Have it done, after everything that was submitted before; the future has the result. Never blocks."""
        if self._closed:
            raise RuntimeError(f"{self._name} is closed")
        job = Job(work)
        gathered = self._gathered.get(job.loop)
        if gathered is None:
            self._gathered[job.loop] = [job]
            job.loop.call_soon(self._hand_over, job.loop)
        else:
            gathered.append(job)
        return job.future

    def _hand_over(self, loop: asyncio.AbstractEventLoop) -> None:
        gathered = self._gathered.pop(loop, None)
        if not gathered:
            return
        self._queue.put(gathered)
        if self._thread is None:
            self._thread = Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()

    async def close(self) -> None:
        """Do what was submitted, then end the thread."""
        self._closed = True
        for loop in tuple(self._gathered):
            self._hand_over(loop)
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
        batch = list(first)
        while len(batch) < MAX_BATCH:
            try:
                more = self._queue.get_nowait()
            except Empty:
                break
            if more is None:
                self._queue.put(None)  # the end comes after this batch
                break
            batch += more
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
