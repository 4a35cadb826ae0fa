"""Versions and ranges of them, by the examples of semver.org and of npm."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.flows.language.version import full_version, parsed_range, parsed_version

#: Section 11 of Semantic Versioning 2.0.0.
IN_ORDER = (
    "1.0.0-alpha 1.0.0-alpha.1 1.0.0-alpha.beta 1.0.0-beta 1.0.0-beta.2 "
    "1.0.0-beta.11 1.0.0-rc.1 1.0.0 2.0.0 2.1.0 2.1.1"
)


def test_precedence() -> None:
    versions = [parsed_version(text) for text in IN_ORDER.split()]
    for before, after in itertools.combinations(versions, 2):
        assert before is not None
        assert after is not None
        assert before < after
    assert parsed_version("1.0.0+a") == parsed_version("1.0.0+b")


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("1", "1.0.0"),
        ("1.2", "1.2.0"),
        ("v1.2.3", "1.2.3"),
        ("1.2.3-rc.1+build.5", "1.2.3-rc.1+build.5"),
        ("01.2.3", None),
        ("1.2.3.4", None),
        ("1.2.3-01", None),
        ("1.2.3-", None),
        ("", None),
        ("latest", None),
    ],
)
def test_versions_written_out(text: str, whole: str | None) -> None:
    assert full_version(text) == whole


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("1.2.3", "1.2.3", "1.2.4 1.2.3-rc.1"),
        ("=1.2.3", "1.2.3", "1.2.2"),
        ("1.2", "1.2.0 1.2.9", "1.3.0 1.1.9"),
        ("1.x", "1.0.0 1.9.9", "2.0.0 1.5.0-rc.1"),
        ("1", "1.0.0 1.9.9", "2.0.0"),
        ("*", "0.0.1 9.9.9", "1.0.0-rc.1"),
        ("^1.2.3", "1.2.3 1.9.0", "1.2.2 2.0.0 2.0.0-rc.1 1.3.0-rc.1"),
        ("^0.2.3", "0.2.3 0.2.9", "0.3.0"),
        ("^0.0.3", "0.0.3", "0.0.4"),
        ("^0.0", "0.0.0 0.0.9", "0.1.0"),
        ("^0", "0.0.0 0.9.0", "1.0.0"),
        ("^1.2.3-beta.2", "1.2.3-beta.4 1.2.3 1.5.0", "1.2.3-beta.1 1.2.4-beta.2"),
        ("~1.2.3", "1.2.3 1.2.9", "1.3.0"),
        ("~1", "1.0.0 1.9.9", "2.0.0"),
        (">=1.2,<2", "1.2.0 1.9.9", "1.1.9 2.0.0"),
        (">= 1.2 < 2", "1.2.0", "2.0.0"),
        (">1.2", "1.3.0", "1.2.9"),
        ("<=1.2", "1.2.9 0.1.0", "1.3.0"),
        ("1.0.0 || ^3", "1.0.0 3.1.0", "1.0.1 2.0.0"),
    ],
)
def test_ranges(text: str, inside: str, outside: str) -> None:
    allowed = parsed_range(text)
    assert allowed is not None
    for each in inside.split():
        assert allowed(parsed_version(each) or pytest.fail(each)), each
    for each in outside.split():
        assert not allowed(parsed_version(each) or pytest.fail(each)), each


@pytest.mark.parametrize("text", [">>1", "one", "^", "1.2.3.4", ">=1 and <2", "~x.1"])
def test_what_is_no_range(text: str) -> None:
    assert parsed_range(text) is None


@given(st.text(max_size=20))
def test_any_text_is_a_range_or_none(text: str) -> None:
    parsed_range(text)
    parsed_version(text)
