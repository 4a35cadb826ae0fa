"""One template, checked when it is made and rendered with bounds.

The engine is minijinja: compiled, strict about undefined names, with fuel against endless loops. Only plain data
enters, so no Python object is reachable from a template.
"""

from collections.abc import Mapping
from typing import TypeAlias, cast

import minijinja

from quorate.core.errors import InvalidRequest

Plain: TypeAlias = "str | int | float | bool | Mapping[str, Plain] | Mapping[int, Plain] | list[Plain] | None"

_FUEL = 200_000
_MAX_CHARS = 4_000_000


class TemplateError(InvalidRequest):
    """The template is wrong or asks for something that is not there; the message says where."""

    code = "template_error"


class Template:
    """A template text, named for error messages. Raises `TemplateError` when the syntax is wrong.

    `names` are the values that it asks for; what the engine itself offers (`range`, ...) is not among them.
    """

    def __init__(self, source: str, *, name: str = "template") -> None:
        self._name = name
        try:
            self._environment = minijinja.Environment(
                undefined_behavior="strict",
                fuel=_FUEL,
                templates={name: source},
                auto_escape_callback=_no_escape,
                keep_trailing_newline=True,
            )
            self.names = frozenset(self._environment.undeclared_variables_in_str(source)) - set(
                self._environment.globals
            )
        except minijinja.TemplateError as error:
            raise _explained(name, error) from None

    def render(self, values: Mapping[str, Plain]) -> str:
        """Return the text for `values`: strings, numbers, booleans, lists and mappings only.

        Raises `TemplateError` for a name that is not there, for too much work or for too long an output.
        """
        _require_plain(values, "values")
        try:
            text = self._environment.render_template(self._name, **values)
        except minijinja.TemplateError as error:
            raise _explained(self._name, error) from None
        if len(text) > _MAX_CHARS:
            raise TemplateError(f"{self._name} renders to {len(text)} characters, more than {_MAX_CHARS}")
        return text


def _no_escape(name: str) -> None:
    """Prompts are text, not HTML."""
    del name


def _explained(name: str, error: minijinja.TemplateError) -> TemplateError:
    where = f"{name}:{error.line}" if error.line else name
    what = "it does too much work (out of fuel)" if error.kind == "OutOfFuel" else error.detail or error.kind
    return TemplateError(f"{where}: {what}")


def _require_plain(value: object, path: str) -> None:
    match value:
        case None | str() | int() | float():
            pass
        case Mapping():
            for key, item in cast("Mapping[object, object]", value).items():
                _require_plain(item, f"{path}.{key}")
        case list():
            for index, item in enumerate(cast("list[object]", value)):
                _require_plain(item, f"{path}[{index}]")
        case _:
            raise TypeError(f"{path} is {type(value).__name__}; a template sees plain data only")
