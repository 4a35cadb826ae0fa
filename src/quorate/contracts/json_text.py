"""JSON in what a model wrote: the whole of it, in a fence, or with prose around it; and JSON as we write it."""

import json
import math
from collections.abc import Iterator
from typing import NamedTuple, NoReturn, cast

from quorate.contracts.json_size import depth_and_nodes

MAX_TEXT_CHARS = 256 * 1024
MAX_DEPTH = 32
_FENCE = "```"
#: How many places that may begin a value are tried.
_MOST_STARTS = 32


class Found(NamedTuple):
    """A value, if there is one."""

    value: object
    found: bool = True


NOTHING = Found(value=None, found=False)


def json_values(text: str) -> Iterator[object]:
    """Yield the JSON values of a text: the text itself, what its fences hold, then what stands in its prose."""
    for candidate in (text, *fences(text)):
        found = decode_json(candidate)
        if found.found:
            yield found.value
    yield from _inside(text)


def decode_json(text: str) -> Found:
    """Return the value of a JSON text, line breaks inside of its strings forgiven; NaN and infinities are no JSON."""
    try:
        value = cast("object", json.loads(text, strict=False, parse_constant=_no_constant))
    except (ValueError, RecursionError):
        return NOTHING
    return Found(value=value) if is_plain(value) else NOTHING


def is_plain(value: object) -> bool:
    """Whether a value can be written as JSON again: no infinity, no half of a surrogate pair, no excessive depth."""
    if depth_and_nodes(value)[0] > MAX_DEPTH:
        return False
    try:
        written = canonical(value)
        return bool(written.encode())
    except (ValueError, TypeError, RecursionError):
        return False


def canonical(value: object) -> str:
    """Return a value as JSON: sorted keys, no white space, letters as they are; equal values give equal texts."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def fences(text: str) -> Iterator[str]:
    """Yield what stands in the fences of a text; a last one may be left open."""
    blocks = text.split(_FENCE, 2 * _MOST_STARTS)[1::2]
    for block in blocks:
        head, line_break, rest = block.partition("\n")
        yield rest if line_break and head.strip().isalnum() else block.removeprefix("json").strip()


def _inside(text: str) -> Iterator[object]:
    """Yield the objects and arrays that stand in prose, each from its bracket on, outer ones before inner ones."""
    decoder = json.JSONDecoder(strict=False, parse_constant=_no_constant)
    position = 0
    for _ in range(_MOST_STARTS):
        starts = [at for at in (text.find("{", position), text.find("[", position)) if at >= 0]
        if not starts:
            return
        start = min(starts)
        try:
            value, position = cast("tuple[object, int]", decoder.raw_decode(text, start))
        except (ValueError, RecursionError):
            position = start + 1
        else:
            if is_plain(value):
                yield value


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def as_number(value: float) -> int | float | None:
    """Return a number as JSON has it: whole ones as integers; `None` for one that JSON cannot hold."""
    if not math.isfinite(value):
        return None
    return int(value) if value.is_integer() and abs(value) < _EXACT else value


_EXACT = 2.0**53
