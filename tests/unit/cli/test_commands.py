"""The other commands: models, config, doctor, demo, eval, help, completion."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import Result

from quorate.cli.exit_code import EXIT_CODES, ExitCode
from quorate.cli.failure import Session, describe, exit_code_of, report_bug
from quorate.cli.options import complete_models
from quorate.core.errors import (
    AllFailed,
    BudgetSpent,
    InvalidRequest,
    Misconfigured,
    NotFound,
    QuorateError,
    Rejected,
)
from quorate.providers.simulated_bank import QuestionBank

Run = Callable[..., Result]


def test_models(run: Run, quick: Path) -> None:
    drawn = run("models").stdout
    for part in ("a *", "panel", "ensemble", "2.5 / 10", "the three", "* asked when none are named"):
        assert part in drawn
    cards = {card["name"]: card for card in json.loads(run("models", "--json").stdout)}
    assert cards["a"]["default"]
    assert cards["a"]["simulated"]
    assert cards["panel"]["members"] == ["a", "b", "c"]
    assert cards["panel"]["price"] is None
    assert quick.exists()


def test_models_without_a_configuration_are_labelled(run: Run) -> None:
    drawn = run("models").stdout
    assert "found: no key and no local Ollama: simulated models" in drawn
    assert drawn.count("simulated:") == 5


def test_config_show(run: Run, quick: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUORATE_DEFAULTS__MODE", "race")
    shown = run("config", "show").stdout
    assert "mode: race" in shown
    lines = run("config", "show", "--origin").stdout.splitlines()
    assert any(line.startswith('defaults.mode: "race"') and "QUORATE_DEFAULTS__MODE" in line for line in lines)
    assert any(line.startswith("version: 1") and line.endswith("# quorate.yaml:1:10") for line in lines)
    assert any(line.startswith("defaults.judge: null") and line.endswith("# built-in") for line in lines)
    values = json.loads(run("config", "show", "--origin", "--json").stdout)
    assert {value["layer"] for value in values} == {"file", "environment", "built-in"}
    again = quick.with_name("again.yaml")
    again.write_text(shown)
    assert run("config", "check", str(again)).exit_code == 0


@pytest.mark.parametrize(
    ("url", "seen"),
    [
        ("postgresql://u:s3cr3t@host/d", "postgresql://u:***@host/d"),
        ("postgresql://u:a@b/c@s3cr3t@host:1/d", "postgresql://u:***@host:1/d"),
        (
            "postgres://u@host/d?password=s3cr3t&sslmode=require&sslpassword=s3cr3t",
            "postgres://u@host/d?password=***&sslmode=require&sslpassword=***",
        ),
        ("postgresql://u@host/d", "postgresql://u@host/d"),
        ("sqlite:///data/q@r.db", "sqlite:///data/q@r.db"),
        ("env:QUORATE_DATABASE", "env:QUORATE_DATABASE"),
    ],
)
def test_config_show_shows_no_password(run: Run, url: str, seen: str) -> None:
    Path("quorate.yaml").write_text(f"version: 1\nstorage: {{ url: '{url}' }}\nflows: {{ journal: '{url}' }}\n")
    for flags in ((), ("--json",), ("--origin",), ("--origin", "--json")):
        shown = run("config", "show", *flags).stdout
        assert "s3cr3t" not in shown
        assert shown.count(seen) == 2, flags


def test_config_check(run: Run, quick: Path) -> None:
    assert "ok: " in run("config", "check").stdout
    assert json.loads(run("config", "check", str(quick), "--json").stdout)["ok"] is True
    quick.write_text("version: 1\nmodels: {a: {provider: nobody}}\n")
    done = run("config", "check")
    assert done.exit_code == ExitCode.MISCONFIGURED
    assert "quorate.yaml:2:24: models.a.provider: no provider is called 'nobody'" in done.stderr
    done = run("config", "check", "--json")
    assert done.exit_code == ExitCode.MISCONFIGURED
    (problem,) = json.loads(done.stdout)["problems"]
    assert problem["path"] == ["models", "a", "provider"]
    assert run("config", "check", "gone.yaml").exit_code == ExitCode.MISCONFIGURED


def test_config_schema(run: Run) -> None:
    assert json.loads(run("config", "schema").stdout)["title"] == "quorate.yaml"


def checks(run: Run, *arguments: str) -> tuple[int, dict[str, Any]]:
    done = run("doctor", "--json", *arguments)
    return done.exit_code, {check["name"]: check for check in json.loads(done.stdout)["checks"]}


def test_doctor_without_anything(run: Run) -> None:
    code, found = checks(run)
    assert code == ExitCode.ANSWERED
    assert found["configuration"]["health"] == "note"
    assert found["completion"]["detail"] == "not installed; quorate --install-completion"


def test_a_file_that_names_no_model(run: Run, machine: Path) -> None:
    """What is found is used, and is told from what there would be without the file."""
    (machine / "quorate.yaml").write_text("version: 1\nserver: {port: 9000}\n")
    assert "it names no models; found no key and no local Ollama: simulated models" in run("doctor").stdout
    told = run("config", "check").stdout
    assert "quorate.yaml; no key and no local Ollama: simulated models (5 models)" in told


def test_doctor_reaches_what_is_there_and_names_what_is_not(run: Run, machine: Path, loopback_port: int) -> None:
    (machine / "quorate.yaml").write_text(
        "version: 1\n"
        "providers:\n"
        f"  there: {{base_url: 'http://127.0.0.1:{loopback_port}', api_key: env:PATH}}\n"
        "  gone: {base_url: 'http://127.0.0.1:1'}\n"
        "  locked: {type: groq, api_key: env:NO_SUCH_KEY}\n"
        "  metadata: {base_url: 'http://169.254.169.254/v1'}\n"
        "models: {m: {provider: there}}\n"
    )
    code, found = checks(run)
    assert code == ExitCode.FAILED
    assert found["provider there"]["detail"].startswith("key from env:PATH; ")
    assert found["provider there"]["health"] == "ok"
    assert "cannot be reached" in found["provider gone"]["detail"]
    assert "NO_SUCH_KEY is not set" in found["provider locked"]["detail"]
    assert "metadata service" in found["provider metadata"]["detail"]
    assert found["prices"]["detail"].startswith("not known for m")
    assert "✗ provider gone" in run("doctor").stdout


def test_doctor_with_a_broken_configuration(run: Run, machine: Path) -> None:
    (machine / "quorate.yaml").write_text("version: 9\n")
    code, found = checks(run)
    assert code == ExitCode.MISCONFIGURED
    assert found["configuration"]["detail"].startswith("quorate.yaml:1:10: version")


def test_doctor_sees_installed_completion(run: Run, machine: Path) -> None:
    script = machine / "home/.zfunc/_quorate"
    script.parent.mkdir(parents=True)
    script.touch()
    assert checks(run)[1]["completion"]["health"] == "ok"


def test_demo(run: Run) -> None:
    report = json.loads(run("demo", "--questions", "1", "--json").stdout)
    assert report["simulated"] is True
    assert set(report["modes"]) == {"all", "quorum", "race"}
    assert report["modes"]["race"]["cancelled"] == 4
    assert report["modes"]["all"]["speedup"] > 1
    assert len(report["alone"]) == 5
    drawn = run("demo", "--questions", "1").stdout
    for part in ("SIMULATED", "What is the capital of France?", "Right answers of each model alone", "Next"):
        assert part in drawn
    assert QuestionBank.built_in().find("What is the capital of France?")


def recordings(folder: Path) -> Path:
    file = folder / "answers.jsonl"
    lines = [
        {
            "prompt": f"What is {number} + {number}?",
            "truth": str(2 * number),
            "answers": [
                {"model": f"m{model}", "text": str(2 * number + (model == 2 and number % 2))} for model in range(4)
            ],
        }
        for number in range(10)
    ]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return file


def test_eval_consensus(run: Run, machine: Path) -> None:
    file = recordings(machine)
    arguments = ("eval", "consensus", "--data", str(file), "--panel-size", "3", "--draws", "4")
    assert "Consensus over recorded answers: 10 prompts" in run(*arguments).stdout
    report = json.loads(run(*arguments, "--json", "--limit", "5", "--plot", "picture.svg").stdout)
    assert report["prompts"] == 5
    assert (machine / "picture.svg").read_text().startswith("<?xml")
    done = run("eval", "consensus", "--data", "gone.jsonl")
    assert (done.exit_code, done.stderr) == (ExitCode.USAGE, "error: there is no file 'gone.jsonl'\n")


def sums(folder: Path, count: int) -> Path:
    """So many sums; m0 and m1 are always right, m2 every third time."""
    file = folder / "sums.jsonl"
    lines = [
        {
            "prompt": f"What is {number} + {number}?",
            "truth": str(2 * number),
            "task": ("small", "large")[number >= 100],
            "answers": [{"model": f"m{at}", "text": str(2 * number + (at == 2 and number % 3 > 0))} for at in range(3)],
        }
        for number in range(count)
    ]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return file


def test_calibrate_consensus(run: Run, machine: Path) -> None:
    file = sums(machine, 240)
    arguments = ("calibrate", "consensus", "--data", str(file), "--panel-size", "3")
    drawn = run(*arguments, "--out", "calibration.json", "--plot", "picture.svg").stdout
    assert "Learned from 240 prompts" in drawn
    assert "written to calibration.json" in drawn
    assert (machine / "picture.svg").read_text().startswith("<?xml")
    written = json.loads((machine / "calibration.json").read_text())
    assert written["source"]["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert {(row["model"], row["right"], row["total"]) for row in written["records"]} == {
        ("m0", 240, 240),
        ("m1", 240, 240),
        ("m2", 80, 240),
    }
    report = json.loads(run(*arguments, "--task", "large", "--json").stdout)
    assert (report["prompts"], report["out"]) == (140, None)
    assert [path.name for path in machine.glob("calibration*")] == ["calibration.json"]


def test_calibrate_consensus_refuses_what_it_cannot_learn_from(run: Run, machine: Path) -> None:
    done = run("calibrate", "consensus", "--data", str(sums(machine, 99)))
    assert done.exit_code == ExitCode.USAGE
    assert "99 of 99 recordings can be learned from, and 100 are the least" in done.stderr
    assert run("calibrate", "consensus", "--data", "gone.jsonl").stderr == "error: there is no file 'gone.jsonl'\n"


def test_a_question_is_answered_with_its_confidence(run: Run, machine: Path) -> None:
    file = sums(machine, 240)
    run("calibrate", "consensus", "--data", str(file), "--panel-size", "3", "--out", "calibration.json")
    models = "".join(f"  m{at}: {{type: replay, file: sums.jsonl, time_scale: 0}}\n" for at in range(3))
    (machine / "quorate.yaml").write_text(
        f"version: 1\nmodels:\n{models}consensus: {{calibration: calibration.json}}\n"
        "defaults: {models: [m0, m1, m2], weighting: learned}\n"
    )
    result = json.loads(run("ask", "What is 4 + 4?", "--json").stdout)
    assert result["answer"] == "8"
    assert result["agreement"]["weighting"] == "learned"
    assert result["agreement"]["calibrated"] is True
    assert result["agreement"]["confidence"] > 0.95
    assert result["agreement"]["dissent"] == ["9"]


def test_version_and_help(run: Run) -> None:
    assert run("--version").stdout == run("version").stdout
    assert run("--version").stdout.startswith("quorate ")
    drawn = run("--help").stdout
    for command in ("ask", "demo", "models", "config", "doctor", "eval", "calibrate"):
        assert command in drawn
    assert "Exit codes" in drawn
    for name in ("ask", "config show", "eval consensus", "calibrate consensus"):
        assert run(*name.split(), "--help").exit_code == 0


def test_model_names_are_completed(quick: Path) -> None:
    context = typer.Context(typer.main.get_command(typer.Typer(callback=lambda: None)))
    context.params = {"config": quick}
    assert complete_models(context, "pa") == [("panel", "the three")]
    assert [name for name, _ in complete_models(context, "a,b")] == ["a,b", "a,broken"]
    quick.write_text("version: 7\n")
    assert complete_models(context, "pa") == []


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Misconfigured("x", where="here"), ExitCode.MISCONFIGURED),
        (InvalidRequest("x"), ExitCode.USAGE),
        (NotFound("x"), ExitCode.USAGE),
        (BudgetSpent("x"), ExitCode.FAILED),
        (AllFailed("x", errors=[]), ExitCode.FAILED),
    ],
)
def test_exit_codes(error: QuorateError, code: ExitCode) -> None:
    assert exit_code_of(error) is code
    assert code in EXIT_CODES
    assert describe(error).startswith("error: ")


def test_all_failures_are_listed_once() -> None:
    error = AllFailed("none answered: a: no key", errors=[("a", Rejected("no key")), ("b", Rejected("no luck"))])
    assert describe(error) == "error: none answered: a: no key\n  b: no luck"


def test_a_bug_is_told_without_a_trace_unless_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert report_bug(ValueError("odd"), Session()) is ExitCode.FAILED
    told = capsys.readouterr().err
    assert told.startswith("error: unexpected ValueError: odd\n")
    assert "Traceback" not in told
    report_bug(ValueError("odd"), Session(debug=True))
    assert "ValueError: odd" in capsys.readouterr().err


def test_debug_lets_the_error_through(run: Run) -> None:
    done = run("--debug", "ask", "-m", "nobody", "x")
    assert isinstance(done.exception, NotFound)
