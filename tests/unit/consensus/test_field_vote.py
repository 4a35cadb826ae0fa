import json
from collections.abc import Iterator
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.consensus import FieldVote, JsonAnswer, json_answer, vote_fields


def vote(*values: object, weights: tuple[float, ...] = (), total: float | None = None) -> FieldVote:
    given_weights = weights or (1.0,) * len(values)
    answered = [JsonAnswer(index=i, weight=given_weights[i], value=value) for i, value in enumerate(values)]
    return vote_fields(answered, total=sum(given_weights) if total is None else total)


def value_of(found: FieldVote) -> Any:
    return json.loads(found.text)


def test_each_field_is_decided_by_itself() -> None:
    found = vote({"a": 1, "b": 2, "c": 9}, {"a": 1, "b": 8, "c": 3}, {"a": 7, "b": 2, "c": 3})
    assert value_of(found) == {"a": 1, "b": 2, "c": 3}
    assert [(field.path, field.members) for field in found.fields] == [
        ("$.a", (0, 1)),
        ("$.b", (0, 2)),
        ("$.c", (1, 2)),
    ]
    assert found.share == pytest.approx(2 / 3)


def test_weights_are_votes() -> None:
    assert value_of(vote({"a": 1}, {"a": 2}, {"a": 2}, weights=(3.0, 1.0, 1.0))) == {"a": 1}


def test_a_field_without_majority_is_the_best_weighted_members_and_open_with_its_rivals() -> None:
    found = vote({"a": 1}, {"a": 2}, {"a": 3}, weights=(1.0, 1.5, 1.0))
    assert value_of(found) == {"a": 2}
    (field,) = found.fields
    assert field.open
    assert [(rival.text, rival.members) for rival in field.rivals] == [("1", (0,)), ("3", (2,))]


def test_half_of_the_votes_is_no_majority() -> None:
    found = vote({"a": 1}, {"a": 2})
    assert value_of(found) == {"a": 1}
    assert found.fields[0].open


def test_an_answer_without_json_counts_below_the_line() -> None:
    assert vote({"a": 1}, {"a": 1}, total=4.0).fields[0].open
    assert not vote({"a": 1}, {"a": 1}, total=3.0).fields[0].open


def test_not_having_a_field_is_a_vote() -> None:
    assert value_of(vote({"a": 1}, {"a": 1}, {"a": 1, "b": 2})) == {"a": 1}
    assert value_of(vote({"a": 1}, {"a": 1, "b": 2}, {"a": 1, "b": 2})) == {"a": 1, "b": 2}


def test_a_field_left_open_may_be_left_out() -> None:
    found = vote({"a": 1}, {"a": 1, "b": 2})
    assert value_of(found) == {"a": 1}
    opened = next(field for field in found.fields if field.open)
    assert (opened.path, opened.text, opened.rivals[0].text) == ("$.b", "", "2")


def test_objects_inside_objects_are_gone_into() -> None:
    found = vote({"at": {"x": 1, "y": 2}}, {"at": {"x": 1, "y": 3}}, {"at": {"x": 9, "y": 2}})
    assert value_of(found) == {"at": {"x": 1, "y": 2}}
    assert [field.path for field in found.fields] == ["$.at.x", "$.at.y"]


def test_an_array_is_one_value() -> None:
    assert value_of(vote([1, 2], [1, 2], [1, 3])) == [1, 2]
    found = vote({"tags": ["x", "y"]}, {"tags": ["x", "z"]}, {"tags": ["w", "y"]})
    assert value_of(found) == {"tags": ["x", "y"]}
    assert found.fields[0].open


def test_numbers_compare_as_numbers_and_texts_without_case() -> None:
    found = vote({"n": 1, "t": "Paris"}, {"n": 1.0, "t": "paris"}, {"n": "1", "t": "Lyon"})
    assert value_of(found) == {"n": 1, "t": "Paris"}
    assert found.fields[0].members == (0, 1, 2)


def test_objects_without_a_common_field_do_not_become_an_empty_one() -> None:
    found = vote({"a": 1}, {"b": 2}, {"c": 3})
    assert value_of(found) == {"a": 1}
    assert found.fields[0].open


def test_an_empty_object_that_was_given_stands() -> None:
    found = vote({}, {}, {"a": 1})
    assert value_of(found) == {}
    assert found.share == 1.0


@pytest.mark.parametrize("nasty", ["\ud800", "\u2028", 'quote " and \\', "é"])
def test_the_text_is_valid_json_in_any_encoding(nasty: str) -> None:
    found = vote({"a": nasty, nasty: 1}, {"a": nasty, nasty: 1})
    assert json.loads(found.text.encode()) == {"a": nasty, nasty: 1}


def test_an_object_nested_without_end_is_one_value() -> None:
    deep: dict[str, object] = {"a": 1}
    for _ in range(200):
        deep = {"a": deep}
    assert value_of(vote(deep, deep)) == deep


@pytest.mark.parametrize("text", ["no json", '{"a": NaN}', '{"a": 1', ""])
def test_what_is_no_valid_json_is_no_json_answer(text: str) -> None:
    assert json_answer("q", text, index=0, weight=1.0) is None


def test_json_in_a_fence_is_a_json_answer() -> None:
    found = json_answer("q", 'Sure:\n```json\n{"a": 1}\n```', index=3, weight=2.0)
    assert found == JsonAnswer(index=3, weight=2.0, value={"a": 1})


scalars = st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from(["x", "X", "long words", ""])
values = st.recursive(scalars, lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3), max_leaves=6)
objects = st.dictionaries(st.sampled_from("abc"), values | st.lists(scalars, max_size=2), max_size=3)


@given(st.lists(st.tuples(objects, st.integers(0, 3)), min_size=1, max_size=5), st.randoms(use_true_random=False))
def test_the_order_of_the_ballots_changes_nothing(members: list[tuple[dict[str, Any], int]], rng: Any) -> None:
    answered = [JsonAnswer(index=i, weight=float(weight), value=value) for i, (value, weight) in enumerate(members)]
    total = float(sum(weight for _, weight in members))
    shuffled = list(answered)
    rng.shuffle(shuffled)
    assert vote_fields(answered, total=total) == vote_fields(shuffled, total=total)


@given(st.lists(objects, min_size=1, max_size=5))
def test_every_value_was_given_by_a_member_at_that_place(members: list[dict[str, Any]]) -> None:
    found = vote(*members)
    given_leaves = {leaf for member in members for leaf in leaves(member)}
    assert set(leaves(value_of(found))) <= given_leaves


def leaves(value: Any, path: str = "$") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict) and value:
        for name, inner in cast("dict[str, Any]", value).items():
            yield from leaves(inner, f"{path}.{name}")
    else:
        yield path, json.dumps(value)
