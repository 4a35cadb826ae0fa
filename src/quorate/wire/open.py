"""Structs that keep what they do not know.

A provider may add a field to any object at any time. `Open` structs type the fields we read and keep all others in
`extra`, at every level, so that what came in goes out again: decode -> split off the unknown -> convert -> dump.
"""

import typing
from functools import cache
from typing import Any, NamedTuple, TypeVar, cast, get_args

import msgspec

from quorate.core.errors import InvalidRequest

JsonObject = dict[str, Any]


class Open(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of wire objects; `extra` holds the fields that the struct does not name, as plain JSON values.

    A field that holds its default is not written, unless that is `written(default)`.
    """

    extra: JsonObject = {}  # msgspec gives each struct its own


OpenT = TypeVar("OpenT", bound=Open)
T = TypeVar("T")


class _Keys(NamedTuple):
    """The keys that a kind names, and those of the `Open` structs inside it, which are never of the same kind."""

    own: frozenset[str]
    inside: tuple[tuple[str, "_Keys"], ...]


#: As it stands in JSON only where a struct has further fields, or plain JSON inside it a field of that name.
_EXTRA = b'"extra":'


def written(default: T) -> T:
    """Return `default` for a field that is written also when it holds it: the wire's readers expect to see the key."""
    return msgspec.field(default_factory=lambda: default)


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
        return msgspec.convert(_split(value, _keys(kind)), kind)
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at `")
        raise InvalidRequest(f"{message} at {path.rstrip('`') or '$'}", param=path.rstrip("`")[2:] or None) from None


def encode(value: Open | JsonObject) -> bytes:
    """Return compact JSON of `value`, unknown fields included."""
    data = msgspec.json.encode(value)
    if _EXTRA not in data or not isinstance(value, Open):
        return data
    return msgspec.json.encode(_joined(data, type(value)))


def dump(value: Open) -> JsonObject:
    """Return `value` as plain JSON objects, unknown fields beside those that the structs name."""
    return _joined(msgspec.json.encode(value), type(value))


def _joined(data: bytes, kind: type[Open]) -> JsonObject:
    found = cast("JsonObject", msgspec.json.decode(data))
    if _EXTRA in data:
        _join(found, _keys(kind))
    return found


def _join(given: JsonObject, keys: _Keys) -> None:
    """Put what is in `extra` beside it, in place and recursively."""
    extra = given.pop("extra", None)
    for key, nested in keys.inside:
        item: object = given.get(key)
        if isinstance(item, dict):
            _join(cast("JsonObject", item), nested)
        elif isinstance(item, list):
            for each in cast("list[object]", item):
                if isinstance(each, dict):
                    _join(cast("JsonObject", each), nested)
    if extra is not None:
        given.update(extra)


def _split(value: object, keys: _Keys) -> object:
    """Copy the keys that are not named into `extra`, recursively; anything but an object is left as it is.

    They stay where they were as well: converting passes over what it does not know, faster than they are taken out.
    """
    return _split_object(cast("JsonObject", value), keys) if isinstance(value, dict) else value


def _split_object(given: JsonObject, keys: _Keys) -> JsonObject:
    """Return `given` itself where there is nothing to split off."""
    own, inside = keys
    found = given
    if not own.issuperset(given):
        rest: JsonObject = {}
        for key in given:
            if key not in own:
                rest[key] = given[key]
        found = {"extra": rest, **given}
        if "extra" in rest:
            found["extra"] = rest
    for key, nested in inside:
        item: object = given.get(key)
        if isinstance(item, dict):
            part = _split_object(cast("JsonObject", item), nested)
            if part is item:
                continue
        elif isinstance(item, list):
            part = [_split(each, nested) for each in cast("list[object]", item)]
        else:
            continue
        if found is given:
            found = {**given}
        found[key] = part
    return found


@cache
def _keys(kind: type[Open]) -> _Keys:
    return _Keys(
        own=frozenset(field.encode_name for field in _fields(kind)),
        inside=tuple((key, _keys(child)) for key, child in _children(kind).items()),
    )


def _fields(kind: type[Open]) -> list[msgspec.structs.FieldInfo]:
    return [field for field in msgspec.structs.fields(kind) if field.name != "extra"]


def _children(kind: type[Open]) -> dict[str, type[Open]]:
    """Return the keys that hold other `Open` structs, with their kind."""
    hints = typing.get_type_hints(kind)
    inner = ((field.encode_name, _open_type(hints[field.name])) for field in _fields(kind))
    return {key: child for key, child in inner if child is not None}


def _open_type(hint: object) -> type[Open] | None:
    """Return the `Open` struct inside an annotation such as `tuple[Part, ...] | str | None`, if there is one."""
    if isinstance(hint, type) and issubclass(hint, Open):
        return hint
    return next((found for arg in get_args(hint) if (found := _open_type(arg)) is not None), None)
