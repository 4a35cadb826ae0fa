"""The reference page of expressions names everything that there is, and each of its examples gives what it says."""

import json
import re
from pathlib import Path

import pytest

from quorate.templating import TemplateError
from quorate.templating.builtins import FILTERS, FUNCTIONS, METHODS, TESTS
from quorate.templating.environment import Environment

PAGE = (Path(__file__).parents[3] / "docs/reference/expressions.md").read_text()
INPUTS = json.loads(PAGE.split("```json\n")[1].split("\n```")[0])
ROW = re.compile(r"^\| `(\w+)` \| `(.*?)` \| `(.*?)` \| .+ \|$", re.MULTILINE)


def section(title: str) -> list[tuple[str, str, str]]:
    text = PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]
    return [(name, *(cell.replace("\\|", "|") for cell in cells)) for name, *cells in ROW.findall(text)]


EXAMPLES = [row for title in ("Filters", "Tests", "Functions", "Methods") for row in section(title)]


@pytest.mark.parametrize(
    ("title", "offered"),
    [
        ("Filters", set(FILTERS)),
        ("Tests", {*TESTS, "defined", "undefined"}),
        ("Functions", set(FUNCTIONS)),
        ("Methods", set(METHODS)),
    ],
)
def test_the_page_names_what_there_is(title: str, offered: set[str]) -> None:
    assert {name for name, _, _ in section(title)} == offered


@pytest.mark.parametrize(("name", "written", "result"), EXAMPLES)
def test_an_example_of_the_page_gives_what_it_says(name: str, written: str, result: str) -> None:
    assert name in written
    value = Environment().value("{{ " + written + " }}", name="page")
    if result == "error":
        with pytest.raises(TemplateError):
            value.render({"inputs": INPUTS})
    else:
        assert value.render({"inputs": INPUTS}) == json.loads(result)
