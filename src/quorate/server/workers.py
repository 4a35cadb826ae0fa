"""Several processes behind one socket: started, replaced when one dies, ended together."""

import logging
import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from multiprocessing import resource_tracker
from types import FrameType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

_log = logging.getLogger(__name__)
#: A process that dies sooner than this after its start is not replaced at once: something is wrong with all of them.
_HEALTHY_AFTER_S = 5.0
_LOOK_EVERY_S = 0.2


def supervise(run: Callable[..., None], arguments: tuple[Any, ...], count: int, ready: Callable[[], None]) -> None:
    """Run `run(*arguments)` in `count` processes until SIGTERM or SIGINT, which each of them gets; then await them.

    `ready` is called when the signals are heeded. A second signal goes to all of them as well.
    """
    Workers(run, arguments, count).run(ready)


class Workers:
    """A live object: the processes. Arguments are pickled; sockets may be among them."""

    def __init__(self, run: Callable[..., None], arguments: tuple[Any, ...], count: int) -> None:
        self._context = multiprocessing.get_context("spawn")
        self._run = run
        self._arguments = arguments
        self._count = count
        self._started_s: dict[BaseProcess, float] = {}
        self._stopping = False

    def run(self, ready: Callable[[], None]) -> None:
        """Run until told to stop."""
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, self._stop)
        ready()
        while not self._stopping:
            self._replace()
            time.sleep(_LOOK_EVERY_S)
        for process in self._started_s:
            process.terminate()
        for process in self._started_s:
            process.join()

    def _stop(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        if self._stopping:
            for process in self._started_s:
                process.terminate()  # their second signal as well: they end at once
        self._stopping = True

    def _replace(self) -> None:
        """Start what is missing."""
        for process in [process for process in self._started_s if not process.is_alive()]:
            lived_s = time.monotonic() - self._started_s.pop(process)
            _log.error("a worker (pid %s) ended with %s; another one starts", process.pid, process.exitcode)
            if lived_s < _HEALTHY_AFTER_S:
                time.sleep(1.0)
        while len(self._started_s) < self._count and not self._stopping:
            process = self._context.Process(target=self._run, args=self._arguments)
            _start_deaf(process)
            self._started_s[process] = time.monotonic()


def hear() -> None:
    """Begin a worker: Ctrl-C at a terminal is for the supervisor, who passes it on; twice would mean at once."""
    os.setsid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # forgets the one that came before, until the server heeds it
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def _start_deaf(process: "BaseProcess") -> None:
    """Start a process that hears no Ctrl-C until it has begun, two seconds later; ours is heard when it is started."""
    resource_tracker.ensure_running()  # `start` would do so, and let signals through again
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        process.start()
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
