"""What the compiler asks of templates: values and conditions, with the functions and macros of one flow."""

from collections.abc import Mapping
from typing import Protocol

from quorate.templating.value import Value


class Environment(Protocol):
    """Compiles what is written in one flow. `name` is what messages call the value."""

    def value(self, written: object, *, name: str) -> Value:
        """Return any JSON tree, its templates compiled; raise `TemplateError` for one that is wrong."""
        ...

    def condition(self, written: str | bool, *, name: str) -> Value:
        """Return an expression, with or without braces, that renders to a boolean; raise `TemplateError`."""
        ...


class Environments(Protocol):
    """Makes the environment of a flow."""

    def __call__(self, *, functions: Mapping[str, str], macros: Mapping[str, str]) -> Environment:
        """Return it; `functions` are texts in Python by name, `macros` texts of templates by name.

        Raises a `QuorateError` for a function or a macro that is wrong.
        """
        ...
