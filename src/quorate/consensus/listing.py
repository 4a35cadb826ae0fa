"""Replies that list things: the items, and how far two lists are the same."""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple, cast

from quorate.consensus.facts import Facts, profile
from quorate.consensus.final import Final, Marker
from quorate.consensus.guards import conflicts
from quorate.consensus.json_value import JsonValue, is_envelope
from quorate.consensus.literal import literal
from quorate.consensus.number import explicit_number
from quorate.consensus.patterns import lazy
from quorate.consensus.question import Question
from quorate.consensus.short import short_score

DIFFERENT_CAP = 0.6  # lists that differ in an item say different things: below the usual stop line, whatever their F1
_SAME_ITEM = 0.85
_MOST_ITEMS, _MOST_COMPARED = 200, 12
_ITEM_CHARS, _INLINE_CHARS, _INLINE_WORDS, _DETAIL_WORDS = 160, 600, 6, 4
_LEAST_LINES = 2
_BULLET = lazy(
    r"^(?P<indent>[ \t]{0,12})(?:[-*+\u2022\u2013]|\(?\d{1,3}[.):]|\(?[a-z][.)])[ \t]{1,8}(?P<item>\S[^\n]*)$",
    re.MULTILINE,
)
_SEPARATOR = lazy(r"\s*(?:;|\n|,(?!\d{3}\b)(?:\s*(?:and|or)\b)?|\s(?:and|or|&)\s)\s*")
_OPENING = lazy(r".*(?:\b(?:are|is|were|was|includes?|including|namely)|:)\s+", re.DOTALL)
_DETAIL = lazy(r"\s[-\u2013\u2014]\s|:\s|\s\(|\s?\u2014\s?")
_LABEL = lazy(r"\(?([A-Za-z])(?:[).:]\s.*|[).:]?)", re.DOTALL)
_EDGES = " \t*_`\"'.;,"


class Item(NamedTuple):
    """One thing of a list: its name, the key that equal names share, and what an explanation beside it states."""

    name: str
    key: str
    detail: Facts | None


class Listing(NamedTuple):
    """The different items of a reply, in its order."""

    items: tuple[Item, ...]

    @property
    def text(self) -> str:
        """The names, with commas between."""
        return ", ".join(item.name for item in self.items)


def extract_list(
    text: str, marks: Sequence[Final], found: JsonValue | None, options: Mapping[str, str]
) -> Listing | None:
    """Return the items of a cleaned reply: a JSON array of scalars, bullets or numbers, lines, or a list in a sentence.

    Items of a sentence or of plain lines have at most six words. What stands behind a dash, a colon or in brackets is
    an explanation if it has more than four words; it is no part of the name. `options` of the question count as their
    labels.
    """
    structured = found is not None and not is_envelope(found)
    written = _from_json(found) or (None if structured else _from_lines(text))
    if written is None and not structured:
        span = next((final.span for final in marks if final.marker is not Marker.BOLD), text)
        written = _from_sentence(span) or (None if span is text else _from_sentence(text))
    if not written:
        return None
    items = (_item(each, options) for each in written[:_MOST_ITEMS])
    different = {item.key: item for item in items if item.key}
    return Listing(items=tuple(different.values())) if different else None


def list_score(question: Question, one: Listing, other: Listing) -> tuple[float, tuple[str, ...]]:
    """Return 1 for lists of the same items, else their F1, at most .6; in a question for an order the places count.

    Items are the same if their names are, or score .85 as short answers, and explanations do not contradict.
    """
    if question.asks_order:
        places = zip(one.items, other.items, strict=False)
        matched = sum(_same(question, mine, its) for mine, its in places)
    else:
        matched = _matched(question, one, other)
    score = 2 * matched / (len(one.items) + len(other.items))
    if score == 1.0:
        return 1.0, ()
    reordered = question.asks_order and {item.key for item in one.items} == {item.key for item in other.items}
    return min(score, DIFFERENT_CAP), ("order" if reordered else "item",)


def _matched(question: Question, one: Listing, other: Listing) -> int:
    theirs = {item.key: item for item in other.items}
    matched = 0
    left: list[Item] = []
    for item in one.items:
        its = theirs.get(item.key)
        if its is None:
            left.append(item)
        else:
            theirs.pop(item.key)
            matched += _agree(item, its)
    if len(left) > _MOST_COMPARED or len(theirs) > _MOST_COMPARED:
        return matched
    for item in left:
        same = next((its for its in theirs.values() if _same(question, item, its)), None)
        if same is not None:
            theirs.pop(same.key)
            matched += 1
    return matched


def _same(question: Question, one: Item, other: Item) -> bool:
    if one.key == other.key:
        return _agree(one, other)
    mine, its = ((literal(item.name), profile(item.name)) for item in (one, other))
    return _agree(one, other) and short_score(question, mine, its)[0] >= _SAME_ITEM


def _agree(one: Item, other: Item) -> bool:
    return one.detail is None or other.detail is None or not conflicts(one.detail, other.detail)


def _from_json(found: JsonValue | None) -> list[str] | None:
    value = found.value if found is not None else None
    if isinstance(value, dict):
        fields = list(cast("dict[str, object]", value).values())
        value = fields[0] if len(fields) == 1 else None
    if not isinstance(value, list):
        return None
    items = cast("list[object]", value)
    return None if any(isinstance(item, dict | list) for item in items) else [str(item) for item in items]


def _from_lines(text: str) -> list[str] | None:
    bullets = list(_BULLET().finditer(text))
    if len(bullets) >= _LEAST_LINES:
        outer = min(len(match.group("indent")) for match in bullets)
        return [match.group("item")[:_ITEM_CHARS] for match in bullets if len(match.group("indent")) == outer]
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if len(lines) > 1 and lines[0].endswith(":"):
        lines = lines[1:]
    plain = len(lines) >= _LEAST_LINES and all(len(line.split(None, _INLINE_WORDS)) <= _INLINE_WORDS for line in lines)
    return lines if plain and not any("," in line for line in lines) else None


def _from_sentence(text: str) -> list[str] | None:
    if len(text) > _INLINE_CHARS:
        return None
    first, *rest = _SEPARATOR().split(text.strip().strip("[](){}"))
    opening = _OPENING().match(first) if rest else None
    items = [item for item in (first[opening.end() :] if opening else first, *rest) if item.strip(_EDGES)]
    return items if all(len(item.split(None, _INLINE_WORDS)) <= _INLINE_WORDS for item in items) else None


def _item(written: str, options: Mapping[str, str]) -> Item:
    name, detail = _split(written.strip(_EDGES))
    label = _label(name, options)
    if label:
        return Item(name=label, key=label, detail=None)
    quantity = explicit_number(name, ())
    if quantity is not None:
        return Item(name=name, key=f"{quantity.text} {quantity.unit}", detail=detail)
    said = profile(name).whole
    words = said.asserted | {f"not {word}" for word in said.negated}
    return Item(name=name, key=" ".join(sorted(words)) or name.casefold(), detail=detail)


def _split(written: str) -> tuple[str, Facts | None]:
    """Part the name from an explanation beside it; a short one belongs to the name ("Capital: Paris")."""
    match = _DETAIL().search(written)
    if match is None or not match.start():
        return written, None
    detail = written[match.end() :]
    if len(detail.split(None, _DETAIL_WORDS)) <= _DETAIL_WORDS:
        return written, None
    return written[: match.start()].strip(_EDGES), profile(detail).whole


def _label(name: str, options: Mapping[str, str]) -> str:
    if not options:
        return ""
    match = _LABEL().fullmatch(name)
    if match is not None and match.group(1).upper() in options:
        return match.group(1).upper()
    plain = name.casefold()
    return next((label for label, text in options.items() if text.casefold().strip(_EDGES) == plain), "")
