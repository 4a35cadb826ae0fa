"""Flows to begin with, and pages about flows."""

from pathlib import Path

import pytest

from quorate.config.flow_shelf import FlowShelf, open_shelf
from quorate.config.load import simulated_settings
from quorate.core.errors import InvalidRequest, NotFound
from quorate.flows.flow_page import example_inputs, flow_page
from quorate.flows.starter import STARTERS, starter
from quorate.source.place import BadConfiguration


def shelf(folder: Path, **flows: str) -> FlowShelf:
    for name, text in flows.items():
        (folder / f"{name}.yaml").write_text(text)
    return open_shelf(simulated_settings(), folder=folder)


@pytest.mark.parametrize("template", STARTERS)
def test_a_starter_is_a_flow_with_tests(tmp_path: Path, template: str) -> None:
    found = shelf(tmp_path, mine=starter(template, "mine"))
    assert found.book.problems() == ()
    plan = found.book.resolve("mine")
    assert plan.tests
    assert "NAME" not in (tmp_path / "mine.yaml").read_text()


def test_a_template_that_is_not_there() -> None:
    with pytest.raises(InvalidRequest, match="did you mean 'hello'"):
        starter("helo", "mine")


def test_a_page_says_what_goes_in_and_comes_out(tmp_path: Path) -> None:
    found = shelf(tmp_path, mine=starter("documents", "mine"))
    page = flow_page(found.book.resolve("mine"), found.executors)
    for part in (
        "# mine\n",
        "| `document` | file | yes |  | A PDF, an office file, HTML or text |",
        "| `words` | integer | no | `50` | How long the summary may be |",
        "| `summary` | string |  |",
        "unless steps.read.text \\| length > 0",
        "```mermaid\nflowchart TD",
        "--file document='mine.yaml'",
        "-F document=@'mine.yaml'",
        "/api/v1/flows/mine/run",
    ):
        assert part in page


def test_values_on_a_page_are_one_word_of_a_shell(tmp_path: Path) -> None:
    text = """
inputs: {text: {type: string, required: true}, n: {type: integer, required: true}}
examples: [{text: "it's; rm -rf /", n: 3}]
steps: [{name: a, executor: transform, config: {value: 1}}]
"""
    found = shelf(tmp_path, mine=text)
    plan = found.book.resolve("mine")
    assert example_inputs(plan) == {"text": "it's; rm -rf /", "n": 3}
    assert "--input text='it'\\''s; rm -rf /'" in flow_page(plan, found.executors)


def test_the_flow_in_a_file(tmp_path: Path) -> None:
    book = shelf(tmp_path, good=starter("hello", "good"), bad="steps: 3", base="abstract: true").book
    assert book.in_file(tmp_path / "good.yaml").name == "good"
    with pytest.raises(BadConfiguration, match=r"bad\.yaml:1:8"):
        book.in_file(tmp_path / "bad.yaml")
    with pytest.raises(NotFound, match="abstract"):
        book.in_file(tmp_path / "base.yaml")
    with pytest.raises(NotFound, match="no file of a flow"):
        book.in_file(tmp_path / "other.txt")
