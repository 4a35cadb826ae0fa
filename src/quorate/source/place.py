"""What can be wrong with a value that somebody wrote, and how its place is said."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from quorate.core.errors import Misconfigured

#: The steps from the top of a file to a value: keys and list indexes.
KeyPath = tuple[str | int, ...]

_SHOWN_CHARACTERS = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing wrong: where, at which path, and what (with the value and what is expected)."""

    where: str
    path: KeyPath
    message: str

    def __str__(self) -> str:
        at = f"{dotted(self.path)}: " if self.path else ""
        return f"{self.where}: {at}{self.message}"


class BadConfiguration(Misconfigured):
    """Everything wrong with a configuration; `problems` holds one entry each, in the order of the files."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)
        self.where = problems[0].where if problems else None


def dotted(path: KeyPath) -> str:
    """Return a path as people write it: `models.panel.members[1].model`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def shown(value: object) -> str:
    """Return a value for a message, cut to a readable length."""
    text = repr(value)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[: _SHOWN_CHARACTERS - 3]}..."


def listed(names: Iterable[str], *, most: int = 30) -> str:
    """Return names as `a, b, c`, the rest counted."""
    items = list(names)
    more = f" and {len(items) - most} more" if len(items) > most else ""
    return ", ".join(items[:most]) + more if items else "none"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return `; did you mean 'x'?` for the closest known name, or an empty string."""
    candidates = {candidate.lower(): candidate for candidate in known}
    close = get_close_matches(name.lower(), candidates, n=1, cutoff=0.6)
    return f"; did you mean {candidates[close[0]]!r}?" if close else ""
