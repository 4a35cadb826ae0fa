"""Processes of a measurement: each on its core, with the CPU time and memory of its whole tree (Linux)."""

import os
import signal
import subprocess
import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_CORES = sorted(os.sched_getaffinity(0))
#: The load generator and the upstream share one core, whatever stands between them has the other for itself.
LOAD_CORE, GATEWAY_CORE = _CORES[0], _CORES[-1]
_STOP_S = 40.0


@contextmanager
def running(
    command: Sequence[str], *, core: int, log: Path, env: Mapping[str, str] | None = None
) -> Generator[subprocess.Popen[bytes]]:
    """Run a command on a core; stdout is a pipe, stderr goes to the file. It is ended politely, then at once."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})  # a child inherits it, and so does every thread that it begins
    try:
        with log.open("ab") as errors:
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, env=_environment(env)
            )
    finally:
        os.sched_setaffinity(0, before)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGCONT)  # one that stands still could not end
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


def _environment(env: Mapping[str, str] | None) -> dict[str, str]:
    """Compiled bytecode is what a user has; without it start-up takes twice as long."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"} | dict(env or {})


def tree(pid: int) -> list[int]:
    """Return a process and all below it."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            found += tree(int(child))
    return found


@contextmanager
def standing_still(pids: Sequence[int]) -> Generator[None]:
    """Stop processes, with all below them, for as long as it lasts: even idle ones take turns on their core."""
    stopped = [each for pid in pids for each in tree(pid)]
    for each in stopped:
        os.kill(each, signal.SIGSTOP)
    try:
        yield
    finally:
        for each in stopped:
            os.kill(each, signal.SIGCONT)


@contextmanager
def awake(*cores: int) -> Generator[None]:
    """Keep cores from falling asleep: on each, a loop that gives way to everything else at once.

    A virtual core that was idle runs the first millisecond after it wakes several times slower. A gateway with any load
    to speak of never sleeps; the few requests a second of these measurements would show the host's power saving.
    """
    loops: list[subprocess.Popen[bytes]] = []
    try:
        for core in cores:
            loop = subprocess.Popen([sys.executable, "-c", "while True: pass"])
            loops.append(loop)
            os.sched_setaffinity(loop.pid, {core})
            os.sched_setscheduler(loop.pid, os.SCHED_IDLE, os.sched_param(0))
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def cpu_s(pid: int) -> float:
    """Return user and system seconds of a process and all below it, those that have ended included."""
    total = 0
    for each in tree(pid):
        fields = Path(f"/proc/{each}/stat").read_text().rpartition(") ")[2].split()
        total += sum(int(field) for field in fields[11:15])
    return total / _TICKS_PER_S


def rss_mb(pid: int) -> float:
    """Return resident megabytes of the tree."""
    return _memory(pid, "status", "VmRSS:")


def pss_mb(pid: int) -> float:
    """Return resident megabytes of the tree, shared pages divided by those who share them."""
    return _memory(pid, "smaps_rollup", "Pss:")


def _memory(pid: int, file: str, field: str) -> float:
    total = 0
    for each in tree(pid):
        lines = Path(f"/proc/{each}/{file}").read_text().splitlines()
        total += next((int(line.split()[1]) for line in lines if line.startswith(field)), 0)
    return total / 1024
