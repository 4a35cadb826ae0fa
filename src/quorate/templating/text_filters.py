"""Filters that make texts of texts. What could grow asks for room first."""

import base64
import binascii
import hashlib
import re
import unicodedata
from typing import Final
from urllib.parse import quote, urlencode

from quorate.templating.builtin import table
from quorate.templating.expect import items, mapping, text, whole
from quorate.templating.shown import shown
from quorate.templating.template import TemplateError
from quorate.templating.work import room

_HASHES: Final = ("sha256", "sha512", "sha1", "md5", "blake2b")
_NOT_SLUG: Final = re.compile(r"[^a-z0-9]+")


def _replace(value: object, old: object, new: object, count: int = -1) -> str:
    whole_text, before, after = text(value), text(old), text(new)
    found = len(whole_text) + 1 if not before else whole_text.count(before)
    times = found if count < 0 else min(found, whole(count))
    room(len(whole_text) + times * max(0, len(after) - len(before)))
    return whole_text.replace(before, after, count)


def _join(value: object, separator: object = "", attribute: str | None = None) -> str:
    parts = [
        shown(item if attribute is None else mapping(item).get(attribute)) for item in items(value)
    ]  # each is bounded, and their sum asks for room below
    between = text(separator)
    room(sum(map(len, parts)) + len(between) * len(parts))
    return between.join(parts)


def _indent(value: object, width: int = 4, first: bool = False, blank: bool = False) -> str:
    lines = text(value).split("\n")
    room(len(text(value)) + whole(width) * len(lines))
    space = " " * width
    return "\n".join(
        space + line if (number or first) and (line or blank) else line for number, line in enumerate(lines)
    )


def _center(value: object, width: int = 80) -> str:
    room(whole(width))
    return text(value).center(width)


def _truncate(value: object, length: int = 255, end: str = "...") -> str:
    whole_text = text(value)
    if len(whole_text) <= whole(length):
        return whole_text
    return whole_text[: max(0, length - len(text(end)))] + end


def _split(value: object, separator: str | None = None, count: int = -1) -> list[str]:
    whole_text = text(value)
    room(len(whole_text))
    if separator == "":
        raise TemplateError("the separator is empty")
    return whole_text.split(separator, count)


def _slug(value: object) -> str:
    plain = unicodedata.normalize("NFKD", text(value)).encode("ascii", "ignore").decode().lower()
    return _NOT_SLUG.sub("-", plain).strip("-")


def _hash(value: object, algorithm: str = "sha256") -> str:
    if algorithm not in _HASHES:
        raise TemplateError(f"there is no hash {algorithm!r}; there are: {', '.join(_HASHES)}")
    return hashlib.new(algorithm, shown(value).encode(), usedforsecurity=False).hexdigest()


def _b64encode(value: object) -> str:
    return base64.b64encode(text(value).encode()).decode()


def _b64decode(value: object) -> str:
    try:
        return base64.b64decode(text(value), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise TemplateError(f"this is not the base64 of a text ({error})") from None


def _urlencode(value: object) -> str:
    if isinstance(value, dict):
        return urlencode({text(key): shown(item) for key, item in mapping(value).items()})  # pyright: ignore[reportUnknownArgumentType] - any mapping
    return quote(text(value), safe="")


def _title(value: object) -> str:
    return re.sub(r"\S+", lambda word: word[0][:1].upper() + word[0][1:].lower(), text(value))


def _strip(value: object, characters: str | None = None) -> str:
    return text(value).strip(characters)


TEXT_FILTERS: Final = table(
    {
        "b64decode": _b64decode,
        "b64encode": _b64encode,
        "center": _center,
        "hash": _hash,
        "indent": _indent,
        "join": _join,
        "replace": _replace,
        "slug": _slug,
        "split": _split,
        "string": shown,
        "title": _title,
        "trim": _strip,
        "truncate": _truncate,
        "urlencode": _urlencode,
    },
    of_one={
        "capitalize": lambda value: text(value).capitalize(),
        "lines": lambda value: text(value).splitlines(),
        "lower": lambda value: text(value).lower(),
        "upper": lambda value: text(value).upper(),
        "wordcount": lambda value: len(text(value).split()),
        "words": lambda value: text(value).split(),
    },
)
