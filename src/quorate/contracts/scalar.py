"""A number, yes or no, a date, a time or a text in what a model wrote."""

import re
from collections.abc import Callable
from typing import NamedTuple

from quorate.consensus.boolean import extract_boolean
from quorate.consensus.clean import clean, without_thoughts
from quorate.consensus.final import Final, finals
from quorate.consensus.number import Quantity, explicit_number, extract_number
from quorate.consensus.patterns import lazy
from quorate.contracts.contract import WORDS, OutputType
from quorate.contracts.dates import find_date, find_datetime
from quorate.contracts.json_text import as_number, decode_json

_WHOLE_FENCE = lazy(r"\s*```[^\n`]{0,40}\n(.*?)\n?```\s*", re.DOTALL)
_INTEGER = lazy(r"[-+]?\d{1,400}")


class Coerced(NamedTuple):
    """The value as plain JSON and as Python has it; `problem` says why there is none."""

    value: object = None
    native: object = None
    problem: str | None = None


def coerce(text: str, kind: OutputType) -> Coerced:
    """Return what a text says, read as `kind`, which is neither an object nor an array."""
    return _READERS[kind](text)


def _string(text: str) -> Coerced:
    """Take away what is not the answer: thoughts, white space around it, a fence around all of it."""
    said = without_thoughts(text).strip()
    fence = _WHOLE_FENCE().fullmatch(said)
    said = fence.group(1) if fence is not None else said
    try:
        said.encode()
    except UnicodeEncodeError:
        return Coerced(problem="it is not valid Unicode")
    return Coerced(value=said, native=said) if said else Coerced(problem="it is empty")


def _number(text: str) -> Coerced:
    said = _said(text)
    written = decode_json(said).value
    if isinstance(written, int | float) and not isinstance(written, bool):
        found = written if isinstance(written, int) else as_number(written)
    else:
        found = _value(_quantity(said, tuple(finals(said))))
    return _not_found(OutputType.NUMBER) if found is None else Coerced(value=found, native=found)


def _integer(text: str) -> Coerced:
    found = _number(text)
    if found.problem is not None:
        return _not_found(OutputType.INTEGER)
    if isinstance(found.value, float):
        return Coerced(problem="it is not a whole number")
    return found


def _boolean(text: str) -> Coerced:
    said = _said(text)
    written = decode_json(said).value
    found = extract_boolean(said, tuple(finals(said)))
    if isinstance(written, bool):
        return Coerced(value=written, native=written)
    if found is None:
        return _not_found(OutputType.BOOLEAN)
    return Coerced(value=found == "yes", native=found == "yes")


def _date(text: str) -> Coerced:
    day, why = find_date(_said(text))
    return Coerced(problem=why) if day is None else Coerced(value=day.isoformat(), native=day)


def _datetime(text: str) -> Coerced:
    moment, why = find_datetime(_said(text))
    return Coerced(problem=why) if moment is None else Coerced(value=moment.isoformat(), native=moment)


def _said(text: str) -> str:
    fenced = _WHOLE_FENCE().fullmatch(without_thoughts(text))
    return clean(fenced.group(1) if fenced is not None else text).text.strip()


def _quantity(said: str, marks: tuple[Final, ...]) -> Quantity | None:
    try:
        return explicit_number(said, marks) or extract_number(said, marks, frozenset())
    except (OverflowError, ValueError):
        return None  # a number beyond what a float holds


def _value(quantity: Quantity | None) -> int | float | None:
    """Return the number as written, its unit aside; whole numbers exactly, however long."""
    if quantity is None:
        return None
    return int(quantity.text) if _INTEGER().fullmatch(quantity.text) else as_number(quantity.value)


def _not_found(kind: OutputType) -> Coerced:
    return Coerced(problem=f"it says nothing that can be read as {WORDS[kind]}")


_READERS: dict[OutputType, Callable[[str], Coerced]] = {
    OutputType.STRING: _string,
    OutputType.NUMBER: _number,
    OutputType.INTEGER: _integer,
    OutputType.BOOLEAN: _boolean,
    OutputType.DATE: _date,
    OutputType.DATETIME: _datetime,
}
