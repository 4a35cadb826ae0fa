"""Reading an object of a request into a struct: camelCase or snake_case, and errors that name field and value."""

from enum import StrEnum
from functools import cache
from typing import Any, TypeVar, cast, get_args

import msgspec

from quorate.core.errors import InvalidRequest

StructT = TypeVar("StructT", bound=msgspec.Struct)

_LONGEST_VALUE = 80


def read_fields(value: object, kind: type[StructT], path: str) -> StructT:
    """Return `value` (JSON bytes, or decoded) as `kind`.

    Its fields may be spelt in either way, also in nested objects; one that is null counts as left out.

    Raises `InvalidRequest` whose `param` is the path of the field as the caller spelt it, e.g. `parallel.min_models`:
    for a field that does not exist, that comes in both spellings, or whose value does not fit.
    """
    if isinstance(value, bytes | msgspec.Raw):
        value = _decode(value, path)
    if not isinstance(value, dict):
        raise InvalidRequest(f"{path} is {_shown(value)}; it must be an object", param=path)
    given = cast("dict[str, Any]", value)
    try:
        return msgspec.convert(_spelt(given, kind, path), kind)
    except msgspec.ValidationError as error:
        raise _found(given, kind, path) or InvalidRequest(f"{path}: {error}", param=path) from None


def _decode(value: bytes | msgspec.Raw, path: str) -> object:
    try:
        return msgspec.json.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRequest(f"{path} is not JSON: {error}", param=path) from None


def _spelt(value: dict[str, Any], kind: type[msgspec.Struct], path: str) -> dict[str, Any]:
    """Return `value` with every field under its name on the wire."""
    names, spelt = _names(kind), dict[str, Any]()
    for key, item in value.items():
        found = names.get(key)
        if found is None:
            known = ", ".join(sorted(struct_field.encode_name for struct_field in msgspec.structs.fields(kind)))
            raise InvalidRequest(f"{path}.{key} does not exist; there are {known}", param=f"{path}.{key}")
        field, inner = found
        if field.encode_name in spelt:
            raise InvalidRequest(f"{path}.{key} is given twice, in two spellings; leave one out", param=f"{path}.{key}")
        if item is not None:
            spelt[field.encode_name] = item if inner is None else _spelt_inside(item, inner, f"{path}.{key}")
    return spelt


def _spelt_inside(item: object, inner: type[msgspec.Struct], path: str) -> object:
    if isinstance(item, dict):
        return _spelt(cast("dict[str, Any]", item), inner, path)
    if isinstance(item, list):
        return [
            _spelt(cast("dict[str, Any]", each), inner, f"{path}[{i}]") if isinstance(each, dict) else each
            for i, each in enumerate(cast("list[object]", item))
        ]
    return item


def _found(value: dict[str, Any], kind: type[msgspec.Struct], path: str) -> InvalidRequest | None:
    """Return what to say about the field that does not fit."""
    names = _names(kind)
    for key, item in value.items():
        field, _ = names[key]
        if item is None:
            continue
        if (error := _wrong(item, field.type, f"{path}.{key}")) is not None:
            return error
    given = {names[key][0].name for key, item in value.items() if item is not None}
    missing = next((f for f in msgspec.structs.fields(kind) if f.required and f.name not in given), None)
    return missing and InvalidRequest(f"{path}.{missing.encode_name} is missing", param=f"{path}.{missing.encode_name}")


def _wrong(item: object, hint: Any, path: str) -> InvalidRequest | None:
    inner = _struct_in(hint)
    if isinstance(item, dict) and inner is not None:
        given = cast("dict[str, Any]", item)
        if not _fits(_spelt(given, inner, path), inner):
            return _found(given, inner, path)
        return None
    if isinstance(item, list):
        nested = (_wrong(each, _element(hint), f"{path}[{i}]") for i, each in enumerate(cast("list[object]", item)))
        if (error := next((each for each in nested if each is not None), None)) is not None:
            return error
    return _told(cast("object", item), hint, path)


def _told(item: object, hint: Any, path: str) -> InvalidRequest | None:
    """Return what msgspec says against a value."""
    try:
        inner = _struct_in(hint)
        msgspec.convert(item if inner is None else _spelt_inside(item, inner, path), hint)
    except msgspec.ValidationError as error:
        message = str(error).partition(" - at `")[0]
        choices = _choices(hint)
        told = f"choose one of {', '.join(choices)}" if choices else message[:1].lower() + message[1:]
        return InvalidRequest(f"{path} is {_shown(item)}: {told}", param=path)
    return None


def _fits(value: object, hint: Any) -> bool:
    try:
        msgspec.convert(value, hint)
    except msgspec.ValidationError:
        return False
    return True


@cache
def _names(kind: type[msgspec.Struct]) -> dict[str, tuple[msgspec.structs.FieldInfo, type[msgspec.Struct] | None]]:
    """Return the fields by both spellings, each with the struct inside its type, if there is one."""
    fields = msgspec.structs.fields(kind)
    return {name: (field, _struct_in(field.type)) for field in fields for name in (field.name, field.encode_name)}


def _struct_in(hint: Any) -> type[msgspec.Struct] | None:
    """Return the struct inside an annotation such as `tuple[str | Member, ...] | None`, if there is one."""
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return hint
    return next((found for arg in get_args(hint) if (found := _struct_in(arg)) is not None), None)


def _element(hint: Any) -> Any:
    """Return the type of the elements of the tuple inside an annotation."""
    if getattr(hint, "__origin__", None) is tuple:
        return get_args(hint)[0]
    return next((found for arg in get_args(hint) if (found := _element(arg)) is not None), None)


def _choices(hint: Any) -> list[str]:
    """Return the values of the enumeration inside an annotation, if there is one."""
    kinds = (each for each in (hint, *get_args(hint)) if isinstance(each, type) and issubclass(each, StrEnum))
    return [member.value for kind in kinds for member in kind]


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}..."
