"""Sentences that are one edit apart: what looks nearly the same and says something else.

The more two sentences share, the more a word counts in which they differ. A paraphrase differs in many places; a
contradiction of one edit keeps all words but one.
"""

from collections.abc import Sequence

from quorate.consensus.facts import NEGATIONS, Facts, Profile
from quorate.consensus.figures import plain_figures
from quorate.consensus.guards import conflicts, is_exchange, reversed_direction
from quorate.consensus.small_words import ALTERING, FIGURES, OPPOSITES
from quorate.consensus.words import STOP_WORDS, stem, tokens

_MOST_SUBSTITUTED = 2
_SHARED_PER_SUBSTITUTED = 2
_TWIN_SHARE = 0.7
_TWIN_SHARE_OF_LARGER = 0.5
_MOST_ORDERED = 24


def differences(one: Facts, other: Facts) -> tuple[str, ...]:
    """Return the names of the guards that fire between two sentences that are nearly the same; symmetric.

    None if they share too little to be twins. `substituted`: a word of content stands in the place of another.
    `function`: a small word is exchanged for its opposite (must, may; all, some; before, after). `altered`: a word
    that changes the rest is on one side only (almost, only, failed). `roles`: the same words in exchanged places.
    """
    mine, its = one.stems, other.stems
    shared = mine & its
    left, right = mine - its, its - mine
    if len(shared) < _SHARED_PER_SUBSTITUTED * max(len(left), len(right)) or not shared:
        return ()
    fired: list[str] = []
    if 0 < len(left) <= _MOST_SUBSTITUTED and 0 < len(right) <= _MOST_SUBSTITUTED:
        fired.append("substituted")
    if (left | right) & ALTERING:
        fired.append("altered")
    if len(shared) >= _TWIN_SHARE * max(len(mine), len(its)):
        if _exchanged(one.small, other.small):
            fired.append("function")
        if _roles(one.order, other.order, shared):
            fired.append("roles")
    return tuple(fired)


def contradiction(one: Profile, other: Profile) -> tuple[str, ...]:
    """Return the guards that fire between two texts, in a fixed order: sentence by sentence, and word by word."""
    parts = (one.parts, other.parts) if len(one.parts) <= len(other.parts) else (other.parts, one.parts)
    found = {*contradictions(*parts)}
    if len(one.parts) == len(other.parts):
        found |= {*contradictions(*reversed(parts))}
    found |= {*one_edit(one.text, other.text)}
    if reversed_direction(one.text, other.text):
        found.add("direction")
    return tuple(sorted(found))


def contradictions(smaller: Sequence[Facts], larger: Sequence[Facts]) -> tuple[str, ...]:
    """Return the guards that fire between sentences of two texts that answer each other, in a fixed order.

    Each sentence meets the one that shares most with it, and is held to contradict only if no other says the same.
    """
    fired: dict[str, None] = {}
    for sentence in smaller:
        shared = [(len(sentence.stems & candidate.stems), candidate) for candidate in larger]
        most = max((count for count, _ in shared), default=0)
        nearest = [candidate for count, candidate in shared if count == most] if most else []
        found = [
            (*conflicts(sentence, candidate), *differences(sentence, candidate))
            for candidate in nearest
            if _TWIN_SHARE_OF_LARGER * max(len(sentence.stems), len(candidate.stems)) <= most
        ]
        if found and all(found):
            fired.update(dict.fromkeys(found[0]))
    return tuple(sorted(fired))


def one_edit(one: str, other: str) -> tuple[str, ...]:
    """Return what a single edit between two texts changes, wherever it is: a word of content, a small word, a "not".

    Unlike `differences` this looks at places and not at sets, so that "20 x 20 x 30" differs from "30 x 20 x 30".
    """
    first, second = _words(one), _words(other)
    if abs(len(first) - len(second)) > 1 or first == second:
        return ()
    if len(first) != len(second):
        return _inserted(first, second) if len(first) < len(second) else _inserted(second, first)
    places = [(mine, its) for mine, its in zip(first, second, strict=True) if mine != its]
    if len(places) <= _MOST_SUBSTITUTED:
        changed = (_substitution(mine, its) for mine, its in places if (its, mine) not in places)
        return tuple(sorted({name for name in changed if name}))
    return ()


def _inserted(shorter: Sequence[str], longer: Sequence[str]) -> tuple[str, ...]:
    at = next((at for at, word in enumerate(shorter) if word != longer[at]), len(shorter))
    if shorter[at:] != longer[at + 1 :]:
        return ()
    return ("altered",) if longer[at] in NEGATIONS or stem(longer[at]) in ALTERING else ()


def _substitution(one: str, other: str) -> str:
    if other in OPPOSITES.get(one, frozenset()):
        return "function"
    if one in STOP_WORDS or other in STOP_WORDS or (one in NEGATIONS and other in NEGATIONS):
        return ""
    mine, its = (FIGURES.get(word) or stem(word) for word in (one, other))
    return "" if mine == its else "substituted"


def _words(text: str) -> list[str]:
    return [word for word in tokens(plain_figures(text).casefold()) if word[0].isalnum()]


def _exchanged(one: frozenset[str], other: frozenset[str]) -> bool:
    left, right = one - other, other - one
    return any(OPPOSITES.get(word, frozenset()) & right for word in left)


def _roles(one: Sequence[str], other: Sequence[str], shared: frozenset[str]) -> bool:
    """Whether words that both sentences have once stand in orders that are not turns of one another.

    "A beats B" becomes "B beats A" only by an exchange; "in 1969 A won" and "A won in 1969" are turns of one order.
    """
    first, second = ([word for word in order if word in shared] for order in (one, other))
    unique = len(set(first)) == len(first) <= _MOST_ORDERED and sorted(first) == sorted(second)
    return unique and is_exchange(first, second)
