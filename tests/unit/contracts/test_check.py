"""What texts say under a contract, and what no text can do to the one who reads them."""

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from quorate.contracts.check import Checked, check
from quorate.contracts.contract import Contract, OutputType, Validation
from quorate.contracts.json_text import MAX_TEXT_CHARS
from quorate.contracts.schema import read_schema

PRICE = {
    "type": "object",
    "properties": {"price": {"type": "number", "minimum": 0}, "currency": {"enum": ["EUR", "USD"]}},
    "required": ["price", "currency"],
    "additionalProperties": False,
}


def read(text: str, kind: str | None = None, schema: dict[str, Any] | None = None, **fields: Any) -> Checked:
    compiled = None if schema is None else read_schema(schema, param="schema")
    return check(text, Contract(type=None if kind is None else OutputType(kind), schema=compiled, **fields))


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("number", "$1,200.00", 1200),
        ("number", "The answer is 42.", 42),
        ("number", "about 1/2", 0.5),
        ("number", "5 %", 5),
        ("number", "```\n7\n```", 7),
        ("number", '{"answer": 9}', 9),
        ("number", "12345678901234567890", 12345678901234567890),
        ("number", "-2.5e3", -2500),
        ("number", "forty-two", 42),
        ("number", "<think>it is 3</think>4", 4),
        ("integer", "3.0", 3),
        ("integer", "seven", 7),
        ("boolean", "Yes.", True),
        ("boolean", "**No**, it is not.", False),
        ("boolean", "true", True),
        ("boolean", "False", False),
        ("date", "2026-11-28", "2026-11-28"),
        ("date", "It was on July 14, 1789.", "1789-07-14"),
        ("date", "the 14th of July 1789", "1789-07-14"),
        ("date", "14.07.1789", "1789-07-14"),
        ("date", "07/14/1789", "1789-07-14"),
        ("datetime", "2026-11-28T10:00:00Z", "2026-11-28T10:00:00+00:00"),
        ("datetime", "at 2026-11-28 10:00 UTC", "2026-11-28T10:00:00+00:00"),
        ("datetime", "2026-11-28 10:00:30.5 +02:00", "2026-11-28T10:00:30.500000+02:00"),
        ("string", "  plain words \n", "plain words"),
        ("string", "```text\nfenced\n```", "fenced"),
        ("string", "It is `code`.", "It is `code`."),
        ("object", '{"a": 1}', {"a": 1}),
        ("object", 'Sure!\n```json\n{"b": 2, "a": [1]}\n```\nHope this helps.', {"a": [1], "b": 2}),
        ("object", 'For {x} the result is {"a": 1}, as you see.', {"a": 1}),
        ("object", '{"a": "two\nlines"}', {"a": "two\nlines"}),
        ("array", "[1, 2]", [1, 2]),
        ("array", 'Here: ["a", "b"].', ["a", "b"]),
        (None, "[1]", [1]),
        (None, '"text"', "text"),
    ],
)
def test_what_a_text_is_read_as(kind: str | None, text: str, value: object) -> None:
    found = read(text, kind)
    assert (found.output.value, found.output.problems, found.output.repaired) == (value, (), False)
    assert type(found.output.value) is type(value)
    assert (found.text if kind == "string" else json.loads(found.text)) == value


@pytest.mark.parametrize(
    ("kind", "text", "why"),
    [
        ("number", "no idea", "a number"),
        ("number", "", "a number"),
        ("number", "1e999", "a number"),
        ("number", "NaN", "a number"),
        ("integer", "3.5", "not a whole number"),
        ("boolean", "maybe", "true or false"),
        ("date", "07/08/1789", "day first or month first"),
        ("date", "on 2026-02-30", "no date"),
        ("date", "2026-01-01 or 2026-01-02", "2 different dates"),
        ("datetime", "at ten", "no date and time"),
        ("string", " \n", "empty"),
        ("object", "[1]", "a JSON object"),
        ("object", '{"a": 1e999}', "a JSON object"),
        ("object", '{"a": "\\ud800"}', "a JSON object"),
        ("object", '{"a":' * 60 + "1" + "}" * 60, "a JSON object"),
        ("array", '{"a": 1}', "a JSON array"),
        ("object", "I cannot say.", "a JSON object"),
    ],
)
def test_what_a_text_is_not_read_as(kind: str, text: str, why: str) -> None:
    found = read(text, kind)
    (problem,) = found.output.problems
    assert (found.output.valid, found.output.value, problem.path, found.text) == (False, None, "$", text)
    assert why in problem.message


def test_the_text_is_the_same_for_equal_values() -> None:
    one, other = read('{"b": 1.0, "a": "é"}', "object"), read('```\n{"a":"é",\n"b":1.0}```', "object")
    assert one.text == other.text == '{"a":"é","b":1.0}'


def test_dates_are_pythons_own_for_who_writes_python() -> None:
    assert read("July 14, 1789", "date").output.native == date(1789, 7, 14)
    expected = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
    assert read("2026-01-02T03:04Z", "datetime").output.native == expected


@pytest.mark.parametrize(
    ("broken", "value"),
    [
        ("{'price': 5, 'currency': 'EUR',}", {"price": 5, "currency": "EUR"}),
        ('{"price": 5, "currency": "EUR"', {"price": 5, "currency": "EUR"}),
        ('{price: 5, currency: "EUR"}', {"price": 5, "currency": "EUR"}),
        ('```json\n{"price": 5 "currency": "EUR"}\n```', {"price": 5, "currency": "EUR"}),
        ('{"price": 5, // about\n "currency": "EUR"}', {"price": 5, "currency": "EUR"}),
    ],
)
def test_json_that_is_almost_right_is_mended(broken: str, value: object) -> None:
    mended = read(broken, schema=PRICE)
    assert (mended.output.value, mended.output.valid, mended.output.repaired) == (value, True, True)
    assert not read(broken, schema=PRICE, repair=False).output.valid


def test_prose_is_not_mended_into_something() -> None:
    for text in ("nothing of the kind", "a [link] and {braces}", "{}" * 3):
        assert not read(text, schema=PRICE).output.valid, text


def test_problems_say_where_and_what_without_the_words_of_the_answer() -> None:
    secret = "sk-" + "s" * 500
    found = read(json.dumps({"price": secret, "currency": secret}), schema=PRICE)
    assert [problem.path for problem in found.output.problems] == ["$.price", "$.currency"]
    assert "ssss" not in str(found.output.problems)
    assert '"currency" is a required property' in str(read('{"price": 1}', schema=PRICE).output.problems)


def test_of_several_values_the_one_that_fits_counts() -> None:
    text = 'Not {"price": -1, "currency": "EUR"} but {"price": 1, "currency": "EUR"}.'
    assert read(text, schema=PRICE).output.value == {"price": 1, "currency": "EUR"}


def test_nothing_is_held_against_the_schema_where_nothing_is_checked() -> None:
    found = read('{"price": -1}', schema=PRICE, validation=Validation.NONE)
    assert (found.output.value, found.output.problems) == ({"price": -1}, ())


def test_a_text_without_end_is_not_read() -> None:
    found = read("9" * (MAX_TEXT_CHARS + 1), "number")
    assert "longer than" in found.output.problems[0].message


KINDS = st.sampled_from([None, *OutputType])
CONTRACTS = st.builds(
    Contract, type=KINDS, schema=st.sampled_from([None, read_schema(PRICE, param="schema")]), repair=st.booleans()
)
TEXTS = st.one_of(
    st.text(),
    st.text(alphabet='{}[]",:\\`\n 10-/.eE\u2212%$trufalsn', max_size=200),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
        max_leaves=8,
    ).map(json.dumps),
)


@settings(max_examples=150, deadline=None)
@given(text=TEXTS, contract=CONTRACTS)
@example(text="10^400", contract=Contract(type=OutputType.NUMBER))
@example(text="1e308" * 40, contract=Contract(type=OutputType.NUMBER))
@example(text="[" * 5000, contract=Contract())
@example(text='{"a":' * 5000, contract=Contract())
@example(text="/*" * 2000, contract=Contract(type=OutputType.OBJECT))
@example(text="\ud800", contract=Contract(type=OutputType.STRING))
@example(text='"\ud800"', contract=Contract())
def test_whatever_the_text_is_it_is_read_or_has_problems(text: str, contract: Contract) -> None:
    found = check(text, contract)
    if found.output.valid:
        found.text.encode()
        assert contract.type is OutputType.STRING or json.loads(found.text) == found.output.value
    else:
        assert found.output.problems


@settings(max_examples=60, deadline=None)
@given(value=st.dictionaries(st.text(max_size=4), st.integers() | st.text(max_size=5) | st.booleans(), max_size=4))
def test_json_in_a_fence_or_in_prose_is_the_same_value(value: dict[str, object]) -> None:
    written = json.dumps(value)
    for text in (written, f"```json\n{written}\n```", f"The result:\n{written}"):
        assert read(text, "object").output.value == value
