"""The command on a terminal."""

import contextlib
import os
import pty
import select
import subprocess
import time
from pathlib import Path

import pytest

from command_process import QUORATE, TIMEOUT_S, environment


def on_terminal(folder: Path, *arguments: str, **more: str) -> str:
    """What a terminal of 100 columns shows."""
    try:
        leader, follower = pty.openpty()
    except OSError as error:
        pytest.skip(f"this machine gives no terminal: {error}")
    process = subprocess.Popen(
        [*QUORATE, *arguments],
        cwd=folder,
        env=environment(folder, TERM="xterm-256color", **more),
        stdin=follower,
        stdout=follower,
        stderr=follower,
    )
    os.close(follower)
    shown = b""
    ends_s = time.monotonic() + TIMEOUT_S
    with contextlib.suppress(OSError):  # the terminal is gone when the process is
        while time.monotonic() < ends_s and select.select([leader], [], [], TIMEOUT_S)[0]:
            shown += os.read(leader, 65536)
    os.close(leader)
    assert process.wait(timeout=5) == 0
    return shown.decode()
