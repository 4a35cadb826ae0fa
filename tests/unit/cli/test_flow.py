"""`quorate flow`: what each command prints, and how it ends."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import pages
from quorate.cli.exit_code import ExitCode
from quorate.cli.main import app

EXAMPLES = pages.ROOT / "examples/flows"
SHOUT = """name: shout
description: Says a text loudly.
inputs:
  text: {type: string, required: true}
  times: {type: integer, default: 1}
  note: {type: file}
outputs: {answer: "{{ steps.loud.output }}"}
steps:
  - {name: loud, executor: transform, config: {value: "{{ (inputs.text | upper) * inputs.times }}"}}
tests:
  - {name: it shouts, inputs: {text: hey, times: 2}, expect: {outputs.answer: HEYHEY}}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "quorate.yaml").write_text("version: 1\nmodels: {alpha: {type: simulated}}\n")
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows/shout.yaml").write_text(SHOUT)
    return tmp_path


def flow(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["flow", *arguments])


def test_flows_are_listed(folder: Path) -> None:
    assert flow("list").stdout == "shout  1.0.0  Says a text loudly.\n"
    (found,) = json.loads(flow("list", "--json").stdout)
    assert found == {"name": "shout", "versions": ["1.0.0"], "description": "Says a text loudly."}


def test_what_is_wrong_is_told_with_its_place(folder: Path) -> None:
    assert flow("check").stdout == "1 flow, nothing wrong\n"
    (folder / "flows/bad.yaml").write_text("name: bad\nsteps: [{name: a, executor: wiat}]\n")
    done = flow("check")
    assert done.exit_code == ExitCode.MISCONFIGURED
    assert "bad.yaml:2:29: steps[0].executor: no executor 'wiat'; did you mean 'wait'?" in done.stderr
    assert json.loads(flow("check", "--json").stdout)["problems"][0]["path"] == ["steps", 0, "executor"]


def test_a_flow_runs_by_its_name_and_by_its_file(folder: Path) -> None:
    for name in ("shout", "shout@^1", "flows/shout.yaml"):
        done = flow("run", name, "-i", "text=hey", "-i", "times=2")
        assert (done.exit_code, done.stdout) == (0, "answer: HEYHEY\n"), done.stderr
        assert done.stderr.startswith("succeeded: ")


def test_inputs_come_as_json_too(folder: Path) -> None:
    (folder / "in.json").write_text('{"text": "a", "times": 3}')
    done = flow("run", "shout", "--inputs", "@in.json", "--json")
    assert json.loads(done.stdout)["outputs"] == {"answer": "AAA"}


def test_a_file_is_an_input_by_its_path(folder: Path) -> None:
    (folder / "note.txt").write_text("a note")
    assert flow("run", "shout", "-i", "text=x", "-i", "note=note.txt").exit_code == 0
    assert not list((folder / "home").glob("**/*note*")), "its files are gone with the run"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("shuot",), "no flow 'shuot'; did you mean 'shout'?"),
        (("shout", "-i", "txet=x"), "$.txet: no such input; did you mean 'text'?"),
        (("shout", "-i", "text"), "expected NAME=VALUE"),
        (("shout", "--inputs", "{"), "--inputs is not JSON"),
        (("shout", "--inputs", "[]"), "has to be a JSON object"),
        (("flows/none.yaml",), "there is no flow in 'flows/none.yaml'"),
    ],
)
def test_what_cannot_be_run_is_told(folder: Path, arguments: tuple[str, ...], told: str) -> None:
    done = flow("run", *arguments)
    assert done.exit_code == ExitCode.USAGE
    assert told in done.stderr


def test_a_run_that_fails_ends_so(folder: Path) -> None:
    (folder / "flows/fails.yaml").write_text(
        "name: fails\nsteps: [{name: a, executor: validate, config: {data: 1, schema: {type: string}}}]\n"
    )
    done = flow("run", "fails")
    assert done.exit_code == ExitCode.FAILED
    assert done.stderr.splitlines()[-1].startswith("failed: ")


def test_a_durable_run_is_kept(folder: Path) -> None:
    assert flow("run", "shout", "-i", "text=x", "--durable").exit_code == 0
    assert list((folder / "home").glob("**/flows.db"))


def test_tests_of_flows_run(folder: Path) -> None:
    assert flow("test").stdout == "✓ shout: it shouts\n1 test, 0 failed\n"
    (folder / "flows/shout.yaml").write_text(SHOUT.replace("HEYHEY", "HEY"))
    done = flow("test", "shout")
    assert done.exit_code == ExitCode.FAILED
    assert "outputs.answer: expected HEY, found HEYHEY" in done.stdout
    (report,) = json.loads(flow("test", "--json").stdout)
    assert (report["passed"], report["checks"][0]["found"]) == (False, "HEYHEY")


def test_the_examples_pass_their_own_tests(folder: Path) -> None:
    done = flow("test", "--folder", str(EXAMPLES))
    assert done.exit_code == 0, done.output
    assert done.stdout.endswith(" tests, 0 failed\n")


def test_a_flow_is_looked_at_and_drawn(folder: Path) -> None:
    assert "loud" in flow("plan", "shout").stdout
    assert json.loads(flow("plan", "shout", "--json").stdout)["stages"]
    assert flow("graph", "shout").stdout.startswith("flowchart")
    assert flow("graph", "shout", "--format", "svg", "-o", "shout.svg").exit_code == 0
    assert (folder / "shout.svg").read_text().startswith("<svg")


def test_the_schema_is_for_editors() -> None:
    assert json.loads(flow("schema").stdout)["$schema"].endswith("2020-12/schema")
