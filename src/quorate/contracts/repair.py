"""JSON that is almost right: quotes, commas and brackets that are missing, comments, Python's spelling."""

from collections.abc import Callable
from functools import cache
from itertools import chain
from typing import Any, cast

from quorate.contracts.json_text import NOTHING, Found, fences, is_plain

#: All that is tried of one text. The worst kind costs the square of its length: 1 s of so many characters, an ordinary
#: one less than 0.1 s (json-repair 0.64, measured with unclosed quotes in nested arrays).
MAX_CHARS = 8_000


def repaired(text: str, fits: Callable[[object], bool]) -> Found:
    """Return the value that a broken JSON text was meant to be, if it `fits`; nothing is made of prose alone.

    What is longer than `MAX_CHARS` is not mended.
    """
    left = MAX_CHARS
    for candidate in chain(fences(text), (_from_bracket(text),)):
        if len(candidate) > left or not ("{" in candidate or "[" in candidate):
            continue
        left -= len(candidate)
        try:
            value = cast("object", _json_repair().loads(candidate, skip_json_loads=True))
        except (ValueError, RecursionError):
            continue
        except Exception:  # noqa: BLE001, S112 - a parser of broken text that meets a text it cannot take
            continue
        if value not in ("", [], {}) and fits(value) and is_plain(value):
            return Found(value=value)
    return NOTHING


def _from_bracket(text: str) -> str:
    starts = [at for at in (text.find("{"), text.find("[")) if at >= 0]
    return text[min(starts) :] if starts else ""


@cache
def _json_repair() -> Any:
    import json_repair  # noqa: PLC0415 - slow: 70 ms, needed only for broken JSON

    return json_repair
