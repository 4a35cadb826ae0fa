"""Other engines that run the same flow, in an environment of their own (`bench/engines/setup.sh`), for comparison."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

_HERE = Path(__file__).resolve().parent
_ENVIRONMENT = "QUORATE_BENCH_ENGINES"
_PROGRAMS = {"DBOS": "dbos_flow.py", "Prefect": "prefect_flow.py"}
#: Prefect: a first start makes its database, and takes longer than it waits for itself on a busy machine.
#: One that has not answered by then is ended: Prefect's server has come to a stand on a busy machine.
_PATIENCE_S = 180.0
_SETTINGS = {"PREFECT_LOGGING_LEVEL": "ERROR", "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120"}


class Engine:
    """A process that runs flows when it is told to; live. One that takes too long is ended, and says nothing more."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def is_ready(self) -> bool:
        """Wait for it; whether it came up."""
        return bool(self._line('{"ready"'))

    def alone_ms(self, count: int) -> list[float]:
        """Return how long each of so many flows took, one after the other."""
        return [1000 * took_s for took_s in self._asked(f"latency {count}")]

    def per_second(self, count: int, at_once: int) -> float:
        """Return how many of so many flows it did in a second."""
        return count / self._asked(f"throughput {count} {at_once}")[0]

    def _asked(self, command: str) -> list[float]:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(f"{command}\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise EngineEnded(command) from None
        if not (line := self._line('{"seconds"')):
            raise EngineEnded(command)
        return json.loads(line)["seconds"]

    def _line(self, beginning: str) -> str:
        """Return the next line that begins so; nothing if the process has ended, or is ended for taking too long."""
        assert self._process.stdout is not None
        timer = threading.Timer(_PATIENCE_S, self._process.kill)
        timer.start()
        try:
            return next((line for line in self._process.stdout if line.startswith(beginning)), "")
        finally:
            timer.cancel()


class EngineEnded(Exception):
    """An engine did not do what it was told to."""

    def __init__(self, command: str) -> None:
        super().__init__(f"it ended, or took more than {_PATIENCE_S:g} s, at {command!r}")


@contextmanager
def engines(folder: Path) -> Generator[Mapping[str, Engine]]:
    """Give those that are there; none without their environment."""
    environment = Path(os.environ.get(_ENVIRONMENT, _HERE.parent / ".bench" / "engines"))
    python = environment / "bin" / "python"
    found: dict[str, Engine] = {}
    with ExitStack() as stack:
        for name, program in _PROGRAMS.items() if python.exists() else ():
            own = folder / name
            own.mkdir()
            process = stack.enter_context(_process(python, program, own))
            engine = Engine(process)
            if engine.is_ready():
                found[name] = engine
            else:
                print(f"{name} did not come up: left out", file=sys.stderr)
        yield found


@contextmanager
def _process(python: Path, program: str, folder: Path) -> Generator["subprocess.Popen[str]"]:
    process = subprocess.Popen(
        [str(python), str(_HERE / "engines" / program), str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "PREFECT_HOME": str(folder), **_SETTINGS},
    )
    try:
        yield process
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
