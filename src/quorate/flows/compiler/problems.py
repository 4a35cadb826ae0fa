"""Everything wrong with a flow, collected with its places."""

import re
from collections.abc import Iterable

from quorate.source.explain import Written
from quorate.source.place import BadConfiguration, KeyPath, Problem

_MARK = re.compile(r"(.*):([0-9]+):([0-9]+)")


class Problems:
    """What was found so far, each once; a live object for one compilation."""

    def __init__(self, written: Written) -> None:
        self.written = written
        self._found: dict[str, Problem] = {}

    def at(self, path: KeyPath, message: str) -> None:
        """Add a problem of the value at `path`."""
        self.add([Problem(where=self.written.place(path), path=path, message=message)])

    def at_key(self, path: KeyPath, message: str) -> None:
        """Add a problem of the key at the end of `path`."""
        self.add([Problem(where=self.written.key_place(path), path=path, message=message)])

    def add(self, problems: Iterable[Problem]) -> None:
        """Add problems that have their places already."""
        for problem in problems:
            self._found.setdefault(str(problem), problem)

    def raise_any(self) -> None:
        """Raise `BadConfiguration` with all of them, in the order of their lines; do nothing if there is none."""
        if self._found:
            raise BadConfiguration(sorted(self._found.values(), key=_position))


def _position(problem: Problem) -> tuple[str, int, int]:
    mark = _MARK.fullmatch(problem.where)
    return (mark[1], int(mark[2]), int(mark[3])) if mark else (problem.where, 0, 0)
