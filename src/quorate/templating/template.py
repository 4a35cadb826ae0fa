"""One text with its template, checked when it is made and rendered with bounds; and what is wrong with templates."""

from collections.abc import Mapping
from typing import TypeAlias, cast

from quorate.core.errors import InvalidRequest

Plain: TypeAlias = "str | int | float | bool | Mapping[str, Plain] | Mapping[int, Plain] | list[Plain] | None"

_MAX_CHARS = 4_000_000


class TemplateError(InvalidRequest):
    """The template is wrong or asks for something that is not there; the message says where."""

    code = "template_error"


class Template:
    """A template text, named for error messages. Raises `TemplateError` when the syntax is wrong.

    It knows what the expressions of flows know, with the same bounds of time and size, but for the filters by regular
    expression, which wait for another process. `names` are the values that it asks for. Making one costs 1 ms,
    rendering it 0.1 ms and what its filters do.
    """

    def __init__(self, source: str, *, name: str = "template") -> None:
        # most programs have no template, and this is the larger half of the package
        from quorate.templating.environment import Environment  # noqa: PLC0415

        self._value = Environment(max_text=_MAX_CHARS).text(source, name=name)
        if self._value.slow:
            raise TemplateError(f"{name}: filters by regular expression are for flows; this text is rendered at once")
        self.names = frozenset(reference.names[0] for reference in self._value.references)

    def render(self, values: Mapping[str, Plain]) -> str:
        """Return the text for `values`: strings, numbers, booleans, lists and mappings only.

        Raises `TemplateError` for a name that is not there, for too much work or for too long an output.
        """
        _require_plain(values, "values")
        return self._value.render(values)


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
