"""The score of one pair of replies, per kind."""

from dataclasses import dataclass
from typing import NamedTuple, assert_never

from quorate.consensus.code import SameCode, code_score
from quorate.consensus.date import date_score
from quorate.consensus.json_value import json_score
from quorate.consensus.kind import Kind
from quorate.consensus.listing import list_score
from quorate.consensus.number import opposite_bounds, same_quantity
from quorate.consensus.prose import prose_score
from quorate.consensus.question import Question
from quorate.consensus.reading import Reading
from quorate.consensus.short import short_score
from quorate.consensus.tool_call import calls_score
from quorate.consensus.twins import contradiction


class Comparison(NamedTuple):
    """A score in [0, 1] and the names of the guards that lowered it."""

    score: float
    guards: tuple[str, ...] = ()


SAME = Comparison(score=1.0)
DIFFERENT = Comparison(score=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What the caller adds to the comparison: the JSON fields that decide alone, and a test of programs."""

    key_fields: tuple[str, ...] = ()
    same_code: SameCode | None = None


NO_RULES = Rules()


def compare(question: Question, kind: Kind, one: Reading, other: Reading, rules: Rules = NO_RULES) -> Comparison:
    """Return how much two replies agree; symmetric, and 1 for a reply with itself.

    Calls of functions compare as such whatever the kind; they never say the same as a text.
    """
    if one.calls is not None or other.calls is not None:
        if one.calls is None or other.calls is None:
            return Comparison(score=0.0, guards=("tool_call",))
        return Comparison(*calls_score(one.calls, other.calls))
    if one.text == other.text:
        return SAME
    match kind:
        case Kind.CHOICE | Kind.BOOLEAN:
            if one.answer(kind) is None or one.answer(kind) != other.answer(kind):
                return DIFFERENT
            return _statements(one, other) if kind is Kind.BOOLEAN else SAME
        case Kind.NUMBER:
            return _numbers(one, other)
        case Kind.DATE | Kind.LIST | Kind.JSON | Kind.CODE | Kind.TOOL_CALL:
            return _structures(question, kind, one, other, rules)
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


def _statements(one: Reading, other: Reading) -> Comparison:
    """Compare two replies that say the same of yes and no; statements instead of a yes may still contradict."""
    if one.restated is None or other.restated is None:
        return SAME
    guards = contradiction(one.profile, other.profile)
    return Comparison(score=0.0, guards=guards) if guards else SAME


def _structures(question: Question, kind: Kind, one: Reading, other: Reading, rules: Rules) -> Comparison:
    """Compare what was read out of both replies; a reply without it agrees with none."""
    if kind is Kind.DATE and one.date is not None and other.date is not None:
        return Comparison(*date_score(one.date, other.date, question.date_parts))
    if kind is Kind.LIST and one.listing is not None and other.listing is not None:
        return Comparison(*list_score(question, one.listing, other.listing))
    if kind is Kind.JSON and one.json is not None and other.json is not None:
        return Comparison(*json_score(one.json, other.json, rules.key_fields))
    if kind is Kind.CODE and one.code is not None and other.code is not None:
        return Comparison(score=code_score(one.code, other.code, rules.same_code))
    return DIFFERENT


def _numbers(one: Reading, other: Reading) -> Comparison:
    if one.number is None or other.number is None:
        return DIFFERENT
    if opposite_bounds(one.text, other.text):
        return Comparison(score=0.0, guards=("bound",))
    if same_quantity(one.number, other.number):
        return SAME
    return Comparison(score=0.0, guards=("unit",)) if one.number.text == other.number.text else DIFFERENT
