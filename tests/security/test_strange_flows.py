"""Whoever checks, draws, documents or tests a stranger's flow runs nothing of it and lends it no file."""

import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from quorate.cli.main import app

READER = """
inputs: {{file: {{type: file, required: true}}}}
outputs: {{text: "{{{{ steps.read.text }}}}"}}
steps: [{{name: read, executor: document_extractor, config: {{source: "{{{{ inputs.file }}}}"}}}}]
tests: [{{name: t, inputs: {{file: {file}}}, expect: {{outputs.text: ""}}}}]
"""
EVIL = """
description: "\\e]0;title\\a</svg><script>alert(1)</script> | `x` \\n# no heading"
inputs: {text: {type: string, required: true, description: "<img src=x onerror=alert(1)> | x"}}
steps: [{name: a, executor: http, description: "<b>", config: {url: "http://127.0.0.1:1/"}}]
tests: [{name: "<t> \\e[2J", inputs: {text: "$(touch gone)"}, expect: {status: succeeded}}]
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in [name for name in os.environ if name.startswith(("QUORATE_", "XDG_")) or name.endswith("_API_KEY")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("OLLAMA_HOST", "127.0.0.1:1")
    (tmp_path / "flows").mkdir()
    (tmp_path / "secret.txt").write_text("hush-hush")
    return tmp_path


def run(*arguments: str) -> str:
    return CliRunner().invoke(app, ["flow", *arguments]).output


def test_a_test_gets_no_file_from_elsewhere(place: Path) -> None:
    (place / "flows/link.txt").symlink_to(place / "secret.txt")
    for file in ("../secret.txt", str(place / "secret.txt"), "link.txt"):
        (place / "flows/reader.yaml").write_text(READER.format(file=file))
        said = run("test", "reader", "--live")
        assert "does not stand beside the flow" in said
        assert "hush-hush" not in said


def test_looking_at_a_flow_runs_nothing_and_commands_nothing(place: Path) -> None:
    (place / "flows/evil.yaml").write_text(EVIL)
    said = {command: run(command, "evil") for command in ("check", "plan", "graph", "docs", "test")}
    said["mermaid"] = run("graph", "evil", "--format", "mermaid")
    said["junit"] = run("test", "evil", "--junit", "report.xml") and (place / "report.xml").read_text()
    assert "not_in_a_test" in said["test"]
    for command, text in said.items():
        assert "\x1b" not in text, command
        assert "<script>" not in text, command
        assert "<img" not in text, command
    assert "\n# no heading" not in said["docs"]
    assert not (place / "gone").exists()


def test_the_command_on_a_page_is_quoted(place: Path) -> None:
    (place / "flows/evil.yaml").write_text(EVIL)
    assert "--input text='$(touch gone)'" in run("docs", "evil")
