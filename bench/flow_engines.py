"""Other engines that run the same flow, in an environment of their own (`bench/engines/setup.sh`), for comparison."""

import json
import os
import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

_HERE = Path(__file__).resolve().parent
_ENVIRONMENT = "QUORATE_BENCH_ENGINES"
_PROGRAMS = {"DBOS": "dbos_flow.py", "Prefect": "prefect_flow.py"}
#: Prefect: a first start makes its database, and takes longer than it waits for itself on a busy machine.
_SETTINGS = {"PREFECT_LOGGING_LEVEL": "ERROR", "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120"}


class Engine:
    """A process that runs flows when it is told to; live."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def is_ready(self) -> bool:
        """Wait for it; whether it came up."""
        assert self._process.stdout is not None
        return any(line.startswith('{"ready"') for line in self._process.stdout)

    def alone_ms(self, count: int) -> list[float]:
        """Return how long each of so many flows took, one after the other."""
        return [1000 * took_s for took_s in self._asked(f"latency {count}")]

    def per_second(self, count: int, at_once: int) -> float:
        """Return how many of so many flows it did in a second."""
        return count / self._asked(f"throughput {count} {at_once}")[0]

    def _asked(self, command: str) -> list[float]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{command}\n")
        self._process.stdin.flush()
        for line in self._process.stdout:
            if line.startswith('{"seconds"'):
                return json.loads(line)["seconds"]
        raise RuntimeError(f"the engine ended at {command!r}")


@contextmanager
def engines(folder: Path) -> Generator[Mapping[str, Engine]]:
    """Give those that are there; none without their environment."""
    environment = Path(os.environ.get(_ENVIRONMENT, _HERE.parent / ".cache" / "engines"))
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
