"""Whatever stands in a flow, it is read or refused with places; nothing else ever happens."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quorate.flows.language import canonical, error_spelling, step_spelling
from quorate.flows.language.input_spelling import DIRECT
from quorate.flows.language.read import read_flow_document
from quorate.flows.language.schema_spelling import KEYWORDS
from quorate.source.document import Document
from quorate.source.place import BadConfiguration, Problem

SPELLINGS = (
    canonical.FLOW,
    canonical.CONFIG,
    canonical.LIMITS,
    canonical.DEFAULTS,
    canonical.CALLBACKS,
    canonical.FUNCTION,
    canonical.ROLLOUT,
    canonical.TEST,
    step_spelling.STEP,
    step_spelling.FOREACH,
    step_spelling.CASE,
    step_spelling.SWITCH,
    error_spelling.RETRY,
    error_spelling.ON_ERROR,
    error_spelling.ERROR_HANDLING,
    error_spelling.CACHE,
    KEYWORDS,
)
WORDS = sorted({word for spelling in SPELLINGS for word in spelling.known()} | DIRECT)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.sampled_from(["retry", "continue", "parallel", "sequential", "string", "10MB", "a", "{{ steps.a }}", "1.2"])
    | st.text(max_size=5)
)


def below(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    keys = st.sampled_from([*WORDS, "a", "b"]) | st.text(max_size=3)
    return st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4)


ANYTHING = st.recursive(SCALARS, below, max_leaves=12)
FLOWS = st.dictionaries(st.sampled_from(canonical.FLOW.known()), ANYTHING, max_size=5)
STEPS = st.dictionaries(st.sampled_from(step_spelling.STEP.known()), ANYTHING, max_size=5)


def read_or_refuse(tree: dict[str, Any]) -> None:
    document = Document(file="f.yaml", tree=tree, values={}, keys={})
    problems = found(document)
    assert all(problem.where.startswith("f.yaml") and problem.message for problem in problems)


def found(document: Document) -> tuple[Problem, ...]:
    """What is wrong; nothing if the flow can be read."""
    try:
        read_flow_document(document, name="demo")
    except BadConfiguration as error:
        return error.problems
    return ()


@given(FLOWS)
@settings(max_examples=100, deadline=None)
def test_any_flow(tree: dict[str, Any]) -> None:
    read_or_refuse(tree)


@given(st.lists(STEPS, max_size=2))
@settings(max_examples=100, deadline=None)
def test_any_steps(steps: list[dict[str, Any]]) -> None:
    read_or_refuse({"steps": [{"name": f"s{number}", **step} for number, step in enumerate(steps)]})


@given(st.dictionaries(st.sampled_from(sorted({*KEYWORDS.known(), *DIRECT})), ANYTHING, max_size=5))
@settings(max_examples=100, deadline=None)
def test_any_input_and_output(spec: dict[str, Any]) -> None:
    read_or_refuse({"inputs": {"a": spec}, "outputs": {"b": spec}})


SHAPES: list[dict[str, Any]] = [
    {"steps": [{"name": {"a": 1}, "on_error": {"action": {"b": 1}}}]},
    {"steps": [{"name": ["a"], "error_handling": {"on_failure": []}}]},
    {"steps": [{"name": "a", "type": {}, "steps": 3}, {"name": "a", "type": "sequential", "steps": [1, {}]}]},
    {"steps": [{"name": "a", "switch": {"on": {}, "cases": []}}, {"name": "b", "switch": [[], {"otherwise": {}}]}]},
    {"steps": [{"name": "a", "depends_on": {}, "outputs": [[]], "foreach": {"as": []}, "retry": {"jitter": {}}}]},
    {"inputs": {"type": "object", "properties": {"a": {}}, "required": [{}, []]}},
    {"inputs": [{"name": {}}, 3], "outputs": [{"name": []}], "functions": [3], "tests": [[]], "examples": [3]},
    {"inputs": {"a": {"type": {}, "accept": {}, "max_size": [], "validation": 3, "schema": [], "enum": 1}}},
    {"config": 3, "limits": {"priority": {}}, "rollout": {"split": [1]}, "version": {}, "extends": [{}]},
    {"inputs": {"a": {"validation": 3}}},
    {"inputs": {"type": "object", "properties": {"a": {}}, "required": ["b"]}},
    {"inputs": {"type": "object", "properties": {"a": {}}, "additionalProperties": True}},
    {"config": {"execution": 3}},
    {"config": {"execution": 3, "caching": [], "callbacks": 5}, "defaults": [], "error_handling": [], "cache": 1},
]


@pytest.mark.parametrize("tree", SHAPES)
def test_shapes_that_nobody_means_are_refused(tree: dict[str, Any]) -> None:
    assert found(Document(file="f.yaml", tree=tree, values={}, keys={}))
