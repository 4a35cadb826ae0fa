"""What the processes of a test of workers run: in a module of its own, because new processes import it by its name."""

import os
import signal
from pathlib import Path

from quorate.server.workers import Workers


def note(folder: Path) -> None:
    """Says that it lives, and on its end that it was told to end."""

    def end(number: int, frame: object) -> None:
        (folder / f"ended-{os.getpid()}").touch()
        raise SystemExit(0)

    signal.signal(signal.SIGTERM, end)
    (folder / f"began-{os.getpid()}").touch()
    signal.pause()


def supervised(folder: Path, told: Path) -> None:
    """What the process under test runs: two workers."""
    Workers(note, (folder,), 2).run(told.touch)
