"""A user's machine without keys, and a configuration of quick simulated models."""

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from quorate.cli.main import app

QUICK = """version: 1
models:
  a: {type: simulated, profile: sim-delta, accuracy: 1, time_scale: 0}
  b: {type: simulated, profile: sim-ember, accuracy: 1, time_scale: 0}
  c: {type: simulated, profile: sim-cedar, accuracy: 1, time_scale: 0}
  wrong: {type: simulated, accuracy: 0, time_scale: 0}
  broken: {type: simulated, time_scale: 0, failures: [{kind: authentication, every_nth: 1}]}
  panel: {type: ensemble, members: [a, b, c], mode: quorum, description: the three}
defaults: {models: [a, b, c], max_concurrent: 3}
"""

Run = Callable[..., Result]


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in list(os.environ):
        if name.endswith("_API_KEY") or name.startswith(("QUORATE_", "XDG_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("OLLAMA_HOST", "127.0.0.1:1")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def quick(machine: Path) -> Path:
    file = machine / "quorate.yaml"
    file.write_text(QUICK)
    return file


@pytest.fixture
def run() -> Run:
    """Runs the command in this process."""

    def invoke(*arguments: str, stdin: str | None = None) -> Result:
        return CliRunner().invoke(app, list(arguments), input=stdin)

    return invoke


@pytest.fixture
def loopback_port() -> Iterator[int]:
    """A port on this machine that accepts connections."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]
