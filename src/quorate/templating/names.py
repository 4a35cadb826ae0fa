"""The names that a template may use: what is bound where, and what of the scope it asks for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final

from quorate.templating.place import Written
from quorate.templating.work import NOTHING

#: A path into the scope: names, and places in lists.
Path = tuple[str | int, ...]


class Bound(Enum):
    """What a name that the template itself binds is."""

    VALUE = auto()
    SET = auto()
    LOOP = auto()
    MACRO = auto()
    MODULE = auto()


@dataclass(slots=True, kw_only=True)
class Table:
    """A live object: what the compiled code of one environment refers to: places in texts and paths by number.

    `calls` are the names of the bounded operations, filters and others that it calls.
    """

    calls: set[str] = field(default_factory=set[str])
    places: list[tuple[Written, int]] = field(default_factory=list[tuple[Written, int]])
    paths: list[Path] = field(default_factory=list[Path])
    _numbers: dict[Path, int] = field(default_factory=dict[Path, int])

    def place(self, written: Written, at: int) -> int:
        """Return the number of a place."""
        self.places.append((written, at))
        return len(self.places) - 1

    def path(self, path: Path) -> int:
        """Return the number of a path."""
        number = self._numbers.get(path)
        if number is None:
            number = self._numbers[path] = len(self.paths)
            self.paths.append(path)
        return number


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What can be called: macros and templates by name, the functions that users wrote."""

    functions: frozenset[str] = frozenset()
    macros: frozenset[str] = frozenset()
    templates: frozenset[str] = frozenset()


@dataclass(slots=True, kw_only=True)
class Uses:
    """A live object: what a template turned out to use. `paths` are numbers in the table."""

    paths: dict[int, None] = field(default_factory=dict[int, None])
    macros: dict[str, None] = field(default_factory=dict[str, None])
    templates: dict[str, None] = field(default_factory=dict[str, None])
    slow: bool = False

    def add(self, other: "Uses") -> None:
        """Take over what another one uses."""
        self.paths |= other.paths
        self.macros |= other.macros
        self.templates |= other.templates
        self.slow = self.slow or other.slow


class Names:
    """Live: the names bound where the translator stands; the innermost block last."""

    def __init__(self) -> None:
        self._blocks: list[dict[str, Bound]] = [{}]

    def open(self, bound: Mapping[str, Bound] | None = None) -> None:
        """Begin a block."""
        self._blocks.append(dict(bound or {}))

    def close(self) -> None:
        """Forget what the innermost block bound."""
        self._blocks.pop()

    def bind(self, name: str, what: Bound) -> None:
        """Bind a name in the innermost block."""
        self._blocks[-1][name] = what

    def get(self, name: str) -> Bound | None:
        """Return what a name is; `None` if it is one of the scope."""
        return next((block[name] for block in reversed(self._blocks) if name in block), None)


def find(scope: object, path: Path) -> object:
    """Return what is at a path, `NOTHING` if it is not there."""
    value = scope
    for key in path:
        value = child(value, key)
        if value is NOTHING:
            return NOTHING
    return value


def child(value: object, key: object) -> object:
    """Return a field of a mapping or a place of a list or text; never an attribute of an object."""
    try:
        if type(value) is dict or isinstance(value, Mapping):  # the first is 5 times as fast
            return value[key]  # pyright: ignore[reportUnknownVariableType] - whatever the mapping holds
        if isinstance(value, (list, tuple, str)) and isinstance(key, int):
            return value[key]  # pyright: ignore[reportUnknownVariableType] - whatever the list holds
    except (LookupError, TypeError):
        pass
    return NOTHING


_SHOWN: Final = 12


def spelled(path: Sequence[str | int]) -> str:
    """Return a path as one writes it: `steps.list[0].name`."""
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path).removeprefix(".")


def not_there(scope: object, path: Path) -> str:
    """Return why a path leads nowhere: which part is missing, and what is there instead."""
    for depth in range(1, len(path) + 1):
        if find(scope, path[:depth]) is NOTHING:
            break
    else:
        depth = len(path)
    holder = find(scope, path[: depth - 1])
    missing = f"{spelled(path[:depth])!r} is not there"
    if isinstance(holder, Mapping):
        keys = sorted(str(key) for key in holder)  # pyright: ignore[reportUnknownVariableType,reportUnknownArgumentType] - any key
        where = repr(spelled(path[: depth - 1])) if depth > 1 else "the scope"
        shown = ", ".join(keys[:_SHOWN]) + (", ..." if len(keys) > _SHOWN else "")
        return f"{missing}; {where} has: {shown or 'nothing'}"
    if holder is None and depth > 1:
        return f"{missing}, because {spelled(path[: depth - 1])!r} is null"
    return missing
