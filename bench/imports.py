"""What starting costs: imports and `--help`, next to starting Python with nothing, interleaved."""

import os
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from bench.report import Row, p50

ROUNDS = 15
QUORATE = str(Path(sys.executable).with_name("quorate"))
COMMANDS: dict[str, Sequence[str]] = {
    "python": (sys.executable, "-c", "pass"),
    "import quorate": (sys.executable, "-c", "import quorate"),
    "from quorate import Quorate": (sys.executable, "-c", "from quorate import Quorate"),
    "quorate --help": (QUORATE, "--help"),
}
TARGETS = {"import quorate": 120.0, "quorate --help": 250.0}


def run() -> Iterable[Row]:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(ROUNDS):
        for name, command in COMMANDS.items():
            began_s = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True, env=environment)
            times[name].append((time.perf_counter() - began_s) * 1000)
    nothing = p50(times["python"])
    yield Row(name="python -c pass", value=nothing, unit="ms", note="reference")
    for name in ("import quorate", "from quorate import Quorate"):
        yield Row(name=name, value=p50(times[name]) - nothing, unit="ms", target=TARGETS.get(name), note="beyond that")
    yield Row(name="quorate --help", value=p50(times["quorate --help"]), unit="ms", target=250.0, note="whole process")
