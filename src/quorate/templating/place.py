"""Where in a written text an error is, and an error that shows it."""

from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

from quorate.templating.template import TemplateError

if TYPE_CHECKING:
    from collections.abc import Iterable

_SHOWN = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A text that somebody wrote, and what it is called in errors."""

    name: str
    text: str

    def error(self, at: int, message: str) -> TemplateError:
        """Return the error at an offset: name, line, column, the line itself and a caret below it."""
        line = self.text.count("\n", 0, at) + 1
        start = self.text.rfind("\n", 0, at) + 1
        end = self.text.find("\n", at)
        shown = self.text[start : None if end < 0 else end]
        cut = max(0, at - start - _SHOWN // 2)
        caret = " " * (at - start - cut) + "^"
        return TemplateError(
            f"{self.name}:{line}:{at - start + 1}: {message}\n  {shown[cut : cut + _SHOWN]}\n  {caret}",
            param=self.name,
        )


def nearest(name: str, known: "Iterable[str]") -> str:
    """Return `; did you mean 'x'?` for the known name that is closest, or nothing."""
    found = get_close_matches(name, sorted(known), n=1, cutoff=0.6)
    return f"; did you mean {found[0]!r}?" if found else ""
