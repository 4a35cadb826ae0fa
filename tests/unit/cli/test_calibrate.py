"""`quorate calibrate`: from recorded answers to the file that a configuration names."""

import json
from collections.abc import Callable
from pathlib import Path

from typer.testing import Result

from quorate.cli.exit_code import ExitCode

Run = Callable[..., Result]


def write_recordings(folder: Path, *, questions: int = 120) -> None:
    with (folder / "sums.jsonl").open("w") as lines:
        for number in range(questions):
            said = ("4", "4", "5") if number % 4 else ("5", "5", "4")
            answers = [
                {"model": f"m{at}", "text": f"The answer is {text}.", "correct": text == "4"}
                for at, text in enumerate(said, 1)
            ]
            line = {"prompt_id": number, "prompt": f"What is 2 + 2? ({number})", "truth": "4", "answers": answers}
            lines.write(json.dumps(line) + "\n")


def test_the_command_alone_learns_what_agreement_is_worth(run: Run, machine: Path) -> None:
    write_recordings(machine)
    short = run("calibrate", "--data", "sums.jsonl", "--panel-size", "3", "--json")
    named = run("calibrate", "consensus", "--data", "sums.jsonl", "--panel-size", "3", "--json")
    assert short.exit_code == 0, short.stderr
    assert short.stdout == named.stdout
    records = {each["model"]: each["right"] for each in json.loads(short.stdout)["records"]}
    assert records == {"m1": 90, "m2": 90, "m3": 30}


def test_what_was_learned_is_written_and_used(run: Run, machine: Path) -> None:
    write_recordings(machine)
    done = run("calibrate", "--data", "sums.jsonl", "--panel-size", "3", "--out", "cal.json")
    assert "written to cal.json" in done.stdout
    models = "".join(f"  m{at}: {{ type: simulated, accuracy: 1, time_scale: 0 }}\n" for at in (1, 2, 3))
    (machine / "quorate.yaml").write_text(f"version: 1\nmodels:\n{models}consensus: {{ calibration: cal.json }}\n")
    result = json.loads(run("ask", "--models", "m1,m2,m3", "What is 17 * 23?", "--json").stdout)
    assert result["agreement"]["calibrated"] is True
    assert 0 < result["agreement"]["confidence"] <= 1


def test_a_file_that_is_not_there_is_named(run: Run, machine: Path) -> None:
    done = run("calibrate", "--data", "nowhere.jsonl")
    assert done.exit_code == ExitCode.USAGE
    assert "there is no file 'nowhere.jsonl'" in done.stderr
