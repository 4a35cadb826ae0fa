"""The executors that come with Quorate, by name."""

import pytest

from quorate.core.errors import NotFound
from quorate.flows.executors.standard import standard_executors


def test_each_says_what_it_takes() -> None:
    executors = standard_executors()
    for name in executors.names():
        executor = executors.get(name)
        assert executor.name == name
        assert executor.summary.endswith(".")
        assert executor.config.model_json_schema()["properties"]
        fields = executor.config.model_fields
        assert executor.raw <= {field.alias or name for name, field in fields.items()}


def test_a_name_that_is_almost_right_is_told() -> None:
    with pytest.raises(NotFound, match="did you mean 'llm_analyzer'"):
        standard_executors().get("llm_analyser")
