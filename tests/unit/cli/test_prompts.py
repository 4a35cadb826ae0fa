"""`quorate prompts`: list, show, run."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

Run = Callable[..., Result]
SUMMARY = """description: Sums up
inputs: {text: string, words: {type: integer, default: 20}}
template: "Sum up in {{ words + 1 }} words: {{ text }}"
models: [a]
"""


@pytest.fixture
def saved(quick: Path) -> Path:
    folder = quick.parent / "prompts"
    folder.mkdir()
    (folder / "summary.yaml").write_text(SUMMARY)
    quick.write_text(quick.read_text() + "prompts: {folder: prompts}\n")
    return folder


def test_prompts_are_listed_and_shown(saved: Path, run: Run) -> None:
    assert saved.is_dir()
    assert "text, words" in run("prompts", "list").output
    [found] = json.loads(run("prompts", "list", "--json").output)["data"]
    assert found["inputs"]["text"] == {"type": "string", "required": True}
    assert run("prompts", "show", "summary").output == SUMMARY
    shown = json.loads(run("prompts", "show", "summary", "--json").output)
    assert (shown["models"], shown["cache"]) == (["a"], None)


def test_what_a_prompt_keeps_is_shown(saved: Path, run: Run) -> None:
    (saved / "summary.yaml").write_text(SUMMARY + "cache: {ttl: 1h, key: '{{ text }}'}\n")
    assert "cache: {ttl: 1h" in run("prompts", "show", "summary").output
    shown = json.loads(run("prompts", "show", "summary", "--json").output)
    assert shown["cache"] == {"ttl_s": 3600, "key": "{{ text }}"}


def test_a_prompt_is_filled_and_asked(saved: Path, run: Run) -> None:
    done = run("prompts", "run", "summary", "-i", "text=Rain.", "-i", "words=4")
    assert (done.exit_code, "Sum up in 5 words" in done.stdout) == (0, True)
    assert "1 of 1 answered" in done.stderr
    (saved.parent / "rain.txt").write_text("Rain all day.")
    quietly = run("prompts", "run", "summary", "-i", "text=@rain.txt", "-q")
    assert ("Rain all day." in quietly.stdout, quietly.stderr) == (True, "")
    assert json.loads(run("prompts", "run", "summary", "-i", "text=x", "--json").stdout)["branches"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("show", "sumary"), "did you mean 'summary'?"),
        (("run", "summary"), "needs a value for 'text'"),
        (("run", "summary", "-i", "text"), "expected NAME=VALUE"),
        (("run", "summary", "-i", "txt=x"), "no input 'txt'"),
    ],
)
def test_what_does_not_fit_is_told(saved: Path, run: Run, arguments: tuple[str, ...], told: str) -> None:
    assert saved.is_dir()
    done = run("prompts", *arguments)
    assert (done.exit_code, told in done.output) == (2, True), done.output


def test_there_is_no_folder_of_prompts(quick: Path, run: Run) -> None:
    assert quick.is_file()
    assert "prompts.folder" in run("prompts", "list").output


def test_a_broken_prompt_is_told_with_its_place(saved: Path, run: Run) -> None:
    (saved / "bad.yaml").write_text("template: 3\nmodle: a\n")
    done = run("prompts", "list")
    assert (done.exit_code, "bad.yaml:2:1: modle" in done.output) == (4, True)
