"""What a caller may ask for, and what it gets."""

from dataclasses import dataclass
from datetime import date
from typing import Any, TypedDict

import msgspec
import pydantic
import pytest

from quorate import Contract, OutputInvalid, OutputType, Quorate, SyncQuorate, Validation
from quorate.core.errors import InvalidRequest
from quorate.library.output_type import output_contract
from quorate.testing import ScriptedModel, VirtualClock, run_virtual


@dataclass
class Invoice:
    number: str
    due: date


class Line(msgspec.Struct):
    total: float


class Row(TypedDict):
    total: float


class Even(pydantic.BaseModel):
    n: int

    @pydantic.field_validator("n")
    @classmethod
    def _is_even(cls, value: int) -> int:
        if value % 2:
            raise ValueError("is odd")
        return value


def ask(output: Any, *script: str, **options: Any) -> tuple[Any, ScriptedModel]:
    model = ScriptedModel("m", *script)
    q = Quorate.of([model], clock=VirtualClock())
    return run_virtual(q.ask("What?", output=output, **options)), model


@pytest.mark.parametrize(
    ("output", "said", "value"),
    [
        (int, "It is 42.", 42),
        (float, "42", 42.0),
        (bool, "Yes.", True),
        (str, " words ", "words"),
        (date, "July 14, 1789", date(1789, 7, 14)),
        (dict, '{"a": 1}', {"a": 1}),
        (list, "[1]", [1]),
        (list[int], "[1, 2]", [1, 2]),
        (Invoice, '{"number": "R-7", "due": "2026-11-28"}', Invoice(number="R-7", due=date(2026, 11, 28))),
        (Line, '{"total": 2}', Line(total=2.0)),
        (Row, '{"total": 2.5}', {"total": 2.5}),
        (Even, '{"n": 4}', Even(n=4)),
        ("integer", "3", 3),
        (OutputType.BOOLEAN, "no", False),
        ({"type": "object", "required": ["a"]}, '{"a": 1}', {"a": 1}),
        (Contract(type=OutputType.NUMBER), "7", 7),
        (None, "7", None),
    ],
)
def test_the_value_is_of_the_type_that_was_asked_for(output: Any, said: str, value: object) -> None:
    result, _ = ask(output, said)
    assert result.value == value
    assert type(result.value) is type(value)


def test_a_type_of_the_callers_own_has_its_say() -> None:
    result, model = ask(Even, '{"n": 3}', '{"n": 4}')
    assert (result.value, model.opens) == (Even(n=4), 2)
    with pytest.raises(OutputInvalid, match="own type does not take it"):
        ask(Even, '{"n": 3}')


def test_a_contract_may_be_looser() -> None:
    loose = Contract(type=OutputType.NUMBER, validation=Validation.WARN)
    result, model = ask(loose, "no number")
    assert (result.value, result.output.valid, model.opens) == (None, False, 1)
    assert "does not keep its output contract" in result.warnings[0]
    assert result.to_dict()["output"]["problems"][0]["path"] == "$"


@pytest.mark.parametrize("output", ["float", {"type": "nope"}, complex])
def test_what_cannot_be_asked_for(output: Any) -> None:
    with pytest.raises(InvalidRequest) as caught:
        output_contract(output)
    assert caught.value.param == "output"


def test_without_await() -> None:
    with SyncQuorate.of([ScriptedModel("m", "It is 42.")]) as q:
        assert q.ask("How many?", output=int).value == 42
        with q.stream("How many?", output="number") as answer:
            assert list(answer) == ["42"]
        assert answer.result.value == 42
        once, kept = q.estimate("How many?").branches, q.estimate("How many?", output=int).branches
        assert len(once) == len(kept) == 1
