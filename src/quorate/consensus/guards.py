"""Guards: reasons for which two texts that look alike do not say the same thing.

A guard never raises a score; it names a contradiction (polarity, number, name, antonym, alternative, direction).
"""

import re
from collections.abc import Sequence
from itertools import pairwise

from quorate.consensus.facts import Facts
from quorate.consensus.patterns import lazy
from quorate.consensus.words import sentences, stem

_ANTONYMS = """true/false yes/no increase/decrease increases/decreases rise/fall rises/falls safe/unsafe safe/dangerous
    possible/impossible legal/illegal always/never more/less higher/lower high/low before/after for/against buy/sell
    accept/reject north/south east/west hot/cold warm/cold left/right up/down larger/smaller bigger/smaller large/small
    faster/slower fast/slow good/bad better/worse best/worst early/late earlier/later open/closed on/off enable/disable
    enabled/disabled allow/forbid allowed/forbidden allow/deny first/last maximum/minimum positive/negative win/lose
    success/failure succeed/fail include/exclude guilty/innocent healthy/unhealthy likely/unlikely correct/incorrect
    valid/invalid legal/unlawful reliable/unreliable necessary/unnecessary equal/unequal male/female old/young
    dead/alive synchronous/asynchronous encrypt/decrypt ascending/descending even/odd internal/external
    am/pm over/under above/below inside/outside minimum/maximum with/without top/bottom rich/poor strong/weak
    thick/thin wide/narrow deep/shallow heavy/light full/empty wet/dry clean/dirty push/pull win/lost import/export
    ancestor/descendant parent/child teacher/student profit/loss arrive/depart arrival/departure add/remove
    upper/lower inner/outer vertical/horizontal clockwise/counterclockwise clockwise/anticlockwise gain/lose"""
_ALTERNATIVES = lazy(r"\b(\w{1,40}),? (?:or|vs\.?|versus) (?:an? |the |to )?(\w{1,40})", re.IGNORECASE)
_FROM_TO = lazy(r"\bfrom (?:the )?(\w{1,40}) (?:in)?to (?:the )?(\w{1,40})", re.IGNORECASE)
_EDGES = ".,!;:\"'?()"
_MOST_WORDS, _MOST_TURNS = 200, 64
_COPULAS = frozenset({"is", "are", "was", "were"})
_DEFINITE = frozenset({"the", "my", "your", "his", "her", "its", "our", "their"})
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
        for word in mine & _OPPOSITES.keys()
        for opposite in _OPPOSITES[word]
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
    """The same words in another order, but for a block that stands elsewhere, or things that are listed."""
    first, second = one.casefold().split(), other.casefold().split()
    if len(first) != len(second) or len(first) > _MOST_WORDS:
        return False
    mine, its = ([word.strip(_EDGES) for word in words] for words in (first, second))
    if mine == its or sorted(mine) != sorted(its) or _is_turned(mine, its):
        return False
    if sorted(sentences(one)) == sorted(sentences(other)):
        return False
    moved = [at for at, (word, its_word) in enumerate(zip(mine, its, strict=True)) if word != its_word]
    return not _is_listed(first[moved[0] : moved[-1] + 1])


def _is_turned(one: list[str], other: list[str]) -> bool:
    """Whether a block only stands elsewhere, or "the X is Y" became "Y is the X"."""
    first, second = ([word for word in words if word not in _JOINERS] for words in (one, other))
    if not is_exchange(first, second):
        return True
    copula = next((at for at, word in enumerate(one) if word in _COPULAS), 0)
    turned = [*one[copula + 1 :], one[copula], *one[:copula]]
    return bool(copula) and turned == other and (one[0] in _DEFINITE or other[0] in _DEFINITE)


def _is_listed(words: list[str]) -> bool:
    """Whether nothing stands between the words but commas, "and" and "or"."""
    return all(
        word in _JOINERS or word.endswith((",", ";")) or following in _JOINERS for word, following in pairwise(words)
    )


def is_exchange(one: Sequence[str], other: Sequence[str]) -> bool:
    """Whether two orders of the same words differ by more than a block that stands elsewhere.

    "A beats B" becomes "B beats A" only by an exchange; "in 1969 A won" and "A won in 1969" are turns of one order.
    """
    start, end = 0, len(one)
    while start < end and one[start] == other[start]:
        start += 1
    while end > start and one[end - 1] == other[end - 1]:
        end -= 1
    mine, its = list(one[start:end]), list(other[start:end])
    return not any(its[turn:] + its[:turn] == mine for turn in range(min(len(its), _MOST_TURNS) or 1))
