"""Workers of flows that tests kill, freeze and follow: their processes, and what they said in their common log."""

import os
import random
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import patience

PROGRAM = Path(__file__).resolve().parent / "flow_worker.py"
#: Of the workers; short, so that what a killed one had is soon taken over.
LEASE_S = 1.0
#: Steps whose name ends like this take long enough to be caught while they are under way.
SLOW = "_slow"
_SLOW_S = 1.5


def takes_s(path: str, rng: random.Random) -> float:
    """Return how long a step takes."""
    return _SLOW_S if path.endswith(SLOW) else rng.choice([0.0, 0.01, 0.05, 0.1])


@dataclass(frozen=True)
class Line:
    """A step that began (`start`) or that the journal has acknowledged (`done`)."""

    what: str
    run: str
    path: str
    owner: str


def lines(log: Path) -> list[Line]:
    """Return what workers said until now."""
    if not log.exists():
        return []
    text = log.read_text()
    return [Line(*line.split(" ")) for line in text[: text.rfind("\n") + 1].splitlines()]


def begun_again(said: list[Line]) -> list[Line]:
    """Return the steps that were begun although the journal had acknowledged their end."""
    done = set[tuple[str, str]]()
    again: list[Line] = []
    for line in said:
        if line.what == "done":
            done.add((line.run, line.path))
        elif (line.run, line.path) in done:
            again.append(line)
    return again


class Worker:
    """A worker in a process of its own, at work; live."""

    def __init__(self, pid: int, told: Path) -> None:
        self._pid = pid
        self._told = told

    def freeze(self) -> None:
        """Let it stand still, as a machine that swaps."""
        os.kill(self._pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        os.kill(self._pid, signal.SIGCONT)

    def kill(self) -> None:
        """Kill -9; it is gone when this returns."""
        os.kill(self._pid, signal.SIGKILL)
        patience.seen(lambda: not self.is_alive, every_s=0.001)

    @property
    def is_alive(self) -> bool:
        """Whether it is there."""
        try:
            os.kill(self._pid, 0)
        except ProcessLookupError:
            return False
        return True

    @property
    def told(self) -> str:
        """What it wrote to standard error."""
        return self._told.read_text()


class Workers:
    """Makes workers of one journal; live."""

    def __init__(self, process: "subprocess.Popen[bytes]", log: Path) -> None:
        self._process = process
        self._log = log
        self._made: list[Worker] = []

    def start(self, owner: str) -> Worker:
        """Return a worker, at work."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{owner}\n".encode())
        worker = Worker(int(self._process.stdout.readline()), self._log.with_name(f"{owner}.txt"))
        self._made.append(worker)
        return worker

    def kill_all(self) -> None:
        """Kill those that are left."""
        for worker in self._made:
            if worker.is_alive:
                worker.kill()


@contextmanager
def workers_of(url: str, log: Path) -> Generator[Workers]:
    """Give what makes workers; those that are left are killed in the end."""
    with subprocess.Popen(
        [sys.executable, str(PROGRAM), url, str(log)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        workers = Workers(process, log)
        try:
            yield workers
        finally:
            workers.kill_all()
            process.kill()
