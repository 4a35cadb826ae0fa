"""Saved prompts by name."""

from collections.abc import Mapping
from typing import Any, Protocol

from quorate.core.errors import NotFound
from quorate.engine.most import WorstCase
from quorate.model import Call
from quorate.parallel.result import Result


class PromptBook(Protocol):
    """Knows saved prompts and runs them."""

    def names(self) -> tuple[str, ...]:
        """Return the names of all."""
        ...

    async def run(self, name: str, values: Mapping[str, Any], call: Call) -> Result:
        """Render a prompt (its children first) and ask what it asks; raise `NotFound`, `InvalidRequest`."""
        ...

    def worst_case(self, name: str) -> WorstCase:
        """Return the most that asking a prompt can need; raise `NotFound`."""
        ...


class NoPrompts:
    """A book without prompts."""

    def names(self) -> tuple[str, ...]:
        """Return none."""
        return ()

    async def run(self, name: str, values: Mapping[str, Any], call: Call) -> Result:
        """Raise `NotFound`."""
        del values, call
        raise _none(name)

    def worst_case(self, name: str) -> WorstCase:
        """Raise `NotFound`."""
        raise _none(name)


def _none(name: str) -> NotFound:
    return NotFound(f"no saved prompt {name!r}; there are none: set `prompts.folder`", param="prompt")
