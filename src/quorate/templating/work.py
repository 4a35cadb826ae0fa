"""What one rendering may use: time, characters, items and calls of functions that users wrote.

The engine's fuel counts instructions. Everything that makes texts or lists out of others goes through here instead,
so that no single instruction costs more than these bounds.
"""

import math
import threading
from collections.abc import Callable, Mapping, Sequence
from time import monotonic
from typing import Any, Final, TypeGuard, TypeVar, TypeVarTuple, Unpack, cast

from quorate.templating.template import TemplateError

MAX_TEXT: Final = 1 << 20
MAX_TREE: Final = 4 << 20
MAX_DEPTH: Final = 64
MAX_ITEMS: Final = 200_000
_MAX_WORK: Final = 32 << 20
_MAX_S: Final = 2.0
_MAX_CALLS: Final = 100
#: What is rendered where others wait may take so long, and use so many characters and items.
_BRIEF_S: Final = 0.005
_BRIEF_WORK: Final = 100_000
_MAX_BITS: Final = 126
_NOT_JSON: Final = frozenset({"bytes", "bytearray", "memoryview", "set", "frozenset"})

#: Calls a function of the user's: its name, its arguments, its named arguments.
CallUser = Callable[[str, Sequence[object], Mapping[str, object]], object]


A = TypeVarTuple("A")
T = TypeVar("T")


class TakesLong(Exception):
    """What was to be done briefly has more to do."""


class _Nothing:
    """What a name that is not there stands for, where its absence is allowed."""

    __slots__ = ()


NOTHING: Final = _Nothing()


class Work:
    """Live: what one rendering has used, and the value it has arrived at."""

    __slots__ = ("_brief", "_calls", "_left", "_until", "call_user", "kept", "scope")

    def __init__(self, scope: Mapping[str, object], call_user: CallUser) -> None:
        self.scope = scope
        self.call_user = call_user
        self.kept: object = NOTHING
        until = _CURRENT.brief_until
        self._brief = until is not None
        self._left = _MAX_WORK if until is None else _BRIEF_WORK
        self._calls = _MAX_CALLS
        self._until = monotonic() + _MAX_S if until is None else until

    def charge(self, size: int) -> None:
        """Take `size` characters or items from what is left. Raises `TemplateError` when there is none, `TakesLong`."""
        self._left -= size
        if self._left < 0 or monotonic() > self._until:
            raise self._too_much()

    def _too_much(self) -> Exception:
        if self._brief:
            return TakesLong()
        if self._left < 0:
            return TemplateError(f"it does too much work (more than {_MAX_WORK >> 20} MiB of text and items)")
        return TemplateError(f"it does too much work (more than {_MAX_S:g} s)")

    def called(self) -> None:
        """Count a call of a user's function."""
        self._calls -= 1
        if self._calls < 0:
            raise TemplateError(f"it calls functions more than {_MAX_CALLS} times")
        self.charge(1)


class _Current(threading.local):
    work: Work | None = None
    brief_until: float | None = None


_CURRENT = _Current()


def current() -> Work:
    """Return the work of the rendering that this thread is in."""
    work = _CURRENT.work
    if work is None:
        raise TemplateError("nothing is being rendered")
    return work


def briefly(work: Callable[[Unpack[A]], T], *arguments: *A) -> T:
    """Return what `work` returns, which renders; raise `TakesLong` once that has taken 5 ms, or made much data.

    Nothing remains of what was rendered until then.
    """
    _CURRENT.brief_until = monotonic() + _BRIEF_S
    try:
        return work(*arguments)
    finally:
        _CURRENT.brief_until = None


def enter(work: Work | None) -> Work | None:
    """Make it the thread's; return the one before."""
    before = _CURRENT.work
    _CURRENT.work = work
    return before


def room(size: int, limit: int = MAX_TREE) -> None:
    """Ask before a text or list of `size` is made. Raises `TemplateError` when it would be too large."""
    if size > limit:
        raise TemplateError(f"the result would be too large ({size} characters or items; at most {limit})")
    current().charge(size)


def passable(value: Any) -> Any:
    """Return a value that the engine takes as it is; larger integers would lose digits there."""
    if isinstance(value, int) and value.bit_length() > _MAX_BITS:
        raise TemplateError("the number is too large to calculate with")
    return value


def plain(value: object) -> Any:
    """Return plain JSON data: an own copy, mappings as dictionaries, tuples as lists.

    Raises `TemplateError` for anything else, for what is too deep or too large, and for numbers that JSON has not.
    """
    if value is None or isinstance(value, (bool, int)):
        return value
    return _Copy().take(value, 0)


class _Copy:
    """Live: one copy being made; what it has cost."""

    __slots__ = ("_items", "_size")

    def __init__(self) -> None:
        self._size = 0
        self._items = 0

    def take(self, value: object, depth: int) -> Any:
        """Return the copy of one value."""
        self._items += 1
        match value:
            case None | bool() | int():
                self._size += 8
                return value
            case str():
                self._size += len(value)
                self._check()
                return str(value)
            case float():
                return _finite(value)
            case Mapping():
                return self._mapping(cast("Mapping[object, object]", value), depth + 1)
            case list() | tuple():
                self._enter(depth + 1, len(cast("Sequence[object]", value)))
                return [self.take(item, depth + 1) for item in cast("Sequence[object]", value)]
            case _:
                return self._other(value, depth)

    def _mapping(self, value: Mapping[object, object], depth: int) -> dict[str, Any]:
        self._enter(depth, len(value))
        return {self._key(key): self.take(value[key], depth) for key in value}

    def _key(self, key: object) -> str:
        if isinstance(key, str):
            self._size += len(key)
            return str(key)
        if isinstance(key, int):
            return str(key)
        raise TemplateError(f"a mapping has a key that is {kind_of(key)}; keys are text")

    def _enter(self, depth: int, length: int) -> None:
        if depth > MAX_DEPTH:
            raise TemplateError(f"the value is nested more than {MAX_DEPTH} deep")
        self._check(length)

    def _check(self, more: int = 0) -> None:
        if self._size > MAX_TREE or self._items + more > MAX_ITEMS:
            raise TemplateError(f"the value is too large (at most {MAX_TREE >> 20} MiB of text and {MAX_ITEMS} values)")

    def _other(self, value: object, depth: int) -> Any:
        if value is NOTHING:
            return None
        # Views of the engine (the items of a mapping, a slice) are iterable and have a length.
        if hasattr(value, "__len__") and hasattr(value, "__iter__") and type(value).__name__ not in _NOT_JSON:
            self._enter(depth + 1, 0)
            return [self.take(item, depth + 1) for item in cast("Sequence[object]", value)]
        raise TemplateError(f"the value is {kind_of(value)}; only plain data (as in JSON) is passed on")


def _finite(value: float) -> float:
    if math.isfinite(value):
        return value
    raise TemplateError(f"the number is {value}; JSON has no such number")


def is_list(value: object) -> TypeGuard[Sequence[Any]]:
    """Whether it is a list; a tuple is one too."""
    return isinstance(value, (list, tuple))


def kind_of(value: object) -> str:
    """Return what a value is, in words: `a text`, `a list`, ..."""
    match value:
        case str():
            return "a text"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case None:
            return "null"
        case Mapping():
            return "a mapping"
        case list() | tuple():
            return "a list"
        case _ if value is NOTHING:
            return "not there"
        case _:
            return f"something else ({type(value).__name__})"
