"""Which kind of answer a set of replies has: from the prompt and from what can be read out of the replies."""

from collections.abc import Callable, Sequence

from quorate.consensus.kind import Kind
from quorate.consensus.question import Question
from quorate.consensus.reading import Reading

EXTRACTED_SHARE = 0.8


def detect_kind(question: Question, readings: Sequence[Reading]) -> Kind:
    """Return the first kind that the prompt allows and that at least 80 % of the replies fit; prose if none does."""
    if _most(readings, lambda reading: reading.calls is not None):
        return Kind.TOOL_CALL
    if question.options and not question.selects_all and _most(readings, lambda reading: reading.choice is not None):
        return Kind.CHOICE
    if _is_boolean(question, readings):
        return Kind.BOOLEAN
    if question.asks_list and _most(readings, lambda reading: reading.listing is not None):
        return Kind.LIST
    if _most(readings, lambda reading: reading.is_json_answer):
        return Kind.JSON
    if _most(readings, lambda reading: reading.is_code_answer):
        return Kind.CODE
    if question.asks_date and not question.asks_quantity and _most(readings, lambda reading: reading.date is not None):
        return Kind.DATE
    if _is_number(question, readings):
        return Kind.NUMBER
    if _most(readings, lambda reading: reading.is_short):
        return Kind.SHORT
    return Kind.PROSE


def _is_boolean(question: Question, readings: Sequence[Reading]) -> bool:
    if question.demands_yes_or_no:
        return _most(readings, lambda reading: reading.boolean is not None)
    if sum(reading.is_long for reading in readings) > len(readings) / 2:
        # "Are there free tools?" answered by essays: what they list matters more than that all of them open with yes.
        return False
    if question.asks_yes_or_no:
        return _most(readings, lambda reading: reading.boolean is not None)
    return bool(readings) and all(reading.opens_with_boolean for reading in readings)


def _is_number(question: Question, readings: Sequence[Reading]) -> bool:
    if question.asks_quantity:
        return _most(readings, lambda reading: reading.number is not None)
    # Without a cue in the prompt only marked numbers count, and nearly all replies have to have one.
    return _most(readings, lambda reading: reading.marked_number is not None)


def _most(readings: Sequence[Reading], fits: Callable[[Reading], bool]) -> bool:
    """Whether at least 80 % fit; stops at the reply that decides, so that late ones are not read in every way."""
    allowed = len(readings) - EXTRACTED_SHARE * len(readings)
    misses = 0
    for reading in readings:
        if not fits(reading):
            misses += 1
            if misses > allowed:
                return False
    return bool(readings)
