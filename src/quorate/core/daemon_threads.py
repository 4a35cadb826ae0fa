"""Threads for blocking work that may never end, such as asking a database: the process ends without them."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from queue import Empty, SimpleQueue
from threading import Thread
from time import monotonic
from typing import Any, Final, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

#: So long whoever closes a pool waits for what runs in it.
JOIN_S: Final = 1.0


class DaemonThreads(ThreadPoolExecutor):
    """A live pool of up to `count` threads, begun as they are needed; `submit` may be called by one thread only.

    Python's own pool keeps the process until everything in it has ended, and a driver that waits for a database that
    does not answer never does. Only the type is its own: event loops ask for it.
    """

    def __init__(self, count: int, name: str) -> None:
        super().__init__(count, name)
        self._count = count
        self._name = name
        self._begun: list[Thread] = []
        self._waiting: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._idle: SimpleQueue[None] = SimpleQueue()  # one for each thread that has nothing to do
        self._closed = False

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Have `fn` called in a thread; the future has what it returns or raises. Never blocks."""
        if self._closed:
            raise RuntimeError(f"{self._name} is closed")
        future = Future[T]()

        def work() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(fn(*args, **kwargs))
            except BaseException as error:  # noqa: BLE001 - whoever waits hears of whatever it was
                future.set_exception(error)

        self._waiting.put(work)
        try:
            self._idle.get_nowait()
        except Empty:
            if len(self._begun) < self._count:
                self._begin()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more work; with `wait`, return when what was taken is done, or after `JOIN_S`."""
        del cancel_futures
        self._closed = True
        for _ in self._begun:
            self._waiting.put(None)
        if wait:
            until_s = monotonic() + JOIN_S
            for thread in self._begun:
                thread.join(max(0.0, until_s - monotonic()))

    def _begin(self) -> None:
        thread = Thread(target=_work, args=(self._waiting, self._idle), name=self._name, daemon=True)
        self._begun.append(thread)
        thread.start()


def _work(waiting: "SimpleQueue[Callable[[], None] | None]", idle: "SimpleQueue[None]") -> None:
    while True:
        try:
            work = waiting.get_nowait()
        except Empty:
            idle.put(None)
            work = waiting.get()
        if work is None:
            return
        work()
        del work  # what it holds is not kept until the next one comes


async def in_own_thread(work: Callable[..., T], *arguments: Any) -> T:
    """Return what `work` returns, which may block for good: it shares its thread with nothing.

    Like `asyncio.to_thread`, whose threads may all be waiting for something slow.
    """
    thread = DaemonThreads(1, f"quorate-{getattr(work, '__name__', 'work')}")
    try:
        return await asyncio.get_running_loop().run_in_executor(thread, work, *arguments)
    finally:
        thread.shutdown(wait=False)
