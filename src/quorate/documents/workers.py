"""The processes that read files of strangers: few, reused, with limits, replaced when one of them breaks."""

import asyncio
import atexit
import concurrent.futures
import contextlib
import functools
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import BinaryIO, cast

import msgspec
from msgspec import structs

from quorate.core.errors import Misconfigured, Overloaded, QueueFull
from quorate.documents.frames import FrameTooLong, receive, send
from quorate.documents.job import PARSER_MISSING, Answer, Failed, Job
from quorate.documents.rejected import DocumentRejected, Reason

#: Seconds of wall time for one file when nothing else is said.
USUAL_TIMEOUT_S = 60.0
MAX_ANSWER_BYTES = 100_000_000
#: A process ends after so many jobs: parsers keep caches and leak.
_JOBS_EACH = 100
_MAX_WAITING = 200
_LAST_WORDS_S = 5.0
# No variable of ours gets there: they hold keys. One thread for each library that would start one per processor.
_ENVIRONMENT = {"LANG": "C.UTF-8", "OMP_THREAD_LIMIT": "1", "OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}
_BOOT = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from quorate.documents.worker import main; main()"
_decoder = msgspec.json.Decoder(Answer)


class DocumentWorkers:
    """A live object: at most `count` processes, started when they are needed. One object serves all event loops.

    They end by themselves when their owner dies.
    """

    def __init__(self, *, count: int = 2) -> None:
        self._count = count
        self._idle: list[_Process] = []
        self._busy: set[_Process] = set()
        self._lock = threading.Lock()  # protects the two lists and the number of those who wait
        self._waiting = 0
        self._threads: concurrent.futures.ThreadPoolExecutor | None = None

    async def run(self, job: Job, *, timeout_s: float = USUAL_TIMEOUT_S) -> tuple[Answer, bytes]:
        """Return a worker's answer and the bytes that come with it.

        Raises `DocumentRejected` for what the worker refuses, for a file at which it breaks (`too_large`, `damaged`)
        and beyond `timeout_s` (`timeout`); `QueueFull` if 200 jobs wait, `Overloaded` if this is closed meanwhile;
        `Misconfigured` if a parser is not installed. Cancelling ends the process that works on it.
        """
        ticket = _Ticket()
        future = self._submit(job, timeout_s, ticket)
        try:
            answer, payload = await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            future.cancel()
            ticket.give_up()
            raise
        if isinstance(answer, Failed):
            raise DocumentRejected(answer.reason, answer.message, hint=answer.hint)
        return answer, payload

    def close(self) -> None:
        """End all processes and wait for that; jobs under way fail. The object can be used again afterwards."""
        with self._lock:
            threads, self._threads = self._threads, None
            idle, busy = list(self._idle), list(self._busy)
            self._idle.clear()
        for process in busy:
            process.kill()  # the thread that waits for it sees it end
        for process in idle:
            process.end()
        if threads is not None:
            threads.shutdown(wait=True, cancel_futures=True)

    def _submit(self, job: Job, timeout_s: float, ticket: "_Ticket") -> concurrent.futures.Future[tuple[Answer, bytes]]:
        with self._lock:
            if self._waiting >= _MAX_WAITING:
                raise QueueFull(f"{self._waiting} documents wait to be read; try again later", retry_after_s=5.0)
            if self._threads is None:
                self._threads = concurrent.futures.ThreadPoolExecutor(self._count, thread_name_prefix="documents")
            self._waiting += 1
            future = self._threads.submit(self._work, job, timeout_s, ticket)
        future.add_done_callback(self._done)
        return future

    def _done(self, future: concurrent.futures.Future[tuple[Answer, bytes]]) -> None:
        del future
        with self._lock:
            self._waiting -= 1

    def _work(self, job: Job, timeout_s: float, ticket: "_Ticket") -> tuple[Answer, bytes]:
        process = self._take()
        try:
            if not ticket.board(process):
                raise DocumentRejected(Reason.TIMEOUT, "nobody waits for it any more")
            return process.ask(job, timeout_s)
        finally:
            ticket.leave()
            self._give_back(process)

    def _take(self) -> "_Process":
        with self._lock:
            process = self._idle.pop() if self._idle else None
        if process is not None and not process.alive:
            process.end()
            process = None
        process = process or _Process()
        with self._lock:
            self._busy.add(process)
        return process

    def _give_back(self, process: "_Process") -> None:
        with self._lock:
            self._busy.discard(process)
            keep = process.reusable and self._threads is not None
            if keep:
                self._idle.append(process)
        if not keep:
            process.end()


class _Ticket:
    """A live object: what connects somebody who waits with the process that works for them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: _Process | None = None
        self._given_up = False

    def board(self, process: "_Process") -> bool:
        with self._lock:
            self._process = None if self._given_up else process
            return not self._given_up

    def leave(self) -> None:
        with self._lock:
            self._process = None

    def give_up(self) -> None:
        with self._lock:
            self._given_up = True
            if self._process is not None:
                self._process.kill()


class _Process:
    """A live object: one worker process."""

    def __init__(self) -> None:
        self._popen = subprocess.Popen(  # noqa: S603 - our own interpreter, no shell
            [sys.executable, "-I", "-B", "-c", _BOOT, json.dumps(_absolute(sys.path))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_ENVIRONMENT,
            cwd="/" if os.name == "posix" else None,
            start_new_session=True,
        )
        self._jobs = 0
        self._timed_out = False
        self._unwanted = False

    @property
    def alive(self) -> bool:
        return self._popen.poll() is None

    @property
    def reusable(self) -> bool:
        return self.alive and not self._timed_out and self._jobs < _JOBS_EACH

    def ask(self, job: Job, timeout_s: float) -> tuple[Answer, bytes]:
        self._jobs += 1
        timer = threading.Timer(timeout_s, self._time_over)
        timer.daemon = True
        timer.start()
        try:
            # its folder is another one than ours
            frame = self._exchange(msgspec.json.encode(structs.replace(job, path=str(Path(job.path).absolute()))))
        finally:
            timer.cancel()
        if frame is None:
            raise self._broken(timeout_s)
        return _decoder.decode(frame[0]), frame[1]

    def kill(self) -> None:
        """End it at once, with all that it started."""
        self._unwanted = True
        if self._popen.returncode is None:  # else its number may be somebody else's by now
            self._kill_group()

    def _kill_group(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.name == "posix":
                os.killpg(self._popen.pid, signal.SIGKILL)
            else:
                self._popen.kill()

    def end(self) -> None:
        """End it, and wait for that, so that no zombie is left."""
        self.kill()
        self._popen.wait()
        for pipe in (self._popen.stdin, self._popen.stdout):
            with contextlib.suppress(OSError):
                cast("BinaryIO", pipe).close()

    def _exchange(self, job: bytes) -> tuple[bytes, bytes] | None:
        try:
            send(cast("BinaryIO", self._popen.stdin), job)
            return receive(cast("BinaryIO", self._popen.stdout), max_bytes=MAX_ANSWER_BYTES)
        except FrameTooLong as error:
            self.kill()
            raise DocumentRejected(
                Reason.TOO_LARGE, f"what was read is {error}; at most {MAX_ANSWER_BYTES} are taken"
            ) from None
        except OSError:
            return None

    def _ended_by(self) -> int:
        """Return what it ended with; the pipe's end comes a moment before that."""
        try:
            code = self._popen.wait(timeout=_LAST_WORDS_S)
        except subprocess.TimeoutExpired:
            self.kill()
            return self._popen.wait()
        self._kill_group()  # a program that it started may still run
        return code

    def _time_over(self) -> None:
        self._timed_out = True
        self.kill()

    def _broken(self, timeout_s: float) -> Exception:
        unwanted = self._unwanted
        code = self._ended_by()
        if self._timed_out:
            return DocumentRejected(
                Reason.TIMEOUT, f"reading it takes more than {timeout_s:g} s", hint="ask for fewer pages"
            )
        if code == PARSER_MISSING:
            return Misconfigured(
                "the parsers of documents are not installed; install them with: pip install 'quorate[documents]'"
            )
        if os.name == "posix" and code == -signal.SIGXCPU:
            return DocumentRejected(Reason.TIMEOUT, "reading it takes too much work", hint="ask for fewer pages")
        if unwanted:
            return Overloaded("documents are no longer read: this process is about to end")
        if os.name == "posix" and code == -signal.SIGKILL:
            return DocumentRejected(Reason.TOO_LARGE, "reading it needs more memory than there is")
        return DocumentRejected(Reason.DAMAGED, f"the parser breaks on it (ended with {code})")


def _absolute(folders: list[str]) -> list[str]:
    return [str(Path(folder).absolute()) for folder in folders]


@functools.cache
def shared_workers() -> DocumentWorkers:
    """Return the workers that all of this process share; they end with it."""
    workers = DocumentWorkers()
    atexit.register(workers.close)
    return workers
