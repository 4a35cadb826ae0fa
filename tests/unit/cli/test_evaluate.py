"""`quorate eval`: recorded answers measured, reports written, and questions asked of simulated models."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from typer.testing import Result

from quorate.cli.exit_code import ExitCode
from quorate.providers.recorded import read_recordings

Run = Callable[..., Result]

QUESTIONS = (
    {"prompt": "What is the capital of France?", "truth": "Paris", "track": "t", "task": "fact"},
    {"prompt": "Is 91 a prime number?", "truth": "no", "track": "t", "task": "yes or no", "kind": "boolean"},
    {"prompt": "What is 17 * 23?", "truth": 391, "track": "t", "task": "sum", "prompt_id": "sum"},
)
LIVE = ("eval", "consensus", "--live", "q.jsonl", "--out", "o.jsonl", "--ask-seed", "1")
THREE = (*LIVE, "--models", "a,b,c")


@pytest.fixture(autouse=True)
def questions(quick: Path) -> Path:
    file = quick.with_name("q.jsonl")
    file.write_text("".join(json.dumps(each) + "\n" for each in QUESTIONS))
    return file


@pytest.fixture
def recorded(machine: Path) -> Path:
    """Made-up answers of four models with costs and latencies: two are wrong half of the time, and slow."""
    file = machine / "r.jsonl"
    lines = [
        {
            "track": ("odd", "even")[number % 2],
            "prompt_id": number,
            "prompt": f"What is {number} + {number}?",
            "truth": 2 * number,
            "answers": [
                {
                    "model": f"m{at}",
                    "text": str(2 * number + (at >= 2 and number % 2)),
                    "latency_s": 0.1 * (at + 1),
                    "cost_microusd": 10 * (at + 1),
                }
                for at in range(4)
            ],
        }
        for number in range(12)
    ]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return file


def shape(value: object) -> object:
    """The names and types of a JSON value; of a list the first element."""
    if isinstance(value, dict):
        return {str(name): shape(each) for name, each in value.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]  # JSON
    if isinstance(value, list):
        return [shape(value[0])] if value else []  # pyright: ignore[reportUnknownArgumentType]  # JSON
    return type(value).__name__


RATE = {"value": "float", "low": "float", "high": "float", "count": "int"}
SPREAD = {"median_s": "float", "p95_s": "float"}
GROUP = {
    "track": "str",
    "task": "str",
    "prompts": "int",
    "panels": "int",
    **dict.fromkeys(("full_vote", "selection", "mean_member", "best_member", "any_member", "auc", "ece"), RATE),
    "risk_coverage": {
        "aurc": RATE,
        "least": "float",
        "error": "float",
        "points": [{"threshold": "float", "coverage": "float", "error": RATE}],
    },
    "covered": "float",
    "accuracy_covered": RATE,
    "early_stop": {
        "accuracy": RATE,
        **dict.fromkeys(("mean_calls", "relative_calls", "cost_microusd", "full_cost_microusd"), "float"),
        "latency": SPREAD,
        "full_latency": SPREAD,
    },
}


def test_the_report_of_a_file_has_the_documented_fields(run: Run, recorded: Path) -> None:
    done = run("eval", "consensus", "--data", str(recorded), "--panel-size", "2", "--json", "--report", "out")
    report = json.loads(done.stdout)
    assert json.loads(Path("out/report.json").read_text()) == report
    found = shape(report)
    assert isinstance(found, dict)
    assert found["total"] == GROUP
    assert report["arrival"] == "recorded"
    assert (report["prompts"], report["recordings"], report["skipped"], report["failures"]) == (12, 12, 0, 0)
    assert report["simulated"] == []
    assert report["models"][0]["latency"] == {"median_s": pytest.approx(0.1), "p95_s": pytest.approx(0.1)}


def test_the_report_folder_shows_tables_and_pictures(run: Run, recorded: Path) -> None:
    arguments = ("eval", "consensus", "--data", str(recorded), "--panel-size", "3", "--report", "out")
    assert "the report is out/report.md" in run(*arguments).stderr
    folder = Path("out")
    names = {"report.md", "report.json", "calibration.svg", "risk-coverage.svg", "accuracy.svg"}
    assert {path.name for path in folder.iterdir()} == names
    page = (folder / "report.md").read_text()
    headings = re.findall(r"^#+ (.*)$", page, re.MULTILINE)
    assert headings == [
        *("What consensus is worth", "Accuracy", "What the score tells", "Answering only when sure"),
        *("Stopping early: calls, cost, time", "Each model alone", "How it was measured"),
    ]
    for name in names - {"report.md", "report.json"}:
        assert f"]({name})" in page
        drawn = ET.parse(folder / name).getroot()
        assert drawn.tag == "{http://www.w3.org/2000/svg}svg"
    assert "ten bins of equal mass" in page
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    run(*arguments)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_folder_with_other_things_is_refused_before_anybody_is_asked(run: Run, machine: Path) -> None:
    (machine / "thesis").mkdir()
    (machine / "thesis" / "chapter.tex").write_text("")
    done = run(*THREE, "--report", "thesis")
    assert done.exit_code == ExitCode.USAGE
    assert "is not a report" in done.stderr
    assert not (machine / "o.jsonl").exists()


def test_questions_are_asked_recorded_and_measured(run: Run, machine: Path) -> None:
    done = run(*THREE, "--repeat", "2", "--json", "--report", "out")
    assert done.exit_code == 0, done.stderr
    report = json.loads(done.stdout)
    assert (report["prompts"], report["recordings"]) == (3, 6)
    assert report["simulated"] == ["a", "b", "c"]
    assert "SIMULATED" in Path("out/report.md").read_text()
    assert "SIMULATED" in Path("out/accuracy.svg").read_text()
    assert report["total"]["full_vote"]["value"] == 1.0
    found = list(read_recordings(machine / "o.jsonl"))
    assert sorted({(each.prompt_id, each.repeat) for each in found}) == [
        ("1", 0), ("1", 1), ("2", 0), ("2", 1), ("sum", 0), ("sum", 1),
    ]  # fmt: skip
    for recording in found:
        assert [answer.model for answer in recording.answers] == ["a", "b", "c"]
        assert all(answer.simulated and answer.latency_s is not None for answer in recording.answers)
        assert all(answer.cost_microusd and answer.completion_tokens for answer in recording.answers)
    assert {each.kind for each in found if each.prompt_id == "2"} == {"boolean"}


def test_what_is_recorded_is_not_asked_again(run: Run, machine: Path) -> None:
    run(*THREE, "--limit", "1")
    first = (machine / "o.jsonl").read_bytes()
    done = run(*THREE)
    assert "2 of 2 questions answered" in done.stderr
    assert (machine / "o.jsonl").read_bytes().startswith(first)
    whole = (machine / "o.jsonl").read_bytes()
    again = run(*THREE)
    assert "questions answered" not in again.stderr
    assert again.stdout == done.stdout
    assert (machine / "o.jsonl").read_bytes() == whole


def test_a_half_written_line_is_asked_again(run: Run, machine: Path) -> None:
    run(*THREE)
    whole = (machine / "o.jsonl").read_bytes()
    (machine / "o.jsonl").write_bytes(whole[:-20])
    assert "1 of 1 questions answered" in run(*THREE).stderr
    assert untimed(machine / "o.jsonl") == sorted(untimed_lines(whole))


def untimed(file: Path) -> list[str]:
    return sorted(untimed_lines(file.read_bytes()))


def untimed_lines(text: bytes) -> list[str]:
    return re.sub(r'"latency_s":[\d.e-]+,', "", text.decode()).splitlines()


def test_another_experiment_does_not_go_into_the_same_file(run: Run, questions: Path) -> None:
    run(*THREE)
    done = run(*LIVE, "--models", "a,b")
    assert (done.exit_code, "o.jsonl:1: answers of a, b, c, not of a, b" in done.stderr) == (ExitCode.USAGE, True)
    questions.write_text('{"prompt": "What is the capital of Peru?", "truth": "Lima", "track": "t"}\n')
    assert "another question has the name '1'" in run(*THREE).stderr


def test_a_model_that_fails_is_in_the_file_and_in_no_panel(run: Run, machine: Path) -> None:
    report = json.loads(run(*LIVE, "--models", "a,b,broken", "--json").stdout)
    assert report["failures"] == 3
    assert {each["model"] for each in report["models"]} == {"a", "b"}
    (failure,) = next(iter(read_recordings(machine / "o.jsonl"))).failures
    assert (failure.model, failure.code) == ("broken", "provider_rejected")
    assert "3 calls gave no answer" in run(*LIVE, "--models", "a,b,broken").stdout


def test_what_nobody_answers_is_told_and_asked_again_next_time(run: Run, quick: Path) -> None:
    quick.write_text(quick.read_text().replace("models:\n", "models:\n  also: {type: simulated, time_scale: 0,"
                                               " failures: [{kind: authentication, every_nth: 1}]}\n", 1))  # fmt: skip
    done = run(*LIVE, "--models", "broken,also")
    assert done.exit_code == ExitCode.USAGE
    assert "3 questions got no answer and will be asked again next time" in done.stderr
    assert "none of the 0 recordings" in done.stderr


def test_the_limit_of_money_stops_before_a_question_that_may_go_over(run: Run, machine: Path) -> None:
    allowed = ("--max-tokens", "50", "--concurrency", "2")
    worst = json.loads(run(*THREE, *allowed, "--limit", "1", "--dry-run", "--json").stdout)["most_microusd"]
    done = run(*THREE, *allowed, "--max-cost", str(worst / 1e6))
    assert "stopped: the next question may cost" in done.stderr
    answered = list(read_recordings(machine / "o.jsonl"))
    assert len(answered) == 1  # it cost less than its worst case, but no second worst case fits beside it
    refused = run(*THREE, *allowed, "--max-cost", "0.000001")
    assert f"0 of {3 - len(answered)} questions answered" in refused.stderr  # earlier runs count
    assert run(*THREE, *allowed, "--max-cost", "1").exit_code == 0
    assert len(list(read_recordings(machine / "o.jsonl"))) == 3


def test_a_limit_needs_prices(run: Run, quick: Path) -> None:
    quick.write_text(
        "version: 1\nproviders: {up: {base_url: 'http://127.0.0.1:1/v1'}}\n"
        "models: {x: {provider: up, model: x}, y: {provider: up, model: y}}\n"
    )
    done = run(*LIVE, "--models", "x,y", "--max-cost", "1")
    assert done.exit_code == ExitCode.USAGE
    assert "no price is known for x, y, so --max-cost cannot hold" in done.stderr


def test_a_dry_run_asks_nobody_and_writes_nothing(run: Run, machine: Path) -> None:
    told = run(*THREE, "--dry-run", "--repeat", "3").stdout
    assert "9 questions to 3 models: 27 calls; 0 questions are answered already" in told
    assert re.search(r"nobody was asked; expected \$[\d.]+, at most \$[\d.]+", told)
    assert not (machine / "o.jsonl").exists()
    run(*THREE)
    facts: dict[str, Any] = json.loads(run(*THREE, "--dry-run", "--repeat", "3", "--json").stdout)
    assert (facts["questions"], facts["calls"], facts["already_answered"]) == (6, 18, 3)
    assert 0 < facts["expected_microusd"] < facts["most_microusd"]


def test_questions_without_truth_are_recorded_and_not_measured(run: Run, questions: Path) -> None:
    questions.write_text('{"prompt": "What is the capital of France?"}\n')
    done = run(*THREE)
    assert (done.exit_code, done.stdout) == (0, "")
    assert "nothing is evaluated: no question has a 'truth'" in done.stderr
    assert questions.with_name("o.jsonl").exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "there is nothing to measure"),
        (("--data", "r.jsonl", "--live", "q.jsonl"), "give one of them"),
        (("--data", "r.jsonl", "--models", "a,b"), "--models is for asking"),
        (("--data", "r.jsonl", "--max-cost", "1"), "--max-cost is for asking"),
        (("--data", "r.jsonl", "--dry-run"), "--dry-run is for asking"),
        (("--live", "q.jsonl", "--out", "o.jsonl"), "two or more different models"),
        (("--live", "q.jsonl", "--out", "o.jsonl", "--models", "a,a"), "two or more different models"),
        (("--live", "q.jsonl", "--models", "a,b"), "--live needs --out FILE.jsonl"),
        (("--live", "q.jsonl", "--models", "a,b", "--out", "o.csv"), "--live needs --out FILE.jsonl"),
        (("--live", "q.jsonl", "--models", "a,nobody", "--out", "o.jsonl"), "nobody"),
        (("--live", "q.jsonl", "--models", "a,b", "--out", "o.jsonl", "--max-cost", "0"), "above 0"),
        (("--live", "gone.jsonl", "--models", "a,b", "--out", "o.jsonl"), "cannot read the questions"),
    ],
)
def test_mistakes_are_told_before_anybody_is_asked(run: Run, arguments: tuple[str, ...], told: str) -> None:
    done = run("eval", "consensus", *arguments)
    assert done.exit_code == ExitCode.USAGE, done.stderr
    assert told in done.stderr
