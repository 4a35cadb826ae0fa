"""`quorate flow` as its own process: a new user's first flow, on a terminal, interrupted."""

import asyncio
import json
import re
import signal
from pathlib import Path

import pytest

from command_process import QUORATE, TIMEOUT_S, environment, quorate
from terminal import on_terminal

pytestmark = pytest.mark.subprocess

SLOW = """
steps:
  - {name: quick, executor: transform, config: {value: 1}}
  - {name: slow, executor: wait, depends_on: [quick], config: {seconds: 1h}}
finally:
  - {name: cleanup, executor: transform, config: {value: 2}}
outputs: {quick: "{{ steps.quick.output }}"}
"""
EVIL = """
outputs: {said: "{{ steps.a.output }}"}
steps: [{name: a, executor: transform, config: {value: "evil \\e]0;title\\a text"}}]
"""


def write(folder: Path, **flows: str) -> None:
    (folder / "flows").mkdir(exist_ok=True)
    for name, text in flows.items():
        (folder / f"flows/{name}.yaml").write_text(text)


def test_a_new_user_has_a_flow_in_a_minute(tmp_path: Path) -> None:
    assert quorate(tmp_path, "flow", "new", "views", "--template", "parallel").returncode == 0
    for command in ("check", "test"):
        done = quorate(tmp_path, "flow", command)
        assert done.returncode == 0, done.stderr
    done = quorate(tmp_path, "flow", "run", "views", "--input", "text=The stairs will be painted.")
    assert done.returncode == 0, done.stderr
    assert "## Doubts" in json.loads(done.stdout)["page"]
    assert re.search(r"succeeded · 3 steps · \$[\d.]+ · [\d.]+ s · 1\.\dx faster than one after another", done.stderr)
    assert "all models here are simulated" in done.stderr


def test_a_terminal_gets_the_live_table_of_steps(tmp_path: Path) -> None:
    quorate(tmp_path, "flow", "new", "views", "--template", "parallel")
    shown = on_terminal(tmp_path, "flow", "run", "views", "-i", "text=The stairs will be painted.")
    for part in ("summary", "▸ running", "✓ succeeded", "progress", "critical", "## In short"):
        assert part in shown
    assert "\x1b[2K" in shown  # it was drawn again and again
    assert "Traceback" not in shown


@pytest.mark.parametrize("flags", [(), ("-q",), ("-o", "said")])
def test_an_output_cannot_command_the_terminal(tmp_path: Path, flags: tuple[str, ...]) -> None:
    write(tmp_path, evil=EVIL)
    shown = on_terminal(tmp_path, "flow", "run", "evil", *flags)
    assert "title" in shown
    assert "\x1b]0;" not in shown


@pytest.mark.usefixtures("heeded_ctrl_c")
async def test_ctrl_c_cancels_and_a_kept_run_can_be_looked_at(tmp_path: Path) -> None:
    write(tmp_path, slow=SLOW)
    process = await asyncio.create_subprocess_exec(
        *QUORATE,
        *("flow", "run", "slow", "--durable"),
        cwd=tmp_path,
        env=environment(tmp_path),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    async with asyncio.timeout(TIMEOUT_S):
        told = b""
        while b"quick: succeeded" not in told:
            told += await process.stderr.readline()
        process.send_signal(signal.SIGINT)
        out, rest = await process.communicate()
    assert (process.returncode, out) == (130, b"")
    assert b"cleanup" in told + rest or b"interrupted after" in rest
    assert b"interrupted after" in rest
    [kept] = json.loads(quorate(tmp_path, "flow", "runs", "--json").stdout)["data"]
    assert kept["status"] == "cancelled"
    shown = json.loads(quorate(tmp_path, "flow", "show", "--json", kept["id"]).stdout)
    statuses = {step["path"]: step["status"] for step in shown["steps"]}
    assert statuses["quick"] == "succeeded"
    assert statuses["finally/cleanup"] == "succeeded"


def test_completion_knows_flows_and_inputs(tmp_path: Path) -> None:
    quorate(tmp_path, "flow", "new", "views")
    shell = {"_QUORATE_COMPLETE": "complete_bash"}
    flows = quorate(tmp_path, **shell, COMP_WORDS="quorate flow run vi", COMP_CWORD="3")
    assert flows.stdout.split() == ["views"]
    inputs = quorate(tmp_path, **shell, COMP_WORDS="quorate flow run views --input te", COMP_CWORD="5")
    assert inputs.stdout.split() == ["text="]
    executors = quorate(tmp_path, **shell, COMP_WORDS="quorate flow executors wai", COMP_CWORD="3")
    assert executors.stdout.split() == ["wait"]


@pytest.mark.parametrize("arguments", [("flow", "--help"), ("flow", "run", "--help")])
def test_help_for_flows_imports_nothing_heavy(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    done = quorate(tmp_path, *arguments, PYTHONPROFILEIMPORTTIME="1")
    imported = set(re.findall(r"\| +([\w.]+)$", done.stderr, re.MULTILINE))
    assert done.returncode == 0
    assert "quorate.cli.flow" in imported
    heavy = {"aiohttp", "asyncio", "minijinja", "msgspec", "numpy", "pydantic", "yaml"}
    assert imported & heavy == set()
