"""Values made for a JSON Schema satisfy it, as an independent validator sees it."""

import re
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.core.errors import InvalidRequest
from quorate.upstream.hints import Hints
from quorate.upstream.instance import instance

NONE = Hints("")


def valid(schema: dict[str, Any], value: object) -> bool:
    return jsonschema_rs.validator_for(schema, validate_formats=True).is_valid(value)


def bounds(low: Any, high: Any) -> Any:
    return st.tuples(low, high).map(lambda pair: (min(pair), max(pair)))


def _limited_text(limits: tuple[int, int]) -> dict[str, Any]:
    return {"type": "string", "minLength": limits[0], "maxLength": limits[1]}


def _texts() -> st.SearchStrategy[dict[str, Any]]:
    limits = bounds(st.integers(0, 40), st.integers(0, 40))
    plain = limits.map(_limited_text)
    formats = st.sampled_from(["date-time", "date", "email", "ipv4", "ipv6", "uri", "uuid"])
    return plain | formats.map(lambda form: {"type": "string", "format": form})


def _numbers() -> st.SearchStrategy[dict[str, Any]]:
    limits = bounds(st.integers(-1000, 1000), st.integers(-1000, 1000))
    closed = st.tuples(limits, st.sampled_from(["integer", "number"])).map(
        lambda drawn: {"type": drawn[1], "minimum": drawn[0][0], "maximum": drawn[0][1]}
    )
    opened = st.integers(-1000, 1000).map(lambda low: {"type": "integer", "exclusiveMinimum": low, "maximum": low + 2})
    multiple = st.tuples(st.integers(-50, 50), st.integers(1, 12)).map(
        lambda drawn: {"type": "integer", "minimum": drawn[0], "multipleOf": drawn[1]}
    )
    return closed | opened | multiple


def _nested(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    names = st.text("abcdef", min_size=1, max_size=4)
    properties = st.dictionaries(names, inner, max_size=4)
    objects = properties.flatmap(
        lambda known: st.lists(st.sampled_from(sorted(known) or ["x"]), unique=True).map(
            lambda required: {
                "type": "object",
                "properties": known,
                "required": required if known else [],
                "additionalProperties": False,
            }
        )
    )
    lists = st.tuples(inner, bounds(st.integers(0, 4), st.integers(0, 4))).map(
        lambda drawn: {"type": "array", "items": drawn[0], "minItems": drawn[1][0], "maxItems": drawn[1][1]}
    )
    either = st.lists(inner, min_size=1, max_size=3).map(lambda variants: {"anyOf": variants})
    optional = inner.map(lambda schema: {"anyOf": [schema, {"type": "null"}]})
    return objects | lists | either | optional


_PLAIN = st.sampled_from(
    [
        {"type": "boolean"},
        {"type": "null"},
        {"const": {"a": [1]}},
        {"enum": ["red", "green", 3]},
        {"type": ["string", "null"]},
    ]
)


@given(schema=st.recursive(_texts() | _numbers() | _PLAIN, _nested, max_leaves=12), prompt=st.text(max_size=60))
def test_values_satisfy_their_schema(schema: dict[str, Any], prompt: str) -> None:
    assert valid(schema, instance(schema, Hints(prompt)))


def test_values_named_in_the_prompt_are_used_in_order_where_they_fit() -> None:
    schema = {
        "type": "object",
        "properties": {
            "city": {"type": "string"},
            "days": {"type": "integer", "maximum": 5},
            "people": {"type": "integer"},
            "unit": {"enum": ["metric", "imperial"]},
        },
    }
    made = instance(schema, Hints("A trip for 12 people to '東京' over 3 days, in \"imperial\" units"))
    assert made == {"city": "東京", "days": 3, "people": 12, "unit": "imperial"}


TREE = {
    "$defs": {
        "node": {
            "type": "object",
            "properties": {
                "value": {"type": "integer"},
                "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]},
                "children": {"type": "array", "items": {"$ref": "#/$defs/node"}},
            },
            "required": ["value", "next", "children"],
            "additionalProperties": False,
        }
    },
    "$ref": "#/$defs/node",
}


def test_a_schema_that_contains_itself_comes_to_an_end() -> None:
    assert valid(TREE, instance(TREE, NONE))


def test_parts_of_all_of_are_joined() -> None:
    schema = {
        "allOf": [
            {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]},
            {"properties": {"b": {"type": "boolean"}}, "required": ["b"]},
        ]
    }
    assert instance(schema, NONE) == {"a": 1, "b": True}


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "array", "minItems": 19_000, "items": {}},
        {"type": "object", "minProperties": 1_500},
        {"type": "string", "minLength": 250_000},
        {"type": "string", "maxLength": 4},
        {"type": "array", "items": {"enum": ["a", "b", "c"]}, "uniqueItems": True, "minItems": 3},
        {"type": "array", "items": {"type": "integer"}, "uniqueItems": True, "minItems": 30},
        {"type": "array", "items": {"type": "boolean"}, "uniqueItems": True, "minItems": 2},
        {"type": "array", "contains": {"type": "integer"}},
        {"type": "array", "contains": {"const": "x"}, "minContains": 4},
        {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "null"}], "items": False},
        {"type": "array", "items": {"type": "integer"}, "maxItems": 0.0},
    ],
)
def test_what_is_demanded_is_made(schema: dict[str, Any]) -> None:
    assert valid(schema, instance(schema, NONE))


def test_values_named_in_the_prompt_give_way_to_the_schema() -> None:
    schema = {"type": "array", "items": {"type": "integer", "maximum": 10}, "uniqueItems": True, "minItems": 3}
    assert valid(schema, instance(schema, Hints("between 9 and 10")))


def test_an_unusual_pattern_is_no_reason_to_refuse() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string", "pattern": "^[xyz]{9}$"}}}
    assert instance(schema, NONE) == {"a": "simulated a"}


def test_a_refusal_says_what_is_wrong_in_plain_words() -> None:
    told = {
        "the schema cannot be read at type: 'banana' is no type": {"type": "banana"},
        'the schema cannot be read at properties: the value is not of type "object"': {"properties": [1]},
        "no value can be made up for the schema: maximum: the value is greater than the maximum of 2": {
            "type": "integer",
            "minimum": 3,
            "maximum": 2,
        },
    }
    for message, schema in told.items():
        with pytest.raises(InvalidRequest, match=re.escape(message)):
            instance(schema, NONE)


@pytest.mark.parametrize(
    ("pattern", "schema"), [(r"^\d+$", {"maxLength": 3}), (r"^[A-Z]{3}-\d{3}$", {}), (r"^\+1\d{10}$", {})]
)
def test_usual_patterns_are_satisfied(pattern: str, schema: dict[str, Any]) -> None:
    whole = {"type": "string", "pattern": pattern, **schema}
    assert valid(whole, instance(whole, NONE))


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#/$defs/missing"},
        {"$ref": "other.json#/a"},
        {"$defs": {"a": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"},
        {
            "$defs": {"a": {"type": "object", "properties": {"b": {"$ref": "#/$defs/a"}}, "required": ["b"]}},
            "$ref": "#/$defs/a",
        },
        {"type": "string", "pattern": "("},
    ],
)
def test_schemas_without_a_value_are_refused(schema: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        instance(schema, NONE)


NESTED: dict[str, Any] = {"type": "array", "minItems": 1000, "items": {"type": "array", "minItems": 1000}}


@pytest.mark.parametrize(
    "schema",
    [
        {"required": 5},
        {"minLength": "x"},
        {"type": "array", "minItems": "x"},
        {"type": "number", "multipleOf": 1e-320},
        {"enum": {"a": 1}},
        {"anyOf": {"a": 1}},
        {"type": "object", "properties": ["a"]},
        {"properties": [1]},
        {"type": "banana"},
        {"type": 7},
        {"items": {"type": "text"}},
        {"type": "array", "minItems": 100_000, "items": {}},
        {"type": "array", "minItems": 21_000},
        {"type": "object", "minProperties": 21_000},
        {"type": "string", "minLength": 21_000_000},
        {"type": "integer", "minimum": 3, "maximum": 2},
        {"type": "array", "items": {"enum": ["a", "b"]}, "uniqueItems": True, "minItems": 3},
        {"type": "array", "items": {"type": "string"}, "contains": {"type": "integer"}},
        {"type": "object", "propertyNames": {"maxLength": 2}, "minProperties": 1},
        {"type": "string", "format": "email", "minLength": 100},
        NESTED,
        {"type": "array", "minItems": 1000, "items": {"type": "string", "minLength": 100_000}},
    ],
)
def test_what_is_no_schema_or_has_no_end_is_refused(schema: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest, match="the schema"):
        instance(schema, NONE)
