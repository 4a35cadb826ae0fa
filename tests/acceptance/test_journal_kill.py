"""Whatever a journal has acknowledged is there after kill -9, and its runs can be taken up."""

import os
import random
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from journal_process import WRITERS, opened
from quorate.core.clock import SystemClock
from quorate.core.ids import RunId
from quorate.flows.plan import Durability

KILLS = 12
PROCESS = Path(__file__).resolve().parent.parent / "support" / "journal_process.py"


def killed_while_writing(url: str, durability: Durability, after_s: float) -> list[str]:
    """The lines that a writer printed before it was killed."""
    process = subprocess.Popen(
        [sys.executable, str(PROCESS), "write", url, durability], stdout=subprocess.PIPE, bufsize=0
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    threading.Timer(after_s, os.kill, (process.pid, signal.SIGKILL)).start()
    printed = process.stdout.read()
    process.stdout.close()
    assert process.wait() == -signal.SIGKILL
    return printed[: printed.rfind(b"\n") + 1].decode().splitlines()


async def missing(url: str, lines: list[str]) -> list[str]:
    """Those of the lines that the journal does not have as they say."""
    journal = opened(url)
    told: dict[str, dict[str, int]] = {}
    for line in lines:
        run, path, seq = line.split()
        told.setdefault(run, {})[path] = int(seq)
    lost: list[str] = []
    for run, paths in told.items():
        view = await journal.load(RunId(run))
        seqs = [event.seq for event in await journal.events(RunId(run), limit=1_000_000)]
        assert seqs == list(range(1, len(seqs) + 1))
        assert len(view.outcomes) == len(seqs)  # an outcome and its event are kept together
        lost += [f"{run} {path}" for path, seq in paths.items() if path not in view.outcomes or seq > len(seqs)]
        assert await journal.claim(RunId(run), "heir", lease_s=1, now=SystemClock().now()) is None
        # No more puts come: only the lease of the dead one is in the way.
        assert view.lease is not None
    await journal.close()
    return lost


@pytest.mark.subprocess
@pytest.mark.parametrize(
    ("kind", "durability"),
    [("sqlite", Durability.DURABLE), ("sqlite", Durability.STRICT), ("postgres", Durability.DURABLE)],
)
async def test_no_acknowledged_outcome_is_lost(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str, durability: Durability
) -> None:
    url = str(tmp_path / "flows.db") if kind == "sqlite" else request.getfixturevalue("postgres_url")
    rng = random.Random()
    acknowledged = 0
    for _ in range(KILLS):
        lines = killed_while_writing(url, durability, rng.uniform(0.05, 0.5))
        assert await missing(url, lines) == []
        acknowledged += len(lines)
    assert acknowledged > KILLS * WRITERS
