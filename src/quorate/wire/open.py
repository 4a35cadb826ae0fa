"""Structs that keep what they do not know.

A provider may add a field to any object at any time. `Open` structs type the fields we read and keep all others in
`extra`, at every level, so that what came in goes out again: decode -> split off the unknown -> convert -> dump.
"""

import typing
from functools import cache
from typing import Any, ClassVar, NamedTuple, TypeVar, cast, get_args

import msgspec

from quorate.core.errors import InvalidRequest

JsonObject = dict[str, Any]


class Open(msgspec.Struct, frozen=True, kw_only=True):
    """Base of wire objects; `extra` holds the fields that the struct does not name, as plain JSON values."""

    #: Fields written even when they hold their default: the wire's readers expect to see the key.
    always: ClassVar[frozenset[str]] = frozenset()

    extra: JsonObject = msgspec.field(default_factory=dict[str, Any])


OpenT = TypeVar("OpenT", bound=Open)


class _Field(NamedTuple):
    name: str
    key: str
    child: type[Open] | None
    default: object
    always: bool


_NOTHING = object()


def decode(data: bytes | str, kind: type[OpenT]) -> OpenT:
    """Return `data` as `kind`; raise `InvalidRequest` naming the JSON path of what does not fit."""
    try:
        value = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRequest(f"the body is not JSON: {error}") from None
    return load(value, kind)


def load(value: object, kind: type[OpenT]) -> OpenT:
    """Return a decoded JSON value as `kind`; raise `InvalidRequest` naming the JSON path of what does not fit."""
    try:
        return msgspec.convert(_split(value, kind), kind)
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at `")
        raise InvalidRequest(f"{message} at {path.rstrip('`') or '$'}", param=path.rstrip("`")[2:] or None) from None


def encode(value: Open) -> bytes:
    """Return compact JSON of `value`, unknown fields included."""
    return msgspec.json.encode(dump(value))


def dump(value: Open) -> JsonObject:
    """Return `value` as plain JSON objects; fields that hold their default are left out unless the wire wants them."""
    out: JsonObject = {}
    for name, key, child, default, always in _fields(type(value)):
        item = getattr(value, name)
        if item is default and not always:
            continue
        out[key] = item if child is None else _dump_nested(item)
    out.update(value.extra)
    return out


def _dump_nested(item: object) -> object:
    if isinstance(item, Open):
        return dump(item)
    if isinstance(item, tuple):
        return [_dump_nested(part) for part in cast("tuple[object, ...]", item)]
    return item


def _split(value: object, kind: type[Open]) -> object:
    """Move the keys that `kind` does not name into `extra`, recursively; anything but an object is left as it is."""
    if not isinstance(value, dict):
        return value
    children = _children(kind)
    rest: JsonObject = {}
    known: JsonObject = {"extra": rest}
    for key, item in cast("JsonObject", value).items():
        child = children.get(key, _NOTHING)
        if child is _NOTHING:
            rest[key] = item
        else:
            known[key] = item if child is None else _split_nested(item, cast("type[Open]", child))
    return known


def _split_nested(item: object, child: type[Open]) -> object:
    if isinstance(item, list):
        return [_split(part, child) for part in cast("list[object]", item)]
    return _split(item, child)


@cache
def _children(kind: type[Open]) -> dict[str, object]:
    """Return the keys that `kind` names, each with the `Open` struct inside it or `None`."""
    return {field.key: field.child for field in _fields(kind)}


@cache
def _fields(kind: type[Open]) -> tuple[_Field, ...]:
    hints = typing.get_type_hints(kind)
    return tuple(
        _Field(
            field.name,
            field.encode_name,
            _open_type(hints[field.name]),
            _NOTHING if field.default is msgspec.NODEFAULT else field.default,
            field.name in kind.always,
        )
        for field in msgspec.structs.fields(kind)
        if field.name != "extra"
    )


def _open_type(hint: object) -> type[Open] | None:
    """Return the `Open` struct inside an annotation such as `tuple[Part, ...] | str | None`, if there is one."""
    if isinstance(hint, type) and issubclass(hint, Open):
        return hint
    return next((found for arg in get_args(hint) if (found := _open_type(arg)) is not None), None)
