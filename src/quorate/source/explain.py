"""Turn what pydantic says about what was written into problems with a place, the value and what is expected."""

import re
import types
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Protocol, cast, get_args, get_origin

from pydantic import BaseModel, Tag, ValidationError
from pydantic_core import ErrorDetails

from quorate.source.place import KeyPath, Problem, did_you_mean, listed, shown
from quorate.source.section import UNKNOWN_TYPE

#: Keys whose value is never repeated in a message.
_PRIVATE = frozenset({"api_key", "headers", "proxy", "query", "redis", "secret"})
#: The steps to an entry of `providers`, as pydantic counts them: the section, the name, the variant.
_ENTRY = 3


class Written(Protocol):
    """Values that somebody wrote, and where each of them stands."""

    @property
    def tree(self) -> Mapping[str, Any]:
        """The values."""
        ...

    def place(self, path: KeyPath) -> str:
        """Return where the value at `path` stands; the nearest container's place if it has none of its own."""
        ...

    def key_place(self, path: KeyPath) -> str:
        """Return where the key at the end of `path` stands."""
        ...


def explain(
    error: ValidationError,
    root: type[BaseModel],
    written: Written,
    *,
    only: Callable[[ErrorDetails], bool] | None = None,
) -> list[Problem]:
    """Return one problem per error, each with its place; of those that `only` keeps, if it is given."""
    found: list[Problem] = []
    errors = [details for details in error.errors(include_url=False) if only is None or only(details)]
    for details in errors:
        path = _real_path(details["loc"], written.tree)
        if details["type"] == "too_short" and _has_bad_items(details["loc"], errors):
            continue
        handler = _MESSAGES.get(details["type"], _general)
        if details["type"] == UNKNOWN_TYPE:
            path = (*path, "type")
        at_key = details["type"] == "extra_forbidden"
        where = written.key_place(path) if at_key else written.place(path)
        found.append(Problem(where=where, path=path, message=handler(details, root)))
    return found


def _has_bad_items(loc: tuple[str | int, ...], errors: Sequence[ErrorDetails]) -> bool:
    """Return whether a list is only too short because pydantic does not count its bad items."""
    return any(each["loc"][: len(loc)] == loc and each["loc"] != loc for each in errors)


def _real_path(loc: tuple[str | int, ...], tree: Mapping[str, Any]) -> KeyPath:
    """Return the steps of `loc` that exist in the tree: pydantic adds tags of unions and marks such as `[key]`."""
    path: list[str | int] = []
    here: object = tree
    for step in loc:
        if isinstance(here, Mapping):
            entries = cast("Mapping[object, object]", here)
            if step not in entries:
                continue
            here = entries[step]
        elif isinstance(here, list | tuple) and isinstance(step, int):
            items = cast("Sequence[object]", here)
            if step >= len(items):
                continue
            here = items[step]
        else:
            continue
        path.append(step)
    return tuple(path)


def _extra(details: ErrorDetails, root: type[BaseModel]) -> str:
    name = str(details["loc"][-1])
    known = known_keys(root, details["loc"][:-1])
    hint = did_you_mean(name, known) or f"; known here: {listed(known)}"
    return f"unknown key{hint}"


def _missing(details: ErrorDetails, root: type[BaseModel]) -> str:
    del root
    return f"`{details['loc'][-1]}` is missing"


def _choice(details: ErrorDetails, root: type[BaseModel]) -> str:
    del root
    expected = str(details.get("ctx", {}).get("expected", ""))
    choices = [part.strip(" '") for part in expected.replace(" or ", ", ").split(",")]
    value = details["input"]
    hint = did_you_mean(value, choices) if isinstance(value, str) else ""
    return f"{shown(value)} is not one of {', '.join(choices)}{hint}"


def _type(details: ErrorDetails, root: type[BaseModel]) -> str:
    del root
    value, choices = details["input"], details["msg"]
    kind: object = cast("dict[str, object]", value).get("type") if isinstance(value, dict) else value
    return f"{shown(kind)} is not one of {choices}{did_you_mean(str(kind), choices.split(', '))}"


def _bound(details: ErrorDetails, root: type[BaseModel]) -> str:
    del root
    bounds = details.get("ctx", {})
    words = {"gt": "more than", "ge": "at least", "lt": "less than", "le": "at most"}
    expected = " and ".join(f"{words[key]} {bound}" for key, bound in bounds.items() if key in words)
    return f"{shown(details['input'])}: expected {expected}"


def _length(details: ErrorDetails, root: type[BaseModel]) -> str:
    del root
    bounds = details.get("ctx", {})
    least, most = bounds.get("min_length"), bounds.get("max_length")
    return f"expected at least {least}, found {bounds.get('actual_length', 0)}" if least else f"expected at most {most}"


def _general(details: ErrorDetails, root: type[BaseModel]) -> str:
    del root
    message = re.sub("^Input should be ", "expected ", details["msg"])
    message = message[:1].lower() + message[1:]
    loc = details["loc"]
    # A provider that is text instead of a section is most likely its key.
    private = _PRIVATE.intersection(str(step) for step in loc) or (loc[:1] == ("providers",) and 1 < len(loc) <= _ENTRY)
    given = str(details["input"])
    if private or ("@" in given and "://" in given):  # a URL may hold a password
        return message.replace(repr(given), "it")
    if isinstance(details["input"], dict | list):
        return message
    return f"{shown(details['input'])}: {message}"


_MESSAGES: dict[str, Callable[[ErrorDetails, type[BaseModel]], str]] = {
    "extra_forbidden": _extra,
    "missing": _missing,
    "enum": _choice,
    "literal_error": _choice,
    UNKNOWN_TYPE: _type,
    **dict.fromkeys(("greater_than", "greater_than_equal", "less_than", "less_than_equal"), _bound),
    **dict.fromkeys(("too_short", "too_long", "string_too_short", "string_too_long"), _length),
}


def known_keys(root: type[BaseModel], loc: tuple[str | int, ...]) -> list[str]:
    """Return the keys that the section at `loc` (as pydantic names it, tags included) may have."""
    here: Any = root
    for step in loc:
        here = _below(here, step)
    section = next(_sections(here), None)
    return list(section.model_fields) if section else []


def _below(annotation: Any, step: str | int) -> Any:
    """Return the type one step below: a field, an item, a mapping's value, or the variant that a tag chooses."""
    for inner in _variants(annotation):
        if any(isinstance(mark, Tag) and mark.tag == step for mark in _marks(inner)):
            return inner
    for inner in _variants(annotation):
        bare = _bare(inner)
        if isinstance(bare, type) and issubclass(bare, BaseModel) and step in bare.model_fields:
            return bare.model_fields[str(step)].annotation
        if get_origin(bare) in {dict, tuple, list}:
            arguments = get_args(bare)
            return arguments[1] if get_origin(bare) is dict else arguments[0]
    return annotation


def _sections(annotation: Any) -> Iterator[type[BaseModel]]:
    for inner in _variants(annotation):
        bare = _bare(inner)
        if isinstance(bare, type) and issubclass(bare, BaseModel):
            yield bare


def _variants(annotation: Any) -> Iterator[Any]:
    bare = _bare(annotation)
    if get_origin(bare) in {typing.Union, types.UnionType}:
        for inner in get_args(bare):
            yield from _variants(inner)
    else:
        yield annotation


def _bare(annotation: Any) -> Any:
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    return annotation


def _marks(annotation: Any) -> tuple[Any, ...]:
    return get_args(annotation)[1:] if get_origin(annotation) is Annotated else ()
