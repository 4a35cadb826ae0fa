"""What the page about documents writes into flows is what the executors take."""

from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from quorate.flows.executors.standard import standard_executors

PAGE = Path(__file__).parents[4] / "docs" / "howto" / "read-documents-in-flows.md"


def written_steps() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for part in PAGE.read_text().split("```yaml\n")[1:]:
        found += cast("dict[str, list[dict[str, Any]]]", yaml.safe_load(part.partition("```")[0]))["steps"]
    return found


@pytest.mark.parametrize("step", written_steps(), ids=lambda step: step["name"])
def test_the_config_of_every_step_on_the_page_is_right(step: dict[str, Any]) -> None:
    config = standard_executors().get(step["executor"]).config
    literal = {key: value for key, value in step["config"].items() if "{{" not in str(value)}
    config.model_validate(literal)
    assert step["config"].keys() <= config.model_fields.keys()


def test_the_page_has_steps() -> None:
    assert len(written_steps()) == 7
