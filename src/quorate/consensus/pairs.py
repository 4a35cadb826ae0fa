"""The score of one pair of replies, per kind."""

from typing import NamedTuple, assert_never

from quorate.consensus.code import code_score
from quorate.consensus.json_value import json_score
from quorate.consensus.kind import Kind
from quorate.consensus.number import opposite_bounds, same_quantity
from quorate.consensus.prose import prose_score
from quorate.consensus.question import Question
from quorate.consensus.reading import Reading
from quorate.consensus.short import short_score


class Comparison(NamedTuple):
    """A score in [0, 1] and the names of the guards that lowered it."""

    score: float
    guards: tuple[str, ...] = ()


SAME = Comparison(score=1.0)
DIFFERENT = Comparison(score=0.0)


def compare(
    question: Question, kind: Kind, one: Reading, other: Reading, key_fields: tuple[str, ...] = ()
) -> Comparison:
    """Return how much two replies agree; symmetric, and 1 for a reply with itself."""
    if one.text == other.text:
        return SAME
    match kind:
        case Kind.CHOICE | Kind.BOOLEAN:
            return SAME if one.answer(kind) is not None and one.answer(kind) == other.answer(kind) else DIFFERENT
        case Kind.NUMBER:
            return _numbers(one, other)
        case Kind.JSON:
            if one.json is None or other.json is None:
                return DIFFERENT
            return Comparison(score=json_score(one.json, other.json, key_fields))
        case Kind.CODE:
            return (
                DIFFERENT
                if one.code is None or other.code is None
                else Comparison(score=code_score(one.code, other.code))
            )
        case Kind.SHORT if question.options and (one.choice is None) != (other.choice is None):
            return Comparison(score=0.0, guards=("choice",))
        case Kind.SHORT:
            score, guards = short_score(
                question, (one.literal, one.short_profile), (other.literal, other.short_profile)
            )
            return Comparison(score=score, guards=guards)
        case Kind.PROSE:
            score, guards = prose_score(question, (one.profile, one.vector), (other.profile, other.vector))
            return Comparison(score=score, guards=guards)
        case _:
            assert_never(kind)


def _numbers(one: Reading, other: Reading) -> Comparison:
    if one.number is None or other.number is None:
        return DIFFERENT
    if opposite_bounds(one.text, other.text):
        return Comparison(score=0.0, guards=("bound",))
    if same_quantity(one.number, other.number):
        return SAME
    return Comparison(score=0.0, guards=("unit",)) if one.number.text == other.number.text else DIFFERENT
