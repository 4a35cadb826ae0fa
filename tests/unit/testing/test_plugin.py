"""The pytest plugin: its fixtures work in a run of their own, and it brings nothing heavy into other runs."""

import subprocess
import sys
import tomllib
from importlib.metadata import entry_points
from pathlib import Path

import pytest

import quorate.testing

USE = """
from quorate.model import complete, new_call
from quorate.wire.chat import user_request


def test_fixtures(scripted_model, recording_sink, virtual_time):
    model = scripted_model("m", "Paris")
    call = new_call(sink=recording_sink)
    assert virtual_time(complete(model, user_request("?"), call)).text == "Paris"
    assert recording_sink.events == []
"""

WEIGHT = """
import sys
import quorate.testing.plugin
heavy = {"aiohttp", "msgspec", "genai_prices", "numpy", "pydantic", "quorate.model"} & set(sys.modules)
assert not heavy, heavy
"""


def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], cwd=cwd, capture_output=True, text=True, check=False, timeout=25
    )


@pytest.mark.subprocess
def test_fixtures_in_a_run_of_their_own(tmp_path: Path) -> None:
    tmp_path.joinpath("test_use.py").write_text(USE)
    # Named by hand only where the package runs from its sources, without an installation that registers it.
    registered = entry_points(group="pytest11", name="quorate")
    named = () if registered else ("-p", "quorate.testing.plugin")
    result = run("-m", "pytest", "-q", "-p", "no:cacheprovider", *named, cwd=tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr


def test_an_installation_registers_the_plugin() -> None:
    project = tomllib.loads((Path(__file__).resolve().parents[3] / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["pytest11"] == {"quorate": "quorate.testing.plugin"}


@pytest.mark.subprocess
def test_the_plugin_is_light(tmp_path: Path) -> None:
    result = run("-c", WEIGHT, cwd=tmp_path)
    assert result.returncode == 0, result.stderr


def test_every_public_name_can_be_loaded() -> None:
    assert all(getattr(quorate.testing, name) is not None for name in quorate.testing.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = quorate.testing.Nothing
