"""Prose: content, sentence by sentence, and wording; long replies are never said to agree without a judge."""

import math
from collections.abc import Sequence

from quorate.consensus.facts import Facts, Profile
from quorate.consensus.guards import conflicts
from quorate.consensus.question import Question
from quorate.consensus.twins import contradiction
from quorate.consensus.vectors import Vector, cosine

LONG_WORDS = 100  # of the cleaned reply: about 120 before lead-in and courtesies are gone
LONG_CAP = 0.6
_COSINE_FLOOR, _COSINE_SPAN = 0.1, 0.5
_PSEUDO_STEMS = 2
_GUARDED_WORDS = 60
_GUARD_FACTOR = 0.5
_TWIN_FACTOR = 0.6
_DECISIVE = frozenset({"polarity", "number"})
_CONTENT_POWER, _COVERAGE_POWER, _WORDING_POWER = 0.4, 0.3, 0.3


def prose_score(
    question: Question, one: tuple[Profile, Vector], other: tuple[Profile, Vector]
) -> tuple[float, tuple[str, ...]]:
    """Return the score of two prose replies in [0, 1] and the guards that fired.

    A geometric mean of content containment, guarded sentence coverage and n-gram cosine. It is a likeness, not a proof:
    when both replies exceed about 120 words it is capped at .6, below the usual stop line.
    """
    (one_profile, one_vector), (other_profile, other_vector) = one, other
    content = _content(question, one_profile, other_profile)
    covered = coverage(one_profile, other_profile)
    wording = min(max((cosine(one_vector, other_vector) - _COSINE_FLOOR) / _COSINE_SPAN, 0.0), 1.0)
    score = content**_CONTENT_POWER * covered**_COVERAGE_POWER * wording**_WORDING_POWER
    guards: tuple[str, ...] = ()
    long = one_profile.words > LONG_WORDS and other_profile.words > LONG_WORDS
    if not long:  # two long replies are capped anyway
        guards = contradiction(one_profile, other_profile)
        score *= _TWIN_FACTOR if guards else 1.0
    if max(one_profile.words, other_profile.words) <= _GUARDED_WORDS:
        # In longer texts each side negates or counts something by chance; sentences are guarded one by one.
        whole = tuple(name for name in conflicts(one_profile.whole, other_profile.whole) if name in _DECISIVE)
        score *= _GUARD_FACTOR if whole else 1.0
        guards = tuple(dict.fromkeys((*whole, *guards)))
    if long and score > LONG_CAP:
        return LONG_CAP, (*guards, "length")
    return score, guards


def _content(question: Question, one: Profile, other: Profile) -> float:
    """Return the overlap of stems: the geometric mean of containment and F1, the question's own stems set aside.

    Two pseudo-stems that match as well as the unreduced texts do keep a reply that mostly repeats the question
    from being judged by one left-over word.
    """
    all_one, all_other = one.whole.stems, other.whole.stems
    if not all_one or not all_other:
        return 0.0
    new_one, new_other = all_one - question.stems, all_other - question.stems
    common, common_new = len(all_one & all_other), len(new_one & new_other)
    contained = common / min(len(all_one), len(all_other))
    f1 = 2 * common / (len(all_one) + len(all_other))
    contained = (common_new + _PSEUDO_STEMS * contained) / (min(len(new_one), len(new_other)) + _PSEUDO_STEMS)
    f1 = (2 * common_new + _PSEUDO_STEMS * f1) / (len(new_one) + len(new_other) + _PSEUDO_STEMS)
    return math.sqrt(contained * f1)


def coverage(one: Profile, other: Profile) -> float:
    """Return the share of the smaller reply's content that some sentence of the other matches; symmetric."""
    table = [[len(mine.stems & its.stems) for its in other.parts] for mine in one.parts]
    turned = list(zip(*table, strict=True)) if table else []
    if len(one.parts) == len(other.parts):
        return max(_covered(one, other, table), _covered(other, one, turned))
    return _covered(one, other, table) if len(one.parts) < len(other.parts) else _covered(other, one, turned)


def _covered(smaller: Profile, larger: Profile, table: Sequence[Sequence[int]]) -> float:
    weight = matched = 0.0
    for sentence, shared in zip(smaller.parts, table, strict=True):
        size = len(sentence.stems)
        if size:
            weight += size
            matched += _best_match(sentence, larger.parts, shared)
    return matched / weight if weight else 0.0


def _best_match(sentence: Facts, candidates: Sequence[Facts], shared: Sequence[int]) -> int:
    """Return the most stems that any sentence shares without contradicting: the nearest is tried first."""
    nearest = max(shared, default=0)
    if not nearest or not conflicts(sentence, candidates[shared.index(nearest)]):
        return nearest
    order = sorted(range(len(shared)), key=shared.__getitem__, reverse=True)
    return next((shared[at] for at in order if not shared[at] or not conflicts(sentence, candidates[at])), 0)
