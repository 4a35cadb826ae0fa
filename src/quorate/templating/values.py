"""The kinds of compiled values: literals, names of the scope, expressions, texts, trees of them, conditions."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from quorate.templating.names import Path, find, not_there
from quorate.templating.place import Written
from quorate.templating.template import TemplateError
from quorate.templating.value import Reference, Scope, Value
from quorate.templating.work import NOTHING, plain


@dataclass(frozen=True, slots=True, kw_only=True)
class Literal:
    """What was written, as it is. Every rendering returns the same object: it is not to be changed."""

    value: Any
    references: tuple[Reference, ...] = ()
    slow: bool = False

    def render(self, scope: Scope) -> Any:
        """Return it."""
        del scope
        return self.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A name of the scope and nothing else; keeps its type to the last digit."""

    written: Written
    at: int
    path: Path
    references: tuple[Reference, ...]
    slow: bool = False

    def render(self, scope: Scope) -> Any:
        """Return an own copy of what it stands for."""
        found = find(scope, self.path)
        if found is NOTHING:
            raise self.written.error(self.at, not_there(scope, self.path))
        if found is None or isinstance(found, (str, bool, int)):
            return found
        try:
            return plain(found)
        except TemplateError as error:
            raise self.written.error(self.at, error.message) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Coded:
    """An expression or a text that the engine runs."""

    references: tuple[Reference, ...]
    slow: bool
    run: Callable[[Scope], Any]

    def render(self, scope: Scope) -> Any:
        """Return its value, or the text."""
        return self.run(scope)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A list of values, at least one of which is not literal."""

    items: tuple[Value, ...]
    references: tuple[Reference, ...]
    slow: bool

    def render(self, scope: Scope) -> Any:
        """Return the list."""
        return [item.render(scope) for item in self.items]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fields:
    """A mapping of values, at least one of which is not literal. Keys are literal."""

    fields: Mapping[str, Value]
    references: tuple[Reference, ...]
    slow: bool

    def render(self, scope: Scope) -> Any:
        """Return the mapping."""
        return {name: value.render(scope) for name, value in self.fields.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Holds:
    """A condition: whether its value is true, not empty and not null."""

    value: Value

    @property
    def references(self) -> tuple[Reference, ...]:
        """The names that it asks for."""
        return self.value.references

    @property
    def slow(self) -> bool:
        """Whether it calls users' functions."""
        return self.value.slow

    def render(self, scope: Scope) -> bool:
        """Return whether it holds."""
        return bool(self.value.render(scope))
