"""`quorate ask`: what goes where, and how it ends."""

import json
from collections.abc import Callable
from inspect import signature
from pathlib import Path
from typing import get_args

import pytest
from typer.testing import Result

from quorate.cli import options
from quorate.cli.ask import ask
from quorate.cli.exit_code import ExitCode
from quorate.consensus import Kind
from quorate.library.options import AskOptions
from quorate.library.quorate import Quorate
from quorate.parallel.plan import Mode, Select

pytestmark = pytest.mark.usefixtures("quick")
Run = Callable[..., Result]
QUESTION = "What is 17 * 23?"


def test_stdout_holds_the_answer_alone(run: Run) -> None:
    done = run("ask", QUESTION)
    assert done.exit_code == ExitCode.ANSWERED
    assert "391" in done.stdout
    assert done.stdout.count("\n") == 1
    assert "3 of 3 answered · agreement 1.00 (number) · $0." in done.stderr


def test_quiet_says_nothing_else(run: Run) -> None:
    assert run("ask", "-q", QUESTION).stderr == ""


@pytest.mark.parametrize("arguments", [["-"], []])
def test_the_question_may_come_from_stdin(run: Run, arguments: list[str]) -> None:
    assert "391" in run("ask", *arguments, stdin=f"{QUESTION}\n").stdout


def test_a_file_follows_the_question(run: Run, machine: Path) -> None:
    (machine / "text.txt").write_text("is 17 * 23?\n")
    done = run("ask", "--file", "text.txt", "--json", "Tell me: what")
    assert done.exit_code == 0
    assert run("ask", "--file", "gone.txt", "x").exit_code == ExitCode.USAGE


def test_json_is_the_whole_result(run: Run) -> None:
    result = json.loads(run("ask", "--json", "--mode", "quorum", "--seed", "1", QUESTION).stdout)
    assert "391" in result["answer"]
    assert result["consensus"] is True
    assert {branch["branch"] for branch in result["branches"]} == {"a", "b", "c"}
    assert result["metadata"] == {"simulated": True}


def test_events_are_lines_of_json_on_stderr(run: Run) -> None:
    done = run("ask", "--events", QUESTION)
    events = [json.loads(line) for line in done.stderr.splitlines()]
    kinds = [event["event"] for event in events]
    assert kinds[0] == "plan.started"
    assert kinds[-1] == "selected"
    assert kinds.count("branch.finished") == 3
    assert "391" in done.stdout


def test_streamed_pieces_are_the_answer(run: Run) -> None:
    done = run("ask", "--stream", "--mode", "race", "-m", "a", "-q", "--seed", "3", QUESTION)
    whole = run("ask", "--mode", "race", "-m", "a", "-q", "--seed", "3", QUESTION)
    assert done.stdout == whole.stdout
    assert done.exit_code == 0


def test_options_reach_the_plan(run: Run) -> None:
    result = json.loads(run("ask", "--json", "-m", "a,b", "--count", "2", "--select", "first", QUESTION).stdout)
    assert sorted(branch["model"] for branch in result["branches"]) == ["a", "a", "b", "b"]
    assert result["method"] == "first"


def test_an_ensemble_is_asked_by_its_name(run: Run) -> None:
    result = json.loads(run("ask", "--json", "-m", "panel", QUESTION).stdout)
    assert len(result["branches"]) == 3


def test_no_consensus(run: Run) -> None:
    question = "Write a short poem about nothing in particular."
    done = run("ask", "--require-consensus", "-q", "--seed", "1", question)
    assert done.exit_code == ExitCode.NO_CONSENSUS
    assert done.stdout
    assert "no consensus" in done.stderr
    assert run("ask", "--require-consensus", "-q", QUESTION).exit_code == 0


def test_nobody_answers(run: Run) -> None:
    done = run("ask", "-m", "broken,broken", QUESTION)
    assert done.exit_code == ExitCode.FAILED
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr


def test_errors_are_json_if_asked_for(run: Run) -> None:
    done = run("ask", "-m", "broken", "--json", QUESTION)
    problem = json.loads(done.stderr)
    assert (done.exit_code, problem["code"], problem["retryable"]) == (ExitCode.FAILED, "provider_rejected", False)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-m", "aa", "x"], "no model 'aa'; did you mean 'a'?"),
        (["--mode", "rce", "x"], "'rce' is not one of"),
        (["--min-models", "0", "x"], "--min-models"),
        (["--max-cost", "0", "x"], "max_cost_usd is 0.0; it must be above 0"),
        (["--nonsense", "x"], "--nonsense"),
        ([""], "there is nothing to ask"),
    ],
)
def test_wrong_usage(run: Run, arguments: list[str], said: str) -> None:
    done = run("ask", *arguments)
    assert done.exit_code == ExitCode.USAGE
    assert said in " ".join(done.stderr.replace("│", " ").split())


def test_a_broken_configuration(run: Run, quick: Path) -> None:
    quick.write_text("version: 1\nmodel: {}\nproviders: 1\n")
    done = run("ask", "x")
    assert done.exit_code == ExitCode.MISCONFIGURED
    assert done.stderr.splitlines() == [
        "error: 2 problems in the configuration",
        "quorate.yaml:2:1: model: unknown key; did you mean 'models'?",
        "quorate.yaml:3:12: providers: 1: expected a valid dictionary",
    ]


def test_what_may_cost_more_than_is_left_is_not_asked(run: Run) -> None:
    done = run("ask", "--json", "--max-cost", "0.00105", "--max-tokens", "100", "--max-concurrent", "1", QUESTION)
    branches = json.loads(done.stdout)["branches"]
    assert [branch["state"] for branch in branches] == ["finished", "failed", "finished"]
    assert branches[1]["error"]["code"] == "budget_spent"
    assert "'b' was asked, which may cost $0.0025" in branches[1]["error"]["message"]


def test_flags_offer_what_the_library_knows() -> None:
    assert get_args(options.ModeName) == tuple(mode.value for mode in Mode)
    assert get_args(options.SelectName) == tuple(select.value for select in Select)
    assert get_args(options.KindName) == tuple(kind.value for kind in Kind)


def test_every_flag_is_an_option_of_a_question() -> None:
    ours = {"prompt", "file", "config", "json_output", "dry_run", "stream", "events", "quiet", "require_consensus"}
    assert set(signature(ask).parameters) - ours <= {*AskOptions.__annotations__, *signature(Quorate.ask).parameters}


@pytest.mark.parametrize("arguments", [["--mode", "nope"], ["--count", "0"], ["--nope"]])
def test_with_json_wrong_usage_is_json_as_well(run: Run, arguments: list[str]) -> None:
    for given in ([*arguments, "--json"], ["--json", *arguments]):
        done = run("ask", QUESTION, *given)
        assert done.exit_code == ExitCode.USAGE
        problem = json.loads(done.stderr)
        assert (problem["code"], problem["status"]) == ("invalid_request", 400)
        assert arguments[0] in problem["detail"]


def test_a_bug_is_json_as_well(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ValueError("odd")

    monkeypatch.setattr("quorate.cli.ask.read_prompt", broken)
    done = run("ask", QUESTION, "--json")
    assert done.exit_code == ExitCode.FAILED
    assert "unexpected ValueError: odd" in json.loads(done.stderr)["detail"]


def test_a_dry_run_says_what_it_would_cost_and_asks_nobody(run: Run, quick: Path) -> None:
    shown = run("ask", "Why?", "--dry-run", "--max-tokens", "100", "--models", "a,b", "--retries", "0")
    assert shown.exit_code == 0
    assert "nobody was asked; expected $0.0009" in shown.stdout
    whole = json.loads(run("ask", "Why?", "--dry-run", "--max-tokens", "100", "--models", "a,b", "--json").stdout)
    assert [part["branch"] for part in whole["branches"]] == ["a", "b"]
    assert whole["most_microusd"] == sum(part["most_microusd"] for part in whole["branches"])
    assert whole["expected_latency_s"] is None
    assert quick.exists()


def test_a_dry_run_names_what_has_no_price(run: Run, quick: Path) -> None:
    shown = run("ask", "Why?", "--dry-run", "--models", "a,wrong").stdout
    assert "at most unknown (no price is known for wrong)" in shown
    assert quick.exists()


def test_what_an_answer_must_be(run: Run, tmp_path: Path) -> None:
    assert run("ask", "-q", "--output", "integer", QUESTION).stdout == "391\n"
    told = json.loads(run("ask", "--json", "--output", "number", QUESTION).stdout)
    assert told["output"] == {"valid": True, "value": 391, "problems": [], "repaired": False, "attempts": 1}
    schema = tmp_path / "schema.json"
    schema.write_text('{"type": "object"}')
    done = run("ask", "--output", str(schema), QUESTION)
    assert done.exit_code == ExitCode.FAILED
    assert "does not keep its output contract: $: it holds nothing that can be read as a JSON object" in done.stderr
    assert "at most" in run("ask", "--dry-run", "--output", "number", QUESTION).stdout


@pytest.mark.parametrize(("text", "told"), [(None, "is no type (string, number"), ("[", "it is not JSON")])
def test_what_an_answer_cannot_be(run: Run, tmp_path: Path, text: str | None, told: str) -> None:
    file = tmp_path / "schema.json"
    if text is not None:
        file.write_text(text)
    done = run("ask", "--output", str(file), QUESTION)
    assert done.exit_code == ExitCode.USAGE
    assert told in done.stderr
