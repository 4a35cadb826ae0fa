"""`quorate flow run`, `resume`, `runs`, `show`: inputs, outputs, what is told, how it ends."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import Result

from quorate.cli.flow_board import FlowBoard
from quorate.cli.flow_view import frame, show_flow_result
from quorate.flows.event import FlowStarted, StepFailed, StepFinished, StepSkipped, StepStarted
from quorate.flows.outcome import FlowResult, Latency, RunStatus, StepError, StepOutcome, StepStatus

Run = Callable[..., Result]
ECHO = """
inputs:
  text: {type: string, required: true}
  n: {type: integer, default: 1}
  tags: {type: array, items: string, default: []}
  file: {type: file}
outputs:
  said: "{{ inputs.text }}"
  n: "{{ inputs.n + 1 }}"
  tags: "{{ inputs.tags }}"
  kind: "{{ steps.kind.file_type }}"
steps:
  - {name: echo, executor: transform, config: {value: "{{ inputs.text }}"}}
  - name: kind
    condition: "{{ inputs.file is not none }}"
    executor: file_type
    config: {source: "{{ inputs.file }}"}
"""
PILE = """
inputs: {papers: {type: files, required: true}}
steps:
  - {name: each, executor: transform, foreach: "{{ inputs.papers }}", config: {value: "{{ item.name }}"}}
outputs: {names: "{{ steps.each.output }}"}
"""
#: Fails until a file is there that only its second run finds.
FRAGILE = """
steps:
  - {name: first, executor: transform, config: {value: 1}}
  - {name: second, executor: llm, depends_on: [first], config: {model: flaky, prompt: hi}}
outputs: {first: "{{ steps.first.output }}"}
"""
FLAKY = "version: 1\nmodels: {flaky: {type: simulated, time_scale: 0FAILS}}\n"


@pytest.fixture
def echo(machine: Path) -> Path:
    (machine / "flows").mkdir()
    (machine / "flows/echo.yaml").write_text(ECHO)
    return machine


def outputs(done: Result) -> dict[str, object]:
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_inputs_are_read_as_what_they_are(echo: Path, run: Run) -> None:
    assert echo.is_dir()
    done = run("flow", "run", "echo", "-i", "text=2", "-i", "n=3", "-i", 'tags=["a"]')
    assert outputs(done) == {"said": "2", "n": 4, "tags": ["a"], "kind": None}
    assert "succeeded · 1 step" in done.stderr
    assert "100%  kind: skipped" in done.stderr


def test_a_file_runs_without_a_folder_of_flows(machine: Path, run: Run) -> None:
    (machine / "other").mkdir()
    (machine / "other/echo.yaml").write_text(ECHO)
    assert outputs(run("flow", "run", "other/echo.yaml", "-i", "text=x"))["said"] == "x"


def test_texts_and_files_from_disk(echo: Path, run: Run) -> None:
    (echo / "letter.txt").write_text("Dear neighbours")
    found = outputs(run("flow", "run", "echo", "-i", "text=@letter.txt", "--file", "file=letter.txt"))
    assert (found["said"], found["kind"]) == ("Dear neighbours", "text")
    kept = list((echo / "home").rglob("flow-files/*"))
    assert kept == []


def test_several_files_are_one_input(machine: Path, run: Run) -> None:
    (machine / "pile.yaml").write_text(PILE)
    for name in ("a.txt", "b.txt"):
        (machine / name).write_text(name)
    assert outputs(run("flow", "run", "pile.yaml", "--file", "papers=a.txt")) == {"names": ["a.txt"]}
    both = run("flow", "run", "pile.yaml", "--file", "papers=a.txt", "-i", "papers=@b.txt")
    assert sorted(outputs(both)["names"]) == ["a.txt", "b.txt"]  # pyright: ignore[reportArgumentType] - a list


def test_all_inputs_from_a_file_or_a_pipe(echo: Path, run: Run) -> None:
    (echo / "in.json").write_text('{"text": "from a file", "n": 5}')
    assert outputs(run("flow", "run", "echo", "--inputs", "in.json", "-i", "n=6"))["n"] == 7
    done = run("flow", "run", "echo", "--inputs", "-", stdin='{"text": "piped"}')
    assert outputs(done)["said"] == "piped"


def test_one_output_alone_and_quietly(echo: Path, run: Run) -> None:
    assert echo.is_dir()
    done = run("flow", "run", "echo", "-i", "text=x", "-o", "said", "--quiet")
    assert (done.stdout, done.stderr) == ("x\n", "")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "$.text: is missing"),
        (("-i", "txt=1"), "did you mean 'text'?"),
        (("-i", "text"), "expected NAME=VALUE"),
        (("-i", "text=x", "-i", "n=three"), "$.n: 'three'"),
        (("-i", "text=@gone.txt"), "'gone.txt' cannot be read"),
        (("-i", "text=x", "--file", "file=gone.txt"), "'gone.txt' cannot be read"),
        (("-i", "text=x", "-o", "sad"), "did you mean 'said'?"),
    ],
)
def test_what_does_not_fit_is_told_before_anything_runs(
    echo: Path, run: Run, arguments: tuple[str, ...], told: str
) -> None:
    assert echo.is_dir()
    done = run("flow", "run", "echo", *arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert told in done.stderr


def test_the_result_and_events_as_json(echo: Path, run: Run) -> None:
    assert echo.is_dir()
    done = run("flow", "run", "echo", "-i", "text=x", "--json", "--events")
    result = json.loads(done.stdout)
    assert (result["status"], result["steps"]["kind"]["status"]) == ("succeeded", "skipped")
    events = [json.loads(line)["event"] for line in done.stderr.splitlines()]
    assert (events[0], events[-1]) == ("flow.started", "flow.finished")


def test_a_run_that_failed_is_kept_and_resumed(echo: Path, run: Run) -> None:
    (echo / "flows/fragile.yaml").write_text(FRAGILE)
    config = echo / "quorate.yaml"
    config.write_text(FLAKY.replace("FAILS", ", failures: [{kind: authentication, every_nth: 1}]"))
    failed = run("flow", "run", "fragile", "--durable")
    assert failed.exit_code == 1
    assert "second: " in failed.stderr
    [kept] = json.loads(run("flow", "runs", "--json").output)["data"]
    assert (kept["flow"], kept["status"], kept["labels"]["trigger"]) == ("fragile", "failed", "cli")
    assert "✗ failed" in run("flow", "show", kept["id"]).output
    config.write_text(FLAKY.replace("FAILS", ""))
    done = run("flow", "resume", kept["id"])
    assert outputs(done) == {"first": 1}
    assert "first:" not in done.stderr  # it had finished
    assert json.loads(run("flow", "show", kept["id"], "--json").output)["status"] == "succeeded"
    again = run("flow", "resume", kept["id"])
    assert (again.exit_code, "there is nothing to resume" in again.output) == (1, True)
    assert kept["id"] in run("flow", "runs", "--flow", "fragile", "--status", "succeeded").output


def test_no_run_was_kept(machine: Path, run: Run) -> None:
    assert machine.is_dir()
    assert "no run was kept" in run("flow", "runs").output
    assert run("flow", "show", "run_1").exit_code == 2


def test_simulated_models_stand_in_for_configured_ones(echo: Path, run: Run) -> None:
    (echo / "quorate.yaml").write_text("version: 1\nmodels: {mine: {type: simulated}}\n")
    (echo / "flows/ask.yaml").write_text(
        "steps: [{name: a, executor: llm, config: {model: sim-atlas, prompt: hi}}]\n"
        "outputs: {a: '{{ steps.a.text }}'}\n"
    )
    assert "no model 'sim-atlas'" in run("flow", "run", "ask").output
    assert run("flow", "run", "ask", "--simulated").exit_code == 0


def test_the_board_follows_events() -> None:
    now = [0.0]
    board = FlowBoard(monotonic=lambda: now[0])
    steps, weights = ("a", "b", "c"), (0.4, 0.4, 0.2)
    board(FlowStarted(call_id="r", at_s=0, flow="f", version="1", digest="d", steps=steps, weights=weights))
    board(StepStarted(call_id="r", at_s=0, step="a", executor="llm"))
    board(StepStarted(call_id="r", at_s=0, step="a[0]", executor="llm"))
    board(StepStarted(call_id="r", at_s=0, step="a[1]/check", executor="llm"))
    board(StepFinished(call_id="r", at_s=1, step="a[0]", percent=20, latency_s=1, cost_microusd=5))
    assert list(board.rows) == ["a", "a[0]", "a[1]/check", "b", "c"]
    assert board.spent_microusd == 5
    board(StepFinished(call_id="r", at_s=1, step="a", percent=40, latency_s=1, cost_microusd=7))
    assert board.spent_microusd == 7  # what is inside is part of it
    board(
        StepFailed(call_id="r", at_s=2, step="b", percent=80, latency_s=1, cost_microusd=1, code="x", message="m\x1b")
    )
    board(StepSkipped(call_id="r", at_s=2, step="c", percent=100, reason="upstream failed"))
    now[0] = 2.0
    shown = drawn(lambda console: console.print(frame(board)))
    for part in ("✓ succeeded", "✗ failed", "- skipped", "upstream failed", "100%", "2.0 s", "m\ufffd"):
        assert part in shown


def drawn(draw: Callable[[Console], None]) -> str:
    console = Console(width=100, record=True, force_terminal=True, color_system=None)
    with console.capture() as captured:
        draw(console)
    return captured.get()


def test_a_result_shows_errors_outputs_and_the_speed_up() -> None:
    error = StepError(stage="b", code="mocked", message="it \x1b[2J broke", hint="mend it")
    latency = Latency(
        total_s=1, work_s=2, parallel_s=1, sequential_s=0, critical_path_s=1, speedup=2, steps={}, groups={}
    )
    result = FlowResult(
        run_id="run_1",
        flow="f",
        version="1",
        digest="d",
        status=RunStatus.PARTIAL,
        outputs={"page": "evil \x1b]0;title\x07", "n": {"a": 1}},
        errors=(error,),
        steps={"b": StepOutcome(path="b", status=StepStatus.FAILED, error=error, handled_by="continue")},
        latency=latency,
        cost_microusd=None,
    )
    shown = drawn(lambda console: show_flow_result(result, console))
    for part in (
        "b: mocked: it \ufffd[2J broke (mend it)",
        "evil \ufffd]0;title\ufffd",
        '"a": 1',
        "cost unknown",
        "2.0x",
    ):
        assert part in shown
    assert "\x1b]0;" not in shown
