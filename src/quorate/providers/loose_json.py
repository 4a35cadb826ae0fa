"""Reading JSON that somebody else wrote: what is missing or of another type reads as nothing."""

from typing import cast

from quorate.wire.chat import MOST_TOKENS
from quorate.wire.open import JsonObject


def as_object(value: object) -> JsonObject:
    """Return `value` if it is a JSON object, else an empty one: what a provider leaves out is not an error."""
    return cast("JsonObject", value) if isinstance(value, dict) else {}


def as_list(value: object) -> list[JsonObject]:
    """Return the objects in `value` if it is a list."""
    items = cast("list[object]", value) if isinstance(value, list) else []
    return [cast("JsonObject", item) for item in items if isinstance(item, dict)]


def as_text(value: JsonObject, key: str) -> str:
    """Return the text under `key`, empty if there is none."""
    text = value.get(key)
    return text if isinstance(text, str) else ""


def as_count(value: JsonObject, key: str) -> int:
    """Return the whole number under `key`; 0 if there is none, or none that can be a count of tokens."""
    number = value.get(key)
    return int(number) if isinstance(number, int | float) and 0 <= number <= MOST_TOKENS else 0
