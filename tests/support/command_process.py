"""The command `quorate` as its own process, as a new user has it."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

QUORATE = [sys.executable, "-m", "quorate"]
TIMEOUT_S = 90


def environment(folder: Path, **more: str) -> dict[str, str]:
    """A new user's: no key, an empty home."""
    passed = {name: value for name, value in os.environ.items() if name.startswith(("COVERAGE_", "PYTHON"))}
    fixed = {"PATH": os.environ["PATH"], "HOME": str(folder), "LANG": "C.UTF-8", "COLUMNS": "100"}
    return passed | fixed | {"OLLAMA_HOST": "127.0.0.1:1"} | more


def quorate(folder: Path, *arguments: str, stdin: str = "", **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*QUORATE, *arguments],
        cwd=folder,
        env=environment(folder, **more),
        input=stdin,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
        timeout=TIMEOUT_S,
    )


async def run(folder: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """The same beside a server on this event loop."""
    return await asyncio.to_thread(quorate, folder, *arguments, **more)
