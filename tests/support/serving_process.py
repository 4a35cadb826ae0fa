"""`quorate serve` as a process of its own, for as long as a context lasts."""

import json
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2

from command_process import QUORATE, TIMEOUT_S, environment


@contextmanager
def serving(folder: Path, **more: str) -> Generator[tuple["subprocess.Popen[str]", dict[str, Any]]]:
    """A gateway with the `quorate.yaml` of a folder, and what it said when it listened; `more` is its environment."""
    with (folder / "stderr.log").open("a") as log:
        process = subprocess.Popen(
            [*QUORATE, "serve", "--no-auth", "--json", "--port", "0"],
            cwd=folder,
            env=environment(folder, **more),
            stdout=subprocess.PIPE,
            stderr=log,
            encoding="utf-8",
        )
    try:
        assert process.stdout is not None
        yield process, json.loads(process.stdout.readline())
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def client_of(told: dict[str, Any]) -> httpx2.Client:
    """A client of such a gateway."""
    return httpx2.Client(base_url=told["url"], timeout=TIMEOUT_S, trust_env=False)
