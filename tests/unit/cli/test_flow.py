"""`quorate flow`: new, check, plan, test, graph, docs, executors, schema."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

import pages
from quorate.cli.code_frame import code_frame

EXAMPLES = pages.ROOT / "examples/flows"
Run = Callable[..., Result]
WRONG = """name: wrong
steps:
  - name: page
    executor: response_formatter
    config: {template: "{{ steps.sumary.text }}"}
  - {name: summary, executor: llm, config: {prompt: hi}}
"""


@pytest.fixture
def site(machine: Path, run: Run) -> Path:
    """A folder with one flow of the template `parallel`."""
    assert run("flow", "new", "views", "--template", "parallel").exit_code == 0
    return machine


def test_a_new_flow_is_right_and_passes_its_tests(site: Path, run: Run) -> None:
    assert (site / "flows/views.yaml").read_text().startswith("# views: ")
    assert run("flow", "check").output == "1 flow right\n"
    done = run("flow", "test")
    assert (done.exit_code, done.output.splitlines()[-1]) == (0, "2 of 2 passed")


def test_flows_are_listed_and_broken_ones_counted(site: Path, run: Run) -> None:
    (site / "flows/wrong.yaml").write_text(WRONG)
    done = run("flow", "list")
    assert "views" in done.stdout
    assert "1.0.0" in done.stdout
    assert done.stderr == "1 problem in other flows; see quorate flow check\n"
    (found,) = json.loads(run("flow", "list", "--json").stdout)["data"]
    assert (found["name"], found["versions"]) == ("views", ["1.0.0"])


def test_the_examples_pass_their_own_tests(machine: Path, run: Run) -> None:
    (machine / "quorate.yaml").write_text(json.dumps({"version": 1, "flows": {"folder": str(EXAMPLES)}}))
    done = run("flow", "test")
    assert done.exit_code == 0, done.output
    passed, _, of, _ = done.output.splitlines()[-1].split()
    assert passed == of
    assert int(of) >= 19


def test_nothing_is_overwritten(site: Path, run: Run) -> None:
    done = run("flow", "new", "views")
    assert (done.exit_code, "is there already" in done.output) == (2, True)
    assert "doubts" in (site / "flows/views.yaml").read_text()


@pytest.mark.parametrize("name", ["../evil", "a b", "", "x/y"])
def test_a_name_that_is_none(machine: Path, run: Run, name: str) -> None:
    done = run("flow", "new", name)
    assert (done.exit_code, "is no name of a flow" in done.output) == (2, True)
    assert list(machine.rglob("*.yaml")) == []


def test_a_new_flow_goes_where_the_configuration_says(machine: Path, run: Run) -> None:
    (machine / "quorate.yaml").write_text("version: 1\nflows: {folder: mine}\n")
    assert run("flow", "new", "views").exit_code == 0
    assert (machine / "mine/views.yaml").is_file()


def test_check_shows_the_line(site: Path, run: Run) -> None:
    (site / "flows/wrong.yaml").write_text(WRONG)
    done = run("flow", "check")
    assert done.exit_code == 1
    assert "flows/wrong.yaml:5:24: steps[0].config.template: no step 'sumary'; did you mean 'summary'?" in done.output
    assert '  5 |     config: {template: "{{ steps.sumary.text }}"}' in done.output
    assert "    |                        ^" in done.output
    assert "1 flow right, 1 problem" in done.output


@pytest.mark.parametrize("target", ["wrong", "flows/wrong.yaml", "flows"])
def test_check_takes_names_files_and_folders(site: Path, run: Run, target: str) -> None:
    (site / "flows/wrong.yaml").write_text(WRONG)
    found = json.loads(run("flow", "check", "--json", target).output)
    [problem] = found["problems"]
    assert (problem["file"], problem["line"], problem["column"]) == ("flows/wrong.yaml", 5, 24)
    assert [flow["name"] for flow in found["flows"]] == (["views"] if target == "flows" else [])


def test_a_flow_with_a_mistake_is_told_where_it_is_named(site: Path, run: Run) -> None:
    (site / "flows/wrong.yaml").write_text(WRONG)
    for command in ("plan", "run", "graph", "docs", "test"):
        done = run("flow", command, "wrong")
        assert (done.exit_code, "no step 'sumary'" in done.output) == (4, True), command


@pytest.mark.parametrize("target", ["nope", "nope.yaml", "./nope"])
def test_a_flow_that_is_not_there(site: Path, run: Run, target: str) -> None:
    assert site.is_dir()
    assert run("flow", "plan", target).exit_code == 2


def test_there_are_no_flows(machine: Path, run: Run) -> None:
    assert run("flow", "check").exit_code == 4
    (machine / "flows").mkdir()
    assert "`quorate flow new NAME` makes one" in run("flow", "check").output


def test_a_plan_says_what_waits_for_what(site: Path, run: Run) -> None:
    assert site.is_dir()
    said = run("flow", "plan", "views").output
    assert "summary, doubts" in said
    assert "a run needs at most: 12 calls" in said
    assert json.loads(run("flow", "plan", "views", "--json").output)["stages"] == [["summary", "doubts"], ["page"]]


def test_of_several_versions_the_plan_of_a_key_is_shown(site: Path, run: Run) -> None:
    flow = "steps: [{name: a, executor: wait, config: {seconds: 0}}]\nrollout: {split: {1.0.0: 1, 2.0.0: 1}}\n"
    for version in ("1.0.0", "2.0.0"):
        (site / f"flows/both@{version}.yaml").write_text(flow)
    shown = {key: json.loads(run("flow", "plan", "both", "--key", key, "--json").output)["version"] for key in "abcdef"}
    assert set(shown.values()) == {"1.0.0", "2.0.0"}
    assert all(
        json.loads(run("flow", "plan", "both", "--key", key, "--json").output)["version"] == version
        for key, version in shown.items()
    )


def test_a_test_that_does_not_pass(site: Path, run: Run) -> None:
    file = site / "flows/views.yaml"
    file.write_text(file.read_text().replace("contains: nobody could say", "contains: <somebody>"))
    done = run("flow", "test", "views", "--junit", "report.xml")
    assert done.exit_code == 1
    assert "✗ views: without doubts there is a page" in done.output
    assert "outputs.page: expected contains <somebody>" in done.output
    report = (site / "report.xml").read_text()
    assert 'tests="2" failures="1"' in report
    assert "contains &lt;somebody&gt;" in report
    found = json.loads(run("flow", "test", "views", "--json").output)
    assert [test["passed"] for test in found["tests"]] == [True, False]


def test_live_and_simulated_exclude_each_other(site: Path, run: Run) -> None:
    assert site.is_dir()
    assert run("flow", "test", "--live", "--simulated").exit_code == 2


def test_pictures_and_pages(site: Path, run: Run) -> None:
    assert run("flow", "graph", "views").output.startswith("<svg ")
    assert run("flow", "graph", "views", "--format", "mermaid").output.startswith("flowchart TD")
    assert run("flow", "graph", "views", "-o", "views.svg").exit_code == 0
    assert (site / "views.svg").read_text().endswith("</svg>\n")
    assert run("flow", "graph", "views", "-o", "views.mmd").exit_code == 0
    assert (site / "views.mmd").read_text().startswith("flowchart")
    assert run("flow", "docs", "views").output.startswith("# views\n")


def test_executors_and_what_they_take(run: Run) -> None:
    assert "document_extractor" in run("flow", "executors").output
    assert "ended_at" in run("flow", "executors", "wait").output
    found = json.loads(run("flow", "executors", "wait", "--json").output)
    assert set(found["config"]["properties"]) == {"seconds", "until"}
    done = run("flow", "executors", "wiat")
    assert (done.exit_code, "did you mean 'wait'" in done.output) == (2, True)


def test_the_schema_is_one(run: Run) -> None:
    assert json.loads(run("flow", "schema").output)["title"] == "a flow"


def test_a_caret_stands_under_the_column() -> None:
    assert code_frame(["a: 1", "bb: 2"], 2, 5) == "  1 | a: 1\n  2 | bb: 2\n    |     ^"
    assert code_frame(["\tx"], 1, 2) == "  1 | \tx\n    | \t^"
    assert code_frame([], 1, 1) == ""
    assert code_frame(["x" * 1000], 1, 900).count("x") == 160
