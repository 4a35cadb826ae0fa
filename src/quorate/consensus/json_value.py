"""JSON replies: finding the value and comparing two values leaf by leaf."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import NamedTuple, TypeAlias, cast

from quorate.consensus.facts import profile
from quorate.consensus.patterns import lazy
from quorate.consensus.twins import contradiction
from quorate.consensus.words import content_stems

Leaf: TypeAlias = tuple[str, str]
_CONTRADICTED_CAP = 0.6
_MAX_LEAVES = 5_000
_TEXT_WORDS = 6
_MOST_TEXTS = 8
_DOMINANT = 0.4
_ENVELOPE_FIELDS = """
    answer final_answer finalanswer reasoning reason rationale explanation thought thoughts thinking steps
    step_by_step work working analysis confidence justification"""
_ENVELOPE = frozenset(_ENVELOPE_FIELDS.split())
_FENCE = "```"
_EXACT_FLOAT = 2.0**53
_PLAIN_NUMBER = lazy(r"-?(?:0|[1-9]\d{0,2}(?:,\d{3}){1,5}|[1-9]\d{0,17})(?:\.\d{1,18})?(?:e[-+]?\d{1,2})?", re.ASCII)


class JsonValue(NamedTuple):
    """A parsed value and its canonical text (sorted keys, no spaces)."""

    value: object
    text: str


def extract_json(text: str) -> JsonValue | None:
    """Return the object or array that a cleaned reply is, or that its fence holds, or that dominates it."""
    for candidate in _candidates(text):
        value = _parse(candidate)
        if isinstance(value, dict | list):
            canonical = _canonical_text(cast("object", value))
            return None if canonical is None else JsonValue(value=cast("object", value), text=canonical)
    return None


def is_envelope(found: JsonValue) -> bool:
    """Whether the object only wraps an answer and its reasoning, so that the answer is what counts."""
    if not isinstance(found.value, dict):
        return False
    keys = {key.lower().replace(" ", "_") for key in cast("dict[str, object]", found.value)}
    return any("answer" in key for key in keys) and keys <= _ENVELOPE


def json_score(one: JsonValue, other: JsonValue, key_fields: tuple[str, ...] = ()) -> tuple[float, tuple[str, ...]]:
    """Return how much two values agree, in [0, 1], and the guard that fired.

    With `key_fields` (names of top-level fields) those decide alone: 1 if all are equal, else 0. Without: the mean of
    the leaf F1 with and without regard to the order of arrays. Numbers compare as numbers, texts without case, and
    texts of more than six words by their stems. A contradiction keeps it at or below .6, however many other leaves are
    equal: another value in the same place, or an item more in an array. A field that only one side has is none.
    """
    if one.text == other.text:
        return 1.0, ()
    if key_fields:
        first, second = _fields(one.value, key_fields), _fields(other.value, key_fields)
        same = first is not None and second is not None and Counter(first) == Counter(second)
        return (1.0, ()) if same else (0.0, ("key_fields",))
    ordered = _leaf_f1(tuple(_leaves(one.value, ordered=True)), tuple(_leaves(other.value, ordered=True)))
    free = _leaf_f1(tuple(_leaves(one.value, ordered=False)), tuple(_leaves(other.value, ordered=False)))
    score = (ordered + free) / 2
    return (min(score, _CONTRADICTED_CAP), ("value",)) if _contradicted(one.value, other.value) else (score, ())


def _contradicted(one: object, other: object) -> bool:
    """Whether some place holds different values, the order of arrays aside."""
    first, second = (Counter(_leaves(value, ordered=False)) for value in (one, other))
    common = first & second
    mine, its = (_by_path(left) for left in (first - common, second - common))
    lists = {path for path in mine.keys() ^ its.keys() if path.endswith("[]") or "[]." in path}
    return bool(lists) or any(
        not _alike(value, its[path]) for path, values in mine.items() if path in its for value in values
    )


def _by_path(leaves: Counter[Leaf]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for path, value in leaves:
        found.setdefault(path, []).append(value)
    return found


def _alike(text: str, others: list[str]) -> bool:
    """Whether a free text says nothing against one of the others; a short value has to be equal, and is not.

    Many texts in one place are not compared one by one: that would take the square of their number.
    """
    if len(text.split()) <= _TEXT_WORDS or len(others) > _MOST_TEXTS:
        return False
    mine = profile(text)
    return any(len(other.split()) > _TEXT_WORDS and not contradiction(mine, profile(other)) for other in others)


def _candidates(text: str) -> Iterator[str]:
    bare = text.strip()
    if bare[:1] in {"{", "["}:
        yield bare
    if _FENCE in bare:
        block = bare.partition(_FENCE)[2].partition(_FENCE)[0]
        yield block.removeprefix("json").removeprefix("JSON").strip()
    starts = [position for position in (bare.find("{"), bare.find("[")) if position > 0]
    ends = max(bare.rfind("}"), bare.rfind("]")) + 1
    if starts and (ends - min(starts)) > _DOMINANT * len(bare):
        yield bare[min(starts) : ends]


def _parse(text: str) -> object | None:
    try:
        return cast("object", json.loads(text, strict=False))
    except (ValueError, RecursionError):
        return None


def _canonical_text(value: object) -> str | None:
    try:
        return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    except (ValueError, RecursionError):
        return None


def _fields(value: object, names: tuple[str, ...]) -> tuple[Leaf, ...] | None:
    if not isinstance(value, dict):
        return None
    fields = cast("Mapping[str, object]", value)
    if any(name not in fields for name in names):
        return None
    return tuple(leaf for name in names for leaf in _leaves(fields[name], ordered=True, path=name))


def _leaves(value: object, *, ordered: bool, path: str = "$") -> Iterator[Leaf]:
    """Yield (path, canonical scalar); at most 5,000."""
    stack: list[tuple[str, object]] = [(path, value)]
    left = _MAX_LEAVES
    while stack and left:
        where, item = stack.pop()
        if isinstance(item, dict):
            fields = cast("dict[str, object]", item)
            stack.extend((f"{where}.{key.casefold()}", fields[key]) for key in fields)
            nothing = not fields
        elif isinstance(item, list):
            elements = cast("list[object]", item)
            stack.extend((f"{where}[{n if ordered else ''}]", element) for n, element in enumerate(elements))
            nothing = not elements
        else:
            left -= 1
            yield where, _scalar(item)
            continue
        if nothing:
            left -= 1
            yield where, "empty"


def _scalar(value: object) -> str:
    match value:
        case bool() | None:
            return str(value).lower()
        case int():
            return str(value)
        case float():
            return _number(value)
        case _:
            return _text_scalar(str(value))


def _text_scalar(text: str) -> str:
    plain = " ".join(text.casefold().split()).rstrip(".")
    if _PLAIN_NUMBER().fullmatch(plain) is None:  # "01234" is a code, "1,5" may be anything
        return "'" + plain
    digits = plain.replace(",", "")
    return _number(float(digits)) if "." in digits or "e" in digits else str(int(digits))


def _number(value: float) -> str:
    return str(int(value)) if value.is_integer() and abs(value) < _EXACT_FLOAT else f"{value:.10g}"


def _leaf_f1(one: tuple[Leaf, ...], other: tuple[Leaf, ...]) -> float:
    first, second = Counter(one), Counter(other)
    common = first & second
    matched = float(common.total()) + _text_matches(first - common, second - common)
    return 2 * matched / (len(one) + len(other)) if one or other else 1.0


def _text_matches(one: Counter[Leaf], other: Counter[Leaf]) -> float:
    """Credit free texts on the same path with the overlap of their stems."""
    by_path = {path: text for path, text in sorted(other) if len(text.split()) > _TEXT_WORDS}
    matched = 0.0
    for path, text in sorted(one):
        counterpart = by_path.pop(path, None) if len(text.split()) > _TEXT_WORDS else None
        if counterpart is not None:
            mine, theirs = content_stems(text), content_stems(counterpart)
            matched += len(mine & theirs) / max(len(mine | theirs), 1)
    return matched


def vote_key(value: object) -> tuple[Leaf, ...]:
    """Return what two values have in common exactly if they are equal as `json_score` compares them, in order."""
    leaves = tuple(sorted(_leaves(value, ordered=True)))
    return leaves if len(leaves) < _MAX_LEAVES else (("$", json.dumps(value, sort_keys=True)),)
