import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.consensus.expression import evaluate


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("4 + 4\\sqrt{10}", 4 + 4 * math.sqrt(10)),
        ("2(3 + 4)", 14.0),
        ("-2^2", -4.0),
        ("2^{-1}", 0.5),
        ("\\frac{1}{2} + \\dfrac12", 1.0),
        ("\\sqrt[3]{27}", 3.0),
        ("\\left(1 + 2\\right) \\cdot 3", 9.0),
        ("\u221a16 \u00d7 2", 8.0),
        ("2\u03c0", 2 * math.pi),
        ("1/0", None),
        ("2^99999", None),
        ("(-8)^0.5", None),
        ("(1", None),
        ("(1]", None),
        ("x + 1", None),
        ("", None),
        ("(" * 60 + "1" + ")" * 60, None),
        ("9" * 200, None),
    ],
)
def test_values(text: str, value: float | None) -> None:
    found = evaluate(text)
    assert found == (value if value is None else pytest.approx(value))


@given(st.text(alphabet="0123456789+-*/^(){}[].\\sqrtfacpi ", max_size=60))
def test_any_text_gives_a_finite_value_or_none(text: str) -> None:
    value = evaluate(text)
    assert value is None or math.isfinite(value)


@given(st.integers(-999, 999), st.integers(-999, 999), st.integers(1, 999))
def test_it_computes_as_python_does(a: int, b: int, c: int) -> None:
    assert evaluate(f"({a}) + ({b}) / {c}") == pytest.approx(a + b / c)
