"""Whether an answer keeps its contract, and what it says as a value."""

from dataclasses import dataclass
from functools import partial
from itertools import islice

from quorate.consensus.clean import without_thoughts
from quorate.contracts.contract import Contract, OutputType, Validation
from quorate.contracts.json_text import MAX_TEXT_CHARS, NOTHING, Found, canonical, json_values
from quorate.contracts.repair import repaired
from quorate.contracts.scalar import Coerced, coerce
from quorate.model.output import Output, Problem

_TOO_LONG = f"it is longer than the {MAX_TEXT_CHARS} characters that are read"

#: How many values of one answer are held against the schema.
_MOST_VALUES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """An answer read under a contract: `output`, and `text`, which stands for it from here on.

    The text is the canonical JSON of the value for every type but `string`, and what the model wrote where nothing
    could be read.
    """

    output: Output
    text: str


def check(text: str, contract: Contract) -> Checked:
    """Return what an answer says under `contract`; raises nothing, whatever the text is.

    Linear in the text but for its repair, which is bounded.
    """
    if len(text) > MAX_TEXT_CHARS:
        return _unread(text, _TOO_LONG)
    if contract.is_json:
        found, mended = _json(text, contract)
        if not found.found:
            return _unread(text, f"it holds nothing that can be read as {contract.wanted}")
        coerced = Coerced(value=found.value, native=found.value)
    else:
        assert contract.type is not None
        coerced, mended = coerce(text, contract.type), False
    if coerced.problem is not None:
        return _unread(text, coerced.problem)
    return _checked(coerced, contract, repaired=mended)


def _checked(coerced: Coerced, contract: Contract, *, repaired: bool) -> Checked:
    problems, native = _problems(coerced, contract)
    value = coerced.value
    text = value if contract.type is OutputType.STRING and isinstance(value, str) else canonical(value)
    return Checked(output=Output(value=value, native=native, problems=problems, repaired=repaired), text=text)


def _problems(coerced: Coerced, contract: Contract) -> tuple[tuple[Problem, ...], object]:
    """Return what is wrong with a value, and the caller's own object of it."""
    native = coerced.native
    if contract.validation is not Validation.NONE and contract.schema is not None:
        problems = contract.schema.problems(coerced.value)
        if problems:
            return problems, native
    if contract.build is None:
        return (), native
    try:
        return (), contract.build(coerced.value)
    except (ValueError, TypeError):
        return (Problem(path="$", message="the caller's own type does not take it"),), native


def _json(text: str, contract: Contract) -> tuple[Found, bool]:
    """Return the value in the text, the first that fits the schema or else the first, and whether it was mended."""
    said = without_thoughts(text).strip()
    fits = partial(_is, contract.type)
    values = list(islice(filter(fits, json_values(said)), _MOST_VALUES))
    if values:
        schema = contract.schema
        kept = values if schema is None or len(values) == 1 else [value for value in values if schema.fits(value)]
        return Found(value=(kept or values)[0]), False
    return (repaired(said, fits), True) if contract.repair else (NOTHING, False)


def _is(kind: OutputType | None, value: object) -> bool:
    match kind:
        case OutputType.OBJECT:
            return isinstance(value, dict)
        case OutputType.ARRAY:
            return isinstance(value, list)
        case _:
            return True


def _unread(text: str, why: str) -> Checked:
    return Checked(output=Output(value=None, native=None, problems=(Problem(path="$", message=why),)), text=text)
