"""YAML with places: what is read, what is refused, and where each value stands."""

import contextlib
import re
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from quorate.source.document import MAX_BYTES, MAX_DEPTH, Document, Mark, parse_document, plain_scalar, read_document
from quorate.source.place import BadConfiguration

SCALARS = st.none() | st.booleans() | st.integers(-(10**17), 10**17) | st.text(max_size=20)
TREES = st.dictionaries(
    st.text(min_size=1, max_size=8),
    st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4)),
    max_size=5,
)


def messages(text: str) -> list[str]:
    with pytest.raises(BadConfiguration) as caught:
        parse_document(text, "f.yaml")
    return [str(problem) for problem in caught.value.problems]


@given(TREES)
@example({"a": "0E0"})
def test_what_yaml_writes_is_read_back(tree: dict[str, object]) -> None:
    assert parse_document(yaml.dump(tree, Dumper=_Writer), "f").tree == tree


class _Writer(yaml.SafeDumper):
    """Writes YAML 1.2: a text that is a number there, and none in YAML 1.1, gets quotes. And no aliases."""

    def ignore_aliases(self, data: object) -> bool:
        return True

    def represent_str(self, data: str) -> yaml.ScalarNode:
        style = None if plain_scalar(data) == data else "'"
        return yaml.ScalarNode("tag:yaml.org,2002:str", data, style=style)


_Writer.add_representer(str, _Writer.represent_str)


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(BadConfiguration):
        assert isinstance(parse_document(text, "f").tree, dict)


def test_places_of_values_and_keys() -> None:
    document = parse_document("a: 1\nb:\n  - x\n  - {c: 2}\n", "f.yaml")
    assert document.tree == {"a": 1, "b": ["x", {"c": 2}]}
    assert document.values["b", 1, "c"] == Mark(file="f.yaml", line=4, column=9)
    assert document.keys["b", 1, "c"] == Mark(file="f.yaml", line=4, column=6)
    assert str(document.values["b", 0]) == "f.yaml:3:5"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("010", 10),
        ("1_000", "1_000"),
        ("12:30", "12:30"),
        ("2026-01-01", "2026-01-01"),
        ("0.15", 0.15),
        ("1e-3", 0.001),
        (".5", 0.5),
        ("true", True),
        ("~", None),
        ("", None),
        (".nan", ".nan"),
        ("1" * 30, "1" * 30),
    ],
)
def test_plain_scalars(text: str, value: object) -> None:
    assert plain_scalar(text) == value
    assert parse_document(f"a: {text}\n", "f").tree["a"] == value


def test_quoted_values_and_all_keys_are_text() -> None:
    assert parse_document("1: '2'\nyes: \"true\"\n", "f").tree == {"1": "2", "yes": "true"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: &x [1]\nb: *x\n", "f.yaml:2:4: b: the alias *x is not supported"),
        ("a: !!python/object:os.system 1\n", "f.yaml:1:4: a: the tag 'tag:yaml.org,2002:python/object:os.system'"),
        ("a: !mine 1\n", "f.yaml:1:4: a: the tag '!mine' is not allowed"),
        ("a: 1\nb: 2\na: 3\n", "f.yaml:3:1: a: is given twice; the first is at line 1"),
        ("a: {b: 1, b: 2}\n", "f.yaml:1:11: a.b: is given twice"),
        ("? [1]\n: 2\n", "f.yaml:1:3: a key must be text"),
        ("- 1\n", "f.yaml:1:1: expected keys and values"),
        ("a: 1\n---\nb: 2\n", "f.yaml:2:1: begins a second document"),
        ("a: [1\n", "f.yaml:2:1: is not YAML"),
        ("a: @b\n", "f.yaml:1:4: is not YAML"),
        ("a: \ud800\n", "f.yaml: is not YAML"),
        ("a: \x07\n", "f.yaml: is not YAML"),
        ("[" * (MAX_DEPTH + 2), f"is nested deeper than {MAX_DEPTH} levels"),
    ],
)
def test_refused(text: str, expected: str) -> None:
    assert any(expected in message for message in messages(text)), messages(text)


def test_a_tab_may_stand_between_a_key_and_its_value() -> None:
    assert parse_document("a:\tb\n", "f.yaml").tree == {"a": "b"}


def test_decimals_are_kept_as_written() -> None:
    assert parse_document("a: 1.10\nb: [2.0, '3.0', 4]\n", "f").decimals == {("a",): "1.10", ("b", 0): "2.0"}


def test_an_alias_bomb_is_refused_at_once() -> None:
    bomb = "k0: &k0 [x, x]\n" + "".join(f"k{i + 1}: &k{i + 1} [*k{i}, *k{i}]\n" for i in range(20))
    assert len(messages(bomb)) == 40


def test_all_problems_at_once() -> None:
    assert len(messages("a: !x 1\na: 2\nb: &b 3\nc: *b\n")) == 3


def with_aliases(text: str) -> Document:
    return parse_document(text, "f.yaml", aliases=True)


def test_an_alias_repeats_what_was_anchored_and_keeps_the_places() -> None:
    document = with_aliases("a: &x {b: [1.50]}\nc: *x\nd: &n 2.0\ne: *n\n")
    assert document.tree == {"a": {"b": [1.5]}, "c": {"b": [1.5]}, "d": 2.0, "e": 2.0}
    assert document.place(("c",)) == "f.yaml:2:4"
    assert document.place(("c", "b", 0)) == "f.yaml:1:12"
    assert document.key_place(("c", "b")) == "f.yaml:1:8"
    assert document.decimals["c", "b", 0] == "1.50"
    assert document.decimals["e",] == "2.0"
    assert document.tree["a"] is not document.tree["c"]


def test_an_anchor_can_be_given_anew() -> None:
    assert with_aliases("a: &x 1\nb: *x\nc: &x 2\nd: *x\n").tree == {"a": 1, "b": 1, "c": 2, "d": 2}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: &x [*x]\n", "f.yaml:1:8: a[0]: the alias *x stands inside of what it repeats"),
        ("a: *x\n", "f.yaml:1:4: a: the alias *x has no anchor &x before it"),
        ("a: &x 1\nb: [" + "*x, " * 101 + "]\n", "the alias *x is one too many: at most 100"),
        ("a: &x {b: 1}\nc:\n  <<: *x\n", "f.yaml:3:3: c: the merge key << is not part of YAML 1.2"),
    ],
)
def test_refused_aliases(text: str, expected: str) -> None:
    with pytest.raises(BadConfiguration, match=re.escape(expected)):
        with_aliases(text)


def test_files(tmp_path: Path) -> None:
    file = tmp_path / "q.yaml"
    file.write_bytes(b"\xef\xbb\xbfversion: 1\n")
    assert read_document(file, shown_as="q.yaml").tree == {"version": 1}
    file.write_bytes(b"version: 1\nname: \xff\n")
    with pytest.raises(BadConfiguration, match=r"q\.yaml:2:1: is not UTF-8"):
        read_document(file, shown_as="q.yaml")
    file.write_bytes(b"#" * (MAX_BYTES + 1))
    with pytest.raises(BadConfiguration, match="is larger than"):
        read_document(file)
    with pytest.raises(BadConfiguration, match="No such file"):
        read_document(tmp_path / "gone.yaml")
    file.write_text("")
    assert read_document(file).tree == {}
