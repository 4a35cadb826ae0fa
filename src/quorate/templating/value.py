"""What stands in a template's place: a value that may hold expressions, compiled once and rendered many times."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

#: What a template or an expression may see, by name; plain data all the way down.
Scope = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A name that an expression asks for, as far as it is known without running it: `("steps", "ocr", "text")`.

    `place` is the path within the written value at which the expression stands (`("sources", 0)`).
    """

    names: tuple[str, ...]
    place: tuple[str | int, ...] = ()


class Value(Protocol):
    """A written value, compiled. Literals cost nothing; a whole-value `"{{ expr }}"` keeps its type.

    `references` are all names asked for. `slow`: it calls functions that users wrote, which run in another process:
    render it in a thread.
    """

    @property
    def references(self) -> tuple[Reference, ...]:
        """The names that it asks for, each once for each place."""
        ...

    @property
    def slow(self) -> bool:
        """Whether rendering may wait for another process."""
        ...

    def render(self, scope: Scope) -> Any:
        """Return the plain value in a scope; raise `TemplateError` naming the place, the expression and the reason."""
        ...
