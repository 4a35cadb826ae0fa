"""Processes that are started, replaced and ended; what they run here is small."""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from worker_process import supervised

pytestmark = pytest.mark.subprocess


def begun(folder: Path) -> set[int]:
    return {int(file.name.partition("-")[2]) for file in folder.glob("began-*")}


def until(condition: Callable[[], bool]) -> None:
    ends_s = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < ends_s
        time.sleep(0.01)


def test_two_run_one_is_replaced_all_end(tmp_path: Path) -> None:
    folder, told = tmp_path / "workers", tmp_path / "told"
    folder.mkdir()
    context = multiprocessing.get_context("spawn")
    supervisor = context.Process(target=supervised, args=(folder, told))
    supervisor.start()
    until(lambda: len(begun(folder)) == 2)
    assert told.exists()
    first = min(begun(folder))
    os.kill(first, signal.SIGKILL)
    until(lambda: len(begun(folder)) == 3)
    assert supervisor.pid is not None
    os.kill(supervisor.pid, signal.SIGTERM)
    supervisor.join(20)
    assert supervisor.exitcode == 0
    ended = {int(file.name.partition("-")[2]) for file in folder.glob("ended-*")}
    assert ended == begun(folder) - {first}
