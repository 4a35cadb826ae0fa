"""Written values, compiled; one that is wrong becomes a problem at the very text that is wrong."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from quorate.core.errors import QuorateError
from quorate.flows.compiler.environment import Environment
from quorate.flows.compiler.problems import Problems
from quorate.source.place import KeyPath, shown
from quorate.templating.value import Reference, Scope, Value

_OPENINGS = ("{{", "{%", "{#")


@dataclass(frozen=True, slots=True, kw_only=True)
class Literal:
    """A value that refers to nothing."""

    plain: Any = None
    references: tuple[Reference, ...] = ()
    slow: bool = False

    def render(self, scope: Scope) -> Any:
        """Return the value."""
        del scope
        return self.plain


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigValue:
    """The configuration of a step: what is under `raw` keys stays as it is written, all else is rendered."""

    rendered: Value
    raw: Mapping[str, Any]
    references: tuple[Reference, ...]

    @property
    def slow(self) -> bool:
        """Whether rendering may wait for another process."""
        return self.rendered.slow

    def render(self, scope: Scope) -> Any:
        """Return the whole configuration as a mapping."""
        return {**self.rendered.render(scope), **self.raw}


class Values:
    """Compiles the values of one flow; live, because it collects what is wrong."""

    def __init__(self, environment: Environment, problems: Problems) -> None:
        self.environment = environment
        self._problems = problems

    def value(self, written: object, at: KeyPath, name: str) -> Value:
        """Return a JSON tree compiled."""
        try:
            return self.environment.value(written, name=name)
        except QuorateError as error:
            if not self._wrong_leaves(written, at, name):
                self._problems.at(at, error.message)
        return Literal()

    def condition(self, written: object, at: KeyPath, name: str) -> Value:
        """Return an expression compiled, with or without braces."""
        if not isinstance(written, str | bool):
            self._problems.at(at, f"{shown(written)}: expected an expression such as `steps.check.ok`, true or false")
            return Literal()
        try:
            return self.environment.condition(written, name=name)
        except QuorateError as error:
            self._problems.at(at, error.message)
        return Literal()

    def items(self, written: object, at: KeyPath, name: str) -> Value:
        """Return what gives a list: a list, or an expression with or without braces."""
        if isinstance(written, str):
            text = written if has_template(written) else f"{{{{ {written} }}}}"
            return self.value(text, at, name)
        if not isinstance(written, list | tuple):
            self._problems.at(at, f"{shown(written)}: expected a list, or an expression that gives one")
        return self.value(cast("object", written), at, name)

    def guessed(self, written: object, name: str) -> tuple[Reference, ...]:
        """Return what a text without braces refers to if it is an expression, nothing if it is none."""
        if not isinstance(written, str) or has_template(written):
            return ()
        try:
            return self.environment.condition(written, name=name).references
        except QuorateError:
            return ()

    def _wrong_leaves(self, written: object, at: KeyPath, name: str) -> bool:
        """Report each text inside that is wrong; return whether there was one."""
        found = False
        for step, part in _parts(written):
            found |= self._wrong_leaves(part, (*at, step), f"{name}.{step}" if isinstance(step, str) else name)
        if isinstance(written, str):
            try:
                self.environment.value(written, name=name)
            except QuorateError as error:
                self._problems.at(at, error.message)
                return True
        return found


def has_template(value: object) -> bool:
    """Return whether a value is, or holds, a text with a template."""
    if isinstance(value, str):
        return any(opening in value for opening in _OPENINGS)
    return any(has_template(part) for _, part in _parts(value))


def leaves(value: object, at: KeyPath = ()) -> list[tuple[KeyPath, object]]:
    """Return all scalars of a JSON tree with their places in it."""
    parts = _parts(value)
    if not parts and not isinstance(value, Mapping | list | tuple):
        return [(at, value)]
    return [leaf for step, part in parts for leaf in leaves(part, (*at, step))]


def _parts(value: object) -> list[tuple[str | int, object]]:
    if isinstance(value, Mapping):
        return list(cast("Mapping[str | int, object]", value).items())
    return list(enumerate(cast("Sequence[object]", value))) if isinstance(value, list | tuple) else []
