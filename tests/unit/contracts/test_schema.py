"""Schemas: found wrong when they are read, never a way out, never without end."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from quorate.contracts.schema import MAX_SCHEMA_BYTES, MAX_SCHEMA_DEPTH, MOST_PROBLEMS, Schema, read_schema
from quorate.contracts.schema_work import MOST_VISITS, visits
from quorate.core.errors import InvalidRequest


def compiled(**source: Any) -> Schema:
    return read_schema(source, param="schema")


def nested(depth: int, make: Callable[[Any], Any], inner: Any) -> Any:
    for _ in range(depth):
        inner = make(inner)
    return inner


#: An array of the same, or an array of the same: 2^depth ways to refuse one.
FORKING = {
    "$defs": {"a": {"anyOf": [{"type": "array", "items": {"$ref": "#/$defs/a"}}] * 2}},
    "$ref": "#/$defs/a",
}


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ({"type": "nope"}, r"\$\.type"),
        ({"properties": {"a": {"minimum": "low"}}}, r"\$\.properties\.a\.minimum"),
        ({"$ref": "#/$defs/none"}, "does not exist"),
        ({"$ref": "https://example.org/schema.json"}, "no reference outside"),
        ({"$ref": "file:///etc/passwd"}, "no reference outside"),
        ({"$schema": "https://example.org/dialect"}, "meta-schema"),
        ({"pattern": "(?=a)b"}, "no look-around"),
        ({"pattern": "((a{0,1000}){0,1000}){0,1000}"}, "regex"),
        ({"$ref": "#"}, "refers to itself"),
        ({"properties": {"a": {"$id": "https://example.org/inner", "type": "object"}}}, "of its own inside"),
        ({"default": nested(MAX_SCHEMA_DEPTH + 1, lambda inner: [inner], 1)}, "too large"),
        ({"enum": list(range(6000))}, "too large"),
        ({"description": "x" * MAX_SCHEMA_BYTES}, "bytes"),
        ({"default": float("nan")}, "not JSON"),
        ({"default": object()}, "not JSON"),
    ],
)
def test_a_schema_that_cannot_be_used(source: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidRequest, match=told) as caught:
        read_schema(source, param="parallel.output.schema")
    assert caught.value.param == "parallel.output.schema"
    assert len(caught.value.message) < 600


@pytest.mark.parametrize("draft", ["draft-04/schema#", "draft-06/schema#", "draft-07/schema#"])
def test_older_drafts(draft: str) -> None:
    schema = read_schema({"$schema": f"http://json-schema.org/{draft}", "type": "integer"}, param="schema")
    assert (schema.problems(1), len(schema.problems("1"))) == ((), 1)


def test_formats_are_checked() -> None:
    schema = compiled(type="string", format="date")
    assert (schema.problems("2026-11-28"), len(schema.problems("28.11.2026"))) == ((), 1)


def test_the_same_schema_is_compiled_once() -> None:
    assert compiled(type="integer", minimum=3) is compiled(type="integer", minimum=3)


def test_paths_of_problems() -> None:
    schema = compiled(properties={"items": {"items": {"properties": {"a b": {"type": "integer"}}}}})
    (problem,) = schema.problems({"items": [{}, {"a b": "x"}]})
    assert problem.path == '$.items[1]["a b"]'


def test_problems_are_a_few() -> None:
    problems = compiled(items={"type": "string"}).problems(list(range(1000)))
    assert len(problems) == MOST_PROBLEMS
    assert all(len(str(problem)) < 600 for problem in compiled(additionalProperties=False).problems({"k" * 9000: 1}))


def test_a_pattern_takes_linear_time() -> None:
    schema = compiled(type="string", pattern="^(a+)+$")
    began = time.process_time()
    assert schema.problems("a" * 100_000 + "b")
    assert time.process_time() - began < 1


@pytest.mark.parametrize("depth", [2, 6, 12, 20, 31])
def test_a_schema_that_forks_without_end_takes_bounded_time(depth: int) -> None:
    schema = read_schema(FORKING, param="schema")
    began = time.process_time()
    assert schema.problems(nested(depth, lambda inner: [inner], 5))
    assert time.process_time() - began < 3


def test_a_chain_of_forks_is_refused_when_it_is_read() -> None:
    defs: dict[str, Any] = {f"a{i}": {"anyOf": [{"$ref": f"#/$defs/a{i + 1}"}] * 2} for i in range(40)}
    with pytest.raises(InvalidRequest, match="branches without end"):
        compiled(**{"$defs": {**defs, "a40": {"type": "integer"}}, "$ref": "#/$defs/a0"})


def test_ordinary_recursion_is_checked() -> None:
    tree = {"type": "object", "properties": {"children": {"type": "array", "items": {"$ref": "#"}}}}
    schema = read_schema(tree, param="schema")
    assert schema.problems(nested(10, lambda inner: {"children": [inner]}, {})) == ()
    assert schema.problems(nested(10, lambda inner: {"children": [inner]}, 5))[0].path == "$" + ".children[0]" * 10


def test_the_work_is_reckoned() -> None:
    assert visits({"type": "integer"}, 5) == 1
    assert visits({"properties": {"a": {}, "b": {}}}, 1) == 2
    assert visits({"anyOf": [True, {"not": True}]}, 0) == 4
    assert visits(FORKING, 10) > 2**10
    assert visits(FORKING, 40) == MOST_VISITS
    assert visits({"$ref": "#x", "$defs": {"a": {"$anchor": "x", "anyOf": [True, False]}}}, 0) == 4
    assert visits({"$ref": "elsewhere"}, 0) == MOST_VISITS


def test_what_is_written_is_what_is_kept() -> None:
    assert json.loads(compiled(title="é", type="object").text) == {"title": "é", "type": "object"}
