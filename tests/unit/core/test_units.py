"""Money for people to read."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.core.units import format_usd, usd


@pytest.mark.parametrize(
    ("microusd", "text"),
    [
        (None, "unknown"),
        (0, "$0.0000"),
        (1, "$0.000001"),
        (1200, "$0.0012"),
        (1_500_000, "$1.5000"),
        (12_000_001, "$12.000001"),
    ],
)
def test_format(microusd: int | None, text: str) -> None:
    assert format_usd(microusd) == text


@given(st.integers(0, 10**15))
def test_format_loses_nothing(microusd: int) -> None:
    assert Decimal(format_usd(microusd).removeprefix("$")) * 1_000_000 == microusd


def test_usd() -> None:
    assert usd(2_500_000) == 2.5
