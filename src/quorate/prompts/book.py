"""Saved prompts by name."""

from collections.abc import Mapping
from typing import Any, Protocol

from quorate.core.clock import Clock
from quorate.core.errors import NotFound
from quorate.engine.most import WorstCase
from quorate.model import Call
from quorate.parallel.result import Result


class PromptBook(Protocol):
    """Knows saved prompts and runs them."""

    @property
    def generation(self) -> int:
        """A number that is another one once a prompt was seen to have changed."""
        ...

    async def refresh(self, clock: Clock) -> None:
        """Read what has changed, unless somebody looked a moment ago."""
        ...

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

    @property
    def generation(self) -> int:
        """Return 0: none changes."""
        return 0

    async def refresh(self, clock: Clock) -> None:
        """Do nothing."""
        del clock

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
