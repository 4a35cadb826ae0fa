"""Reading flows in tests: text in, canonical tree, section or messages out."""

from textwrap import dedent
from typing import Any

import pytest

from quorate.flows.language.read import ReadFlow, read_flow_text
from quorate.source.place import BadConfiguration


def read(text: str) -> ReadFlow:
    """Return a flow written in a test; it is called `demo` if it does not say otherwise."""
    return read_flow_text(dedent(text), "demo.yaml")


def tree(text: str) -> dict[str, Any]:
    """Return its canonical tree without its name."""
    return {key: value for key, value in read(text).written.tree.items() if key != "name"}


def only_step(text: str) -> dict[str, Any]:
    """Return the canonical tree of a flow's first step without its name."""
    step = tree(text)["steps"][0]
    return {key: value for key, value in step.items() if key != "name"}


def messages(text: str) -> list[str]:
    """Return everything that is wrong with a flow."""
    with pytest.raises(BadConfiguration) as caught:
        read(text)
    return [str(problem) for problem in caught.value.problems]
