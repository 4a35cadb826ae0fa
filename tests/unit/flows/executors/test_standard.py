"""The executors that come with Quorate, by name."""

import pytest

from quorate.core.errors import NotFound
from quorate.flows.executors.standard import STANDARD, standard_executors


def test_each_says_what_it_takes() -> None:
    executors = standard_executors()
    for name in executors.names():
        executor = executors.get(name)
        assert executor.name == name
        assert executor.summary.endswith(".")
        assert executor.config.model_json_schema()["properties"]
        keys = {field.alias or key for key, field in executor.config.model_fields.items()}
        assert executor.raw <= keys


def test_classes_and_files_are_called_as_their_executors_are() -> None:
    for kind in STANDARD:
        words = "".join(word.capitalize() for word in kind.name.split("_"))
        assert kind.__name__ == f"{words.removesuffix('Executor')}Executor"
        other_name = any(base in STANDARD for base in kind.__bases__)
        assert other_name or kind.__module__ == f"quorate.flows.executors.{kind.name}"


def test_a_name_that_is_almost_right_is_told() -> None:
    with pytest.raises(NotFound, match="did you mean 'llm_analyzer'"):
        standard_executors().get("llm_analyser")
