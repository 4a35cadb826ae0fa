"""Every spelling of a flow means the same as the canonical one."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flow_samples import EMPTY_KEYS, INPUT_SPELLINGS, OUTPUT_SPELLINGS, STEP_SPELLINGS
from quorate.flows.language.read import ReadFlow, read_flow_document
from quorate.source.document import Document
from written_flows import only_step, read, tree


@pytest.mark.parametrize(("written", "expected"), INPUT_SPELLINGS)
def test_inputs(written: str, expected: dict[str, Any]) -> None:
    assert tree(f"inputs:\n  {written}\n")["inputs"] == expected


@pytest.mark.parametrize("written", ["type: files", "type: array, items: file", "type: list, items: {type: file}"])
def test_several_files(written: str) -> None:
    found = tree(f"inputs: {{papers: {{{written}, max_items: 3, accept: pdf}}}}")["inputs"]
    assert found == {"papers": {"type": "files", "schema": {"maxItems": 3}, "accept": ["pdf"]}}


def test_inputs_as_a_list_or_one_schema_are_the_same_as_a_mapping() -> None:
    expected = {"a": {"type": "string", "required": True}, "b": {"type": "integer", "default": 3}}
    assert tree("inputs: {a: {type: text, required: true}, b: {type: int, default: 3}}")["inputs"] == expected
    as_list = "inputs: [{name: a, type: string, required: true}, {name: b, type: integer, default: 3}]"
    assert tree(as_list)["inputs"] == expected
    as_schema = "inputs: {type: object, required: [a], properties: {a: string, b: {type: integer, default: 3}}}"
    assert tree(as_schema)["inputs"] == expected


def test_an_object_of_one_schema_keeps_what_it_requires_itself() -> None:
    found = tree("""
        inputs:
          type: object
          required: [o]
          additionalProperties: false
          properties: {o: {type: object, properties: {a: string}, required: [a]}}
        """)["inputs"]["o"]
    assert (found["required"], found["schema"]["required"]) == (True, ["a"])


@pytest.mark.parametrize(("written", "expected"), OUTPUT_SPELLINGS)
def test_outputs(written: str, expected: dict[str, Any]) -> None:
    assert tree(f"outputs: {written}\n")["outputs"] == expected


@pytest.mark.parametrize(("written", "expected"), STEP_SPELLINGS)
def test_steps(written: str, expected: dict[str, Any]) -> None:
    assert only_step(f"steps:\n  - {{name: a, {written}}}\n") == expected


def test_steps_by_name_keep_their_order() -> None:
    assert tree("steps: {b: {executor: x}, a: {executor: y}}")["steps"] == [
        {"name": "b", "executor": "x"},
        {"name": "a", "executor": "y"},
    ]


def test_the_length_of_a_list_is_the_number_of_its_items() -> None:
    found = tree("inputs: {l: {type: array, min_length: 1, validation: {max_length: 3}}, s: {min_length: 1}}")["inputs"]
    assert (found["l"]["schema"], found["s"]["schema"]) == ({"minItems": 1, "maxItems": 3}, {"minLength": 1})


@pytest.mark.parametrize(
    ("defaults", "attempts"), [("{retry: {max_attempts: 7}}", None), ("{timeout: 1}", 3), ("{retry: }", 3)]
)
def test_trying_again_without_more_is_what_the_defaults_say(defaults: str, attempts: int | None) -> None:
    step = read(f"defaults: {defaults}\nsteps: [{{name: a, executor: x, on_failure: retry}}]\n").section.steps[0]
    assert (step.retry.max_attempts if step.retry else None) == attempts


def test_usual_names_of_errors_are_their_codes() -> None:
    found = only_step("steps: [{name: a, retry: {on: [timeout, Unavailable], never_on: rate_limit}}]")["retry"]
    assert found == {"on": ["deadline_exceeded", "provider_unavailable"], "never_on": ["rate_limited"]}


@pytest.mark.parametrize("text", EMPTY_KEYS)
def test_a_key_with_nothing_under_it_says_nothing(text: str) -> None:
    assert read(text).section.name == "demo"
    assert "null" not in json.dumps(tree(text)).replace('"default": null', "")


def test_the_configuration_of_a_whole_flow() -> None:
    found = tree("""
        config:
          execution: {mode: async, timeout: 300, retry_count: 2, max_concurrent: 4, auto_resume: false, priority: low}
          caching: {enabled: true, ttl: 3600, key_template: "{{ inputs.a }}"}
          callbacks: {enabled: true, max_retries: 5, retry_delay: 1}
        error_handling: {on_failure: continue, max_retries: 1}
        """)
    assert found["limits"] == {
        "mode": "async",
        "timeout": 300,
        "max_retries": 2,
        "concurrency": 4,
        "auto_resume": False,
        "priority": -10,
    }
    assert found["cache"] == {"enabled": True, "ttl": 3600, "key": "{{ inputs.a }}"}
    assert found["callbacks"] == {"enabled": True, "max_retries": 5, "retry_delay": 1}
    assert found["defaults"] == {"on_error": {"action": "continue"}, "retry": {"max_attempts": 2}}


def test_limits_may_stand_in_both_places() -> None:
    found = tree("limits: {durability: fast}\nconfig: {execution: {timeout: 5m}}\n")
    assert found["limits"] == {"durability": "fast", "timeout": "5m"}


@pytest.mark.parametrize(
    ("written", "version"),
    [("1.10", "1.10.0"), ("2", "2.0.0"), ("'1.2.3-rc.1'", "1.2.3-rc.1"), ("v3.1.0", "3.1.0"), ("1.0", "1.0.0")],
)
def test_versions_are_taken_as_they_are_written(written: str, version: str) -> None:
    assert read(f"version: {written}\n").section.version == version


def test_functions_macros_examples_and_tests() -> None:
    found = read("""
        inputs: {a: string}
        functions: {f: "def f(): return 1", g: {description: d, code: "def g(): return 2"}}
        macros: {cite: "{% macro cite(d) %}x{% endmacro %}"}
        examples: [{a: one}, {name: second, inputs: {a: two}}]
        tests: [{name: t, inputs: {a: x}, mocks: {s: 1}, expected: {status: succeeded}}]
        tags: one
        secrets: TOKEN
        """).section
    assert found.functions["f"].implementation == "def f(): return 1"
    assert found.functions["g"].description == "d"
    assert found.examples == ({"a": "one"}, {"a": "two"})
    assert (found.tests[0].mock, found.tests[0].expect) == ({"s": 1}, {"status": "succeeded"})
    assert (found.tags, found.secrets) == (("one",), ("TOKEN",))


def test_an_input_of_the_name_inputs_keeps_its_examples() -> None:
    found = read("inputs: {inputs: object}\nexamples: [{inputs: {a: 1}}]\n").section
    assert found.examples == ({"inputs": {"a": 1}},)


def test_metadata_is_free() -> None:
    assert read("metadata: {anything: {goes: [here]}}\n").section.metadata == {"anything": {"goes": ["here"]}}


INPUTS = st.sampled_from(
    [
        [
            {"name": "a", "type": "text", "validation": {"min_length": 1}},
            {"name": "b", "type": "file", "max_size": "1MB"},
        ],
        {"a": "text", "b": {"type": "file", "accept": ["pdf"]}},
        {
            "type": "object",
            "properties": {"a": {"type": ["string", "null"]}, "b": {"anyOf": ["text"]}},
            "required": ["a"],
        },
        {"type": {"type": "string"}, "properties": {"type": "object", "properties": {"x": "int"}}},
        {"a": {"schema": {"type": "string", "min_length": 2}, "example": 1}},
    ]
)
OUTPUTS = st.sampled_from(
    [
        [{"name": "o", "source": "steps.a.text"}],
        {
            "o": {"value": {"value": 1}, "type": "any"},
            "p": "x",
            "q": {"part": 1},
            "r": {"description": "d", "value": None},
        },
        {"o": {"value": [1], "type": ["array", "null"], "items": "int"}},
    ]
)
EXTRAS = st.fixed_dictionaries(
    {},
    optional={
        "retry": st.sampled_from([2, True, False, {"max_retries": 1, "jitter": True}, {"max_attempts": 2, "on": "a"}]),
        "foreach": st.sampled_from(["{{ x }}", [1], {"in": [1], "on_item_error": "continue"}]),
        "cache": st.sampled_from([True, {"key_template": "k"}]),
        "needs": st.sampled_from(["a", ["a", "b"]]),
        "error_handling": st.sampled_from(["continue", {"fallback_value": None}, {"on_failure": "stop"}]),
        "if": st.sampled_from([True, "{{ x }}"]),
    },
)


@st.composite
def steps(draw: st.DrawFn, depth: int = 2) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = []
    for number in range(draw(st.integers(1, 3))):
        step: dict[str, Any] = {"name": f"s{number}", **draw(EXTRAS)}
        kind = draw(st.sampled_from(["execute", "parallel", "sequential", "switch", "on"])) if depth else "execute"
        inner = draw(steps(depth=depth - 1)) if kind != "execute" else []
        match kind:
            case "parallel" | "sequential":
                step |= {"type": kind, "steps": inner}
            case "switch":
                step["switch"] = [{"when": "{{ x }}", "steps": inner}, {"otherwise": inner}]
            case "on":
                step["switch"] = {"on": "x", "cases": {"1": inner}, "default": {"steps": inner}}
            case _:
                step |= {"executor": "llm", "config": {"type": "any", "retry": 1, "on": ["x"]}}
        made.append(step)
    return made


FLOWS = st.fixed_dictionaries(
    {"name": st.just("demo"), "steps": steps()},
    optional={
        "inputs": INPUTS,
        "outputs": OUTPUTS,
        "version": st.sampled_from([1, "1.2", "2.0.0-rc.1"]),
        "config": st.just({"execution": {"priority": "high", "retry_count": 1}, "caching": {"ttl": 1}}),
        "error_handling": st.just({"on_failure": "retry"}),
        "callbacks": st.booleans(),
        "rollout": st.just({"split": {"1": 1, "2.0": 3}}),
        "examples": st.just([{"inputs": {"a": 1}}]),
    },
)


@given(FLOWS)
@settings(max_examples=150, deadline=None)
def test_the_canonical_spelling_is_the_canonical_spelling_of_itself(flow: dict[str, Any]) -> None:
    once = of_tree(flow)
    again = of_tree(once.written.tree)
    assert (again.written.tree, again.section) == (once.written.tree, once.section)


def of_tree(values: dict[str, Any]) -> ReadFlow:
    return read_flow_document(Document(file="f", tree=values, values={}, keys={}), name="")


@pytest.mark.parametrize("rule", ["error_handling: retry", "error_handling: {max_retries: 2}"])
def test_an_empty_key_beside_another_says_nothing(rule: str) -> None:
    (step,) = tree(f"steps: [{{name: a, executor: x, retry: , {rule}}}]")["steps"]
    assert "retry" in step
    (other,) = tree("steps: [{name: a, executor: x, on_error: , error_handling: continue}]")["steps"]
    assert other["on_error"]
