"""Short answers: the same content words and no others, with guards against what looks alike and contradicts."""

import re

from quorate.consensus.facts import Profile
from quorate.consensus.guards import conflicts, reversed_direction
from quorate.consensus.literal import Literal, same_literal
from quorate.consensus.number import only_quantities
from quorate.consensus.patterns import lazy
from quorate.consensus.question import Question
from quorate.consensus.twins import differences, one_edit
from quorate.consensus.words import STOP_WORDS, stem, tokens

# A word that each side has and the other lacks may be the very difference ("moved", "cancelled").
_SUBSTITUTED = 0.85
#: Both bring something that the other lacks, or the longer one answers more than the shorter: below the usual stop
#: line and within reach of a judge.
_UNSURE_CAP = 0.6
_TWIN_CAP = 0.5
#: What follows explains the answer and is no part of it.
_EXPLANATION = lazy(
    r"(?<=[.!?])\s+|\n+|[;:(\u2013\u2014]|\s-\s"
    r"|,?\s(?:because|since|as|which|who|whose|where|that|so|due to|thanks to|when|while|although|though)\s"
    r"|,\s(?:the|a|an|it|its|it's|he|she|they|this|these|we|you|i)\s",
)
_SUBJECT = lazy(r"^.*\b(?:is|are|was|were|be)\s", re.DOTALL)
_FILLER_WORDS = """call name know term word refer correct right definitely certainly probably likely think believe sure
    guess city town country planet element language company color colour person man woman situate located find spell
    spelled final simply short thing kind type form version mean say write read stand english french german spanish
    italian latin greek portuguese dutch japanese chinese russian"""
#: They name no answer beside one ("it is called Paris", "the city of Paris", "chien in French").
_FILLERS = frozenset(stem(word) for word in _FILLER_WORDS.split())
_JOINERS = frozenset({"and", "or", "&", ",", "plus"})
_ARTICLES = frozenset({"a", "an", "the", "also"})


def short_score(
    question: Question, one: tuple[Literal, Profile], other: tuple[Literal, Profile]
) -> tuple[float, tuple[str, ...]]:
    """Return the score of two short answers in [0, 1] and the guards that fired.

    Equal literals score 1, different strict literals 0, and so does what a guard tells apart. Otherwise: the share of
    the shorter answer's stems (those of the question set aside) that the longer one has. It stays at or below .6 where
    each has something that the other lacks, and where the longer one answers more ("Paris, Texas", "red and blue");
    what it only explains does not count.
    """
    (one_literal, one_profile), (other_literal, other_profile) = one, other
    same = same_literal(one_literal, other_literal)
    if same is not None:
        return float(same), () if same else ("literal",)
    guards = conflicts(one_profile.whole, other_profile.whole, question.alternatives)
    if one_profile.whole.numbers != other_profile.whole.numbers and all(
        only_quantities(profile.text) for profile in (one_profile, other_profile)
    ):
        guards += ("count",)
    if reversed_direction(one_profile.text, other_profile.text):
        guards += ("direction",)
    if guards:
        return 0.0, guards
    contained = containment(question, one_profile, other_profile)
    twins = differences(one_profile.whole, other_profile.whole) or one_edit(one_profile.text, other_profile.text)
    if twins:
        return min(_TWIN_CAP, contained), twins
    if contained < 1.0:
        return min(_SUBSTITUTED * contained, _UNSURE_CAP), ()
    share = _answered(question, one_profile, other_profile)
    return (1.0, ()) if share == 1.0 else (min(share, _UNSURE_CAP), ("extra",))


def containment(question: Question, one: Profile, other: Profile) -> float:
    """Return the share of the smaller stem set found in the larger, the question's own stems set aside.

    If nothing remains of either (the answer repeats words of the question) all stems are compared.
    """
    first, second = _content(question, one, other)
    if not first or not second:
        return float(" ".join(one.text.casefold().split()) == " ".join(other.text.casefold().split()))
    return len(first & second) / min(len(first), len(second))


def _content(question: Question, one: Profile, other: Profile) -> tuple[frozenset[str], frozenset[str]]:
    first, second = one.whole.stems - question.stems, other.whole.stems - question.stems
    return (first, second) if first and second else (one.whole.stems, other.whole.stems)


def _answered(question: Question, one: Profile, other: Profile) -> float:
    """Return how much of what the longer reply answers the shorter one says, where it says nothing else.

    Only the clauses that hold the shorter answer count; in them, words of the question and words that name no answer
    ("it is called") do not, unless they are joined on by "and", "or" or a comma.
    """
    first, second = _content(question, one, other)
    if len(first) == len(second):
        return 1.0
    shorter, longer = (first, other) if len(first) < len(second) else (second, one)
    missing = set(shorter)
    more: set[str] = set()
    for clause in _EXPLANATION().split(longer.text):
        if not clause or not missing:
            continue
        words, joined = _clause(clause)
        predicate = _SUBJECT().sub("", clause)
        if words & missing and words & missing <= (said := _clause(predicate))[0]:
            words, joined = said  # "the capital is" names the subject
        if words & missing:
            missing -= words
            more |= (words - shorter) & joined
            more |= words - shorter - question.stems - _FILLERS
    return len(shorter) / (len(shorter) + len(more))


def _clause(clause: str) -> tuple[set[str], set[str]]:
    """Return the stems of a clause, and those that are joined on to something before them."""
    words: set[str] = set()
    joined: set[str] = set()
    joins = False
    for token in tokens(clause):
        word = token.casefold()
        if word in _JOINERS:
            joins = bool(words)
        elif word not in STOP_WORDS and word[0].isalnum():
            words.add(stem(word))
            if joins:
                joined.add(stem(word))
            joins = False
        elif word not in _ARTICLES:
            joins = False
    return words, joined
