"""Saved prompts by name."""

from collections.abc import Mapping
from typing import Any, Protocol

from quorate.core.errors import NotFound
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


class NoPrompts:
    """A book without prompts."""

    def names(self) -> tuple[str, ...]:
        """Return none."""
        return ()

    async def run(self, name: str, values: Mapping[str, Any], call: Call) -> Result:
        """Raise `NotFound`."""
        del values, call
        raise NotFound(f"no saved prompt {name!r}; there are none: set `prompts.folder`", param="prompt")
