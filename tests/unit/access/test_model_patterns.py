"""A pattern that is within another matches nothing that the other does not."""

from fnmatch import fnmatchcase
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.access.model_patterns import MOST_PATTERNS, check_patterns, within
from quorate.core.errors import InvalidRequest

PATTERNS = st.text("ab-*?", min_size=1, max_size=6)
NAMES = st.text("ab-", max_size=7)


def test_within_is_sound_for_all_short_patterns() -> None:
    names = ["".join(letters) for length in range(5) for letters in product("ab", repeat=length)]
    patterns = ["".join(letters) for length in (1, 2, 3) for letters in product("ab*?", repeat=length)]
    matched = {pattern: {name for name in names if fnmatchcase(name, pattern)} for pattern in patterns}
    pairs = [(inner, outer) for inner, outer in product(patterns, repeat=2) if within(inner, outer)]
    assert len(pairs) > 5 * len(patterns)
    assert [pair for pair in pairs if not matched[pair[0]] <= matched[pair[1]]] == []


@given(pattern=PATTERNS)
def test_everything_is_within_itself_and_the_star(pattern: str) -> None:
    assert within(pattern, pattern)
    assert within(pattern, "*")


@given(name=NAMES.filter(bool), pattern=PATTERNS)
def test_a_name_is_within_a_pattern_that_matches_it(name: str, pattern: str) -> None:
    assert within(name, pattern) == fnmatchcase(name, pattern)


@pytest.mark.parametrize(
    ("inner", "outer", "expected"),
    [
        ("gpt-4*", "gpt-*", True),
        ("gpt-?", "gpt-*", True),
        ("*", "gpt-*", False),
        ("*", "?", False),
        ("gpt*", "gpt-*", False),
        ("GPT-4", "gpt-*", False),
        ("[ab]", "*b*", False),
        ("a", "[ab]", False),
    ],
)
def test_samples(inner: str, outer: str, expected: bool) -> None:
    assert within(inner, outer) is expected


def test_patterns_are_kept_once_and_in_order() -> None:
    assert check_patterns(["b", "a/x:1.0", "b", "gpt-*"]) == ("b", "a/x:1.0", "gpt-*")


@pytest.mark.parametrize(
    "patterns", [[], [""], ["a b"], ["[ab]"], ["a\0"], ["ä"], ["a" * 401], [str(n) for n in range(MOST_PATTERNS + 1)]]
)
def test_odd_ones_are_refused(patterns: list[str]) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_patterns(patterns)
    assert caught.value.param == "models"
