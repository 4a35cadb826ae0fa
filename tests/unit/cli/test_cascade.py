"""`quorate calibrate cascade`, `quorate eval cascade`, and a cascade at the prompt."""

import json
import random
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from typer.testing import Result

from quorate.cli.exit_code import ExitCode

Run = Callable[..., Result]

FLAGS = ("--data", "sums.jsonl", "--cheap", "m1,m2", "--strong", "m3")
CONFIG = """version: 1
models:
  small-1: { type: simulated, profile: sim-atlas, time_scale: 0 }
  small-2: { type: simulated, profile: sim-birch, time_scale: 0 }
  large: { type: simulated, profile: sim-ember, time_scale: 0 }
  thrifty: { type: cascade, stages: [[small-1, small-2], large], escalate: { rule: rule.json } }
"""


def write_recordings(folder: Path) -> None:
    rng = random.Random(1)
    with (folder / "sums.jsonl").open("w") as lines, (folder / "costs.csv").open("w") as costs:
        costs.write("prompt_id,model,cost_usd\n")
        for number in range(120):
            right = rng.random() < 0.6
            said = ("4", "4", "4") if right else ("4", "5", "4") if number % 2 else ("5", "4", "4")
            answers = [
                {"model": f"m{at}", "text": f"The answer is {text}.", "correct": text == "4"}
                for at, text in enumerate(said, 1)
            ]
            line = {"prompt_id": number, "prompt": f"What is 2 + 2? ({number})", "truth": "4", "answers": answers}
            lines.write(json.dumps(line) + "\n")
            costs.writelines(f"{number},M{at},{cost}\n" for at, cost in enumerate((0.00001, 0.00001, 0.0002), 1))


def test_a_rule_is_fitted_written_measured_and_used(run: Run, machine: Path) -> None:
    write_recordings(machine)
    arguments = ("calibrate", "cascade", *FLAGS, "--costs", "costs.csv", "--half", "first")
    done = run(*arguments, "--out", "rule.json", "--plot", "frontier.svg", "--at-most", "0.8")
    assert done.exit_code == 0, done.stderr
    assert "| escalated | right | cost, strong model alone = 100% |" in done.stdout
    assert "costs of" in done.stderr
    assert (machine / "frontier.svg").read_text().startswith("<?xml")
    origin = json.loads((machine / "rule.json").read_text())["origin"]
    data = (machine / "sums.jsonl").read_bytes()
    assert (origin["data"], origin["size_bytes"], origin["half"]) == ("sums.jsonl", len(data), "first")
    assert origin["sha256"] == sha256(data).hexdigest()

    other_half = ("eval", "cascade", *FLAGS, "--costs", "costs.csv", "--rule", "rule.json", "--half", "second")
    report = json.loads(run(*other_half, "--json").stdout)
    assert report["best"] == "m3"
    assert report["accuracy"]["value"] == 1.0
    assert report["relative_cost"]["value"] < 0.8
    same_half = run("eval", "cascade", *FLAGS, "--rule", "rule.json", "--half", "first")
    assert "note: the rule was fitted on these prompts" in same_half.stderr

    (machine / "quorate.yaml").write_text(CONFIG)
    assert "cascade" in run("models").stdout
    result = json.loads(run("ask", "-m", "thrifty", "What is 144 / 12?", "--seed", "1", "--json").stdout)
    assert "expected gain" in result["stages"][0]["reason"]
    dry = json.loads(run("ask", "-m", "thrifty", "What is 144 / 12?", "--dry-run", "--json").stdout)
    assert [part["branch"] for part in dry["branches"]] == ["small-1", "small-2", "large"]


def test_a_report_has_a_page_the_figures_and_a_picture_where_costs_are_known(run: Run, machine: Path) -> None:
    write_recordings(machine)
    done = run("eval", "cascade", *FLAGS, "--costs", "costs.csv", "--report", "found")
    assert done.exit_code == 0, done.stderr
    folder = machine / "found"
    assert sorted(file.name for file in folder.iterdir()) == ["cost-accuracy.svg", "report.json", "report.md"]
    page = (folder / "report.md").read_text()
    assert page.startswith(done.stdout.rstrip("\n"))
    assert "(cost-accuracy.svg)" in page
    picture = (folder / "cost-accuracy.svg").read_text()
    assert all(f">{name} " in picture for name in ("cascade", "m1", "m2", "m3"))
    assert run("eval", "cascade", *FLAGS, "--report", "found").exit_code == 0
    assert sorted(file.name for file in folder.iterdir()) == ["report.json", "report.md"]


def test_a_folder_that_is_no_report_is_left_alone(run: Run, machine: Path) -> None:
    write_recordings(machine)
    (machine / "mine").mkdir()
    (machine / "mine" / "notes.txt").write_text("keep")
    done = run("eval", "cascade", *FLAGS, "--report", "mine")
    assert done.exit_code == ExitCode.USAGE
    assert (machine / "mine" / "notes.txt").read_text() == "keep"


def test_models_that_nobody_names_are_chosen_by_accuracy_and_cost(run: Run, machine: Path) -> None:
    write_recordings(machine)
    named = ("--data", "sums.jsonl", "--costs", "costs.csv", "--half", "first")
    done = run("calibrate", "cascade", *named, "--out", "rule.json")
    assert done.exit_code == 0, done.stderr
    assert "from m1, m2 to m3; --cheap and --strong name others" in done.stderr
    measured = run("eval", "cascade", "--data", "sums.jsonl", "--rule", "rule.json", "--half", "second", "--json")
    assert json.loads(measured.stdout)["strong"] == "m3"
    assert "--cheap and --strong name others" not in measured.stderr  # those of the rule


def test_models_that_cannot_be_chosen_have_to_be_named(run: Run, machine: Path) -> None:
    write_recordings(machine)
    unknown = run("eval", "cascade", "--data", "sums.jsonl")
    assert "name them with --cheap and --strong, or give costs with --costs (models: m1, m2, m3)" in unknown.stderr
    dear = (machine / "costs.csv").read_text().replace("M1,1e-05", "M1,0.0001")
    (machine / "costs.csv").write_text(dear)
    assert "cost a quarter of what m3 does" in run("eval", "cascade", *FLAGS[:2], "--costs", "costs.csv").stderr
    assert "give both" in run("eval", "cascade", *FLAGS[:4]).stderr
    lines = (machine / "sums.jsonl").read_text().splitlines()
    other = [json.dumps(json.loads(line) | {"track": "other"}) for line in lines]
    (machine / "sums.jsonl").write_text("\n".join([*lines, *other]))
    assert "several tracks" in run("eval", "cascade", *FLAGS[:2], "--costs", "costs.csv").stderr


def test_agreement_alone_is_measured_without_a_rule(run: Run, machine: Path) -> None:
    write_recordings(machine)
    done = run("eval", "cascade", *FLAGS, "--below", "0.9")
    assert "Escalates: agreement below 0.9." in done.stdout
    assert "| m3 alone | 100.0% [100.0%, 100.0%] | - |" in done.stdout


def test_flags_that_do_not_fit_are_refused(run: Run, machine: Path) -> None:
    write_recordings(machine)
    refused = {
        ("calibrate", "cascade", *FLAGS, "--target", "cost", "--at-most", "0.5"): "--at-most goes with",
        ("calibrate", "cascade", *FLAGS, "--at-most", "0.5"): "give all of them in a file (--costs)",
        ("calibrate", "cascade", *FLAGS, "--costs", "gone.csv"): "there is no file 'gone.csv'",
        ("eval", "cascade", *FLAGS, "--rule", "gone.json"): "there is no file 'gone.json'",
        ("eval", "cascade", *FLAGS, "--rule", "gone.json", "--below", "0.5"): "give one",
    }
    for arguments, why in refused.items():
        done = run(*arguments)
        assert done.exit_code == ExitCode.USAGE
        assert why in done.stderr
