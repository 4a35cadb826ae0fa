"""Anchors and aliases of a YAML text, with caps on how often and how much they repeat."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

from quorate.source.place import KeyPath

MAX_ALIASES = 100
MAX_NODES = 50_000


class AliasRefused(Exception):
    """An alias cannot be followed; the message says why. `final`: reading on is not worth it."""

    def __init__(self, message: str, *, final: bool = False) -> None:
        super().__init__(message)
        self.final = final


@dataclass(frozen=True, slots=True, kw_only=True)
class _Anchored:
    path: KeyPath
    value: object


class Anchors:
    """What has been anchored so far in one text, by name; a live object."""

    def __init__(self) -> None:
        self._known: dict[str, _Anchored] = {}
        self._open: set[str] = set()
        self._aliases = 0

    def begin(self, name: str) -> None:
        """Note that the value of an anchor begins: what is inside it cannot refer to it."""
        self._open.add(name)

    def end(self, name: str, path: KeyPath, value: object) -> None:
        """Note the value of an anchor and where it stands; a later one of the same name takes its place."""
        self._open.discard(name)
        self._known[name] = _Anchored(path=path, value=value)

    def follow(self, name: str) -> tuple[KeyPath, Any]:
        """Return where the anchored value stands, and a copy of it; raise `AliasRefused`."""
        if name in self._open:
            raise AliasRefused(f"the alias *{name} stands inside of what it repeats")
        if (anchored := self._known.get(name)) is None:
            raise AliasRefused(f"the alias *{name} has no anchor &{name} before it")
        self._aliases += 1
        if self._aliases > MAX_ALIASES:
            raise AliasRefused(f"the alias *{name} is one too many: at most {MAX_ALIASES} are followed", final=True)
        return anchored.path, _copied(anchored.value)


def paths_in(value: object, path: KeyPath = ()) -> Iterator[KeyPath]:
    """Yield the path of a value and of everything in it, containers first."""
    yield path
    if isinstance(value, dict):
        for key, inner in cast("dict[str, object]", value).items():
            yield from paths_in(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(cast("list[object]", value)):
            yield from paths_in(inner, (*path, index))


def _copied(value: object) -> object:
    if isinstance(value, dict):
        return {key: _copied(inner) for key, inner in cast("dict[str, object]", value).items()}
    if isinstance(value, list):
        return [_copied(inner) for inner in cast("list[object]", value)]
    return value
