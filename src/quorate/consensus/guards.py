"""Guards: reasons for which two texts that look alike do not say the same thing.

A guard never raises a score; it names a contradiction (polarity, number, name, antonym, alternative, direction).
"""

import re

from quorate.consensus.facts import Facts
from quorate.consensus.patterns import lazy
from quorate.consensus.words import stem

_ANTONYMS = """true/false yes/no increase/decrease increases/decreases rise/fall rises/falls safe/unsafe safe/dangerous
    possible/impossible legal/illegal always/never more/less higher/lower high/low before/after for/against buy/sell
    accept/reject north/south east/west hot/cold warm/cold left/right up/down larger/smaller bigger/smaller large/small
    faster/slower fast/slow good/bad better/worse best/worst early/late earlier/later open/closed on/off enable/disable
    enabled/disabled allow/forbid allowed/forbidden allow/deny first/last maximum/minimum positive/negative win/lose
    success/failure succeed/fail include/exclude guilty/innocent healthy/unhealthy likely/unlikely correct/incorrect
    valid/invalid legal/unlawful reliable/unreliable necessary/unnecessary equal/unequal male/female old/young
    dead/alive synchronous/asynchronous encrypt/decrypt ascending/descending even/odd internal/external
    am/pm"""
_ALTERNATIVES = lazy(r"\b(\w{1,40}),? (?:or|vs\.?|versus) (?:an? |the |to )?(\w{1,40})", re.IGNORECASE)
_FROM_TO = lazy(r"\bfrom (?:the )?(\w{1,40}) (?:in)?to (?:the )?(\w{1,40})", re.IGNORECASE)
_JOINERS = frozenset({"and", "or", "&", ","})


def _opposites() -> dict[str, frozenset[str]]:
    table: dict[str, frozenset[str]] = {}
    for pair in _ANTONYMS.split():
        one, _, other = (stem(word) for word in pair.partition("/"))
        table[one] = table.get(one, frozenset()) | {other}
        table[other] = table.get(other, frozenset()) | {one}
    return table


_OPPOSITES = _opposites()


def alternatives(prompt: str) -> tuple[frozenset[str], ...]:
    """Return the pairs of stems that the prompt offers as alternatives ("tabs or spaces")."""
    pairs = (
        frozenset({stem(one.casefold()), stem(other.casefold())}) for one, other in _ALTERNATIVES().findall(prompt)
    )
    return tuple(pair for pair in pairs if len(pair) > 1)


def conflicts(one: Facts, other: Facts, offered: tuple[frozenset[str], ...] = ()) -> tuple[str, ...]:
    """Return the names of the guards that fire between two pieces of text, in a fixed order; symmetric.

    `offered` are the alternatives of the prompt.
    """
    fired: list[str] = []
    if _polarity(one, other):
        fired.append("polarity")
    if one.numbers - other.numbers and other.numbers - one.numbers:
        fired.append("number")
    if _names_differ(one, other):
        fired.append("name")
    if _antonym(one, other):
        fired.append("antonym")
    if any(_takes_sides(one, other, pair) for pair in offered):
        fired.append("alternative")
    return tuple(fired)


def _polarity(one: Facts, other: Facts) -> bool:
    """Something said by one is denied by the other, and neither says both."""
    clash = (one.negated - one.asserted) & (other.asserted - other.negated)
    return bool(clash or ((other.negated - other.asserted) & (one.asserted - one.negated)))


def _names_differ(one: Facts, other: Facts) -> bool:
    """Each side names something that the other does not mention in any spelling."""
    if not one.names or not other.names:
        return False
    missing_in_other = {stem(name) for name in one.names} - other.stems
    missing_in_one = {stem(name) for name in other.names} - one.stems
    return bool(missing_in_other and missing_in_one)


def _antonym(one: Facts, other: Facts) -> bool:
    mine, theirs = one.stems | one.opposed, other.stems | other.opposed
    return any(
        opposite in theirs and opposite not in mine and word not in theirs
        for word in mine
        for opposite in _OPPOSITES.get(word, ())
    )


def _takes_sides(one: Facts, other: Facts, pair: frozenset[str]) -> bool:
    mine, theirs = one.asserted & pair, other.asserted & pair
    return len(mine) == 1 and len(theirs) == 1 and mine != theirs


def reversed_direction(one: str, other: str) -> bool:
    """Whether one text says "from X to Y" and the other "from Y to X", or "X beats Y" and "Y beats X"."""
    routes = {(a.casefold(), b.casefold()) for a, b in _FROM_TO().findall(other)}
    if any((b.casefold(), a.casefold()) in routes for a, b in _FROM_TO().findall(one)):
        return True
    return _swapped_ends(one, other)


def _swapped_ends(one: str, other: str) -> bool:
    """The same words but for two that are exchanged around a middle that does not merely join."""
    first, second = ([word.strip(".,!;:\"'") for word in text.casefold().split()] for text in (one, other))
    if len(first) != len(second):
        return False
    moved = [at for at, (word, its) in enumerate(zip(first, second, strict=True)) if word != its]
    if len(moved) != len(("one", "other")):
        return False
    start, end = moved
    swapped = first[start] == second[end] and first[end] == second[start]
    return swapped and not set(first[start + 1 : end]) <= _JOINERS
