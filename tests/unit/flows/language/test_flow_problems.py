"""What is wrong with a flow is said at once, with the place, the value and what to do."""

import pytest

from written_flows import messages, read


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("stps: []", "demo.yaml:1:1: stps: unknown key; did you mean 'steps'?"),
        ("steps: [{name: a, executer: x}]", "demo.yaml:1:19: steps[0].executer: unknown key; did you mean 'executor'?"),
        ("steps: [{name: a, retry: {max_atempts: 2}}]", "did you mean 'max_attempts'?"),
        ("steps: [{name: a, retry: {backof: fixed}}]", "did you mean 'backoff'?"),
        ("steps: [{name: a, retry: {max_retries: x}}]", "demo.yaml:1:40: steps[0].retry.max_retries: 'x': expected"),
        (
            "steps: [{name: a, retry: {max_attempts: 2, max_retries: 3}}]",
            "demo.yaml:1:44: steps[0].retry.max_retries: says the same as `steps[0].retry.max_attempts` at demo",
        ),
        ("steps: [{name: a, if: x, when: y}]", "says the same as `steps[0].if` at demo.yaml:1:19; write one of them"),
        ("steps: [{name: a, on_error: fial}]", "'fial' is not one of stop, continue, retry, fallback; did you mean"),
        (
            "steps: [{name: a, error_handling: {on_failure: retyr}}]",
            "not one of stop, continue, retry, fallback; did you mean 'retry'?",
        ),
        ("steps: [{name: a, on_error: {continue: maybe}}]", "'maybe': expected true or false"),
        (
            "steps: [{name: a, error_handling: {on_failure: stop, fallback_value: 1}}]",
            "demo.yaml:1:48: steps[0].error_handling.on_failure: the run stops, and yet something stands in",
        ),
        ("steps: [{name: a, on_error: {action: stop, fallback: b}}]", "the run stops, and yet something stands in"),
        ("steps: [{name: a, on_error: {fallback: b, value: 1}}]", "has a fallback and a value; write one of them"),
        ("steps: [{name: a, error_handling: {on_failure: retry, when: x}}]", "decides about a fallback, a value or"),
        ("steps: [{name: a, on_error: {when: x}}]", "steps[0].on_error.when: decides about a fallback, a value or"),
        ("steps: [{name: a, on_failure: fallback}]", "needs a `fallback_step` or a `fallback_value` beside it"),
        ("steps: [{name: a, on_failure: retry, retry: false}]", "`retry` at demo.yaml:1:38 says that it is not"),
        (
            "steps: [{name: a, error_handling: {max_retries: 2}, retry: 3}]",
            "says the same as `steps[0].retry` at demo.yaml:1:53; write one of them",
        ),
        ("limits: 5\nconfig: {execution: {timeout: 1}}", "demo.yaml:1:9: limits: 5: expected limits, a mapping"),
        ("defaults: 5\nerror_handling: continue", "demo.yaml:1:11: defaults: 5: expected defaults, a mapping"),
        ("config: {execution: 5}", "5: expected a mapping such as {timeout: 5m}"),
        ("steps: [{name: a, type: paralel, steps: []}]", "did you mean 'parallel'?"),
        ("steps: [{name: a, type: llm}]", "what a step does is said by `executor`"),
        ("steps: [{name: a, type: parallel}]", "a step of type 'parallel' has `steps` inside"),
        (
            "steps: [{name: a, timeout: 5 minutes}]",
            "demo.yaml:1:28: steps[0].timeout: '5 minutes': expected a duration",
        ),
        ("steps: [{name: a-b}]", "demo.yaml:1:16: steps[0].name: 'a-b': a name that stands in expressions"),
        ("steps: [{executor: x}]", "demo.yaml:1:9: steps[0]: `name` is missing"),
        ("steps: [just text]", "'just text': expected a step, a mapping with"),
        ("steps: text", "'text': expected steps, as a list or by their names"),
        ("steps: [{name: a, remove: true}]", "there is no step 'a' to remove in what the flow extends"),
        ("steps: [{name: a, switch: [{steps: []}, {when: x}]}]", "has no `when`, so that none of the cases after it"),
        ("steps: [{name: a, switch: [{when: x, otherwise: true}]}]", "a case has either `when` or `otherwise`"),
        ("steps: [{name: a, switch: {cases: {}}}]", "expected `on`, an expression, and `cases`"),
        ("steps: [{name: a, outputs: [1]}]", "1: expected the name of an output"),
        ("steps: [{name: a, outputs: 1}]", "1: expected the names of outputs, as a list"),
        ("steps: [{name: a, outputs: {text: string}}]", "steps[0].outputs.text: 'string': a step's output has a name"),
        ("steps: [{name: a, outputs: [{name: b, type: text}]}]", "demo.yaml:1:39: steps[0].outputs[0].type: a step's"),
        (
            "steps: [{name: a, switch: {on: x, cases: {y: {when: z, steps: []}}}}]",
            "demo.yaml:1:47: steps[0].switch.cases.y.when: a case here is named, and taken, by its value",
        ),
        ("steps: [{name: a, switch: {on: x, cases: {y: {name: z, steps: []}}}}]", "y.name: a case here is named"),
        (
            "steps: [{name: a, switch: {on: x, cases: {}, else: {otherwise: true, steps: []}}}]",
            "else.otherwise: a case",
        ),
        ("inputs: {a: }", "demo.yaml:1:10: inputs.a: there is nothing under the name of this input; say what it is"),
        ("inputs: {a: strng}", "demo.yaml:1:13: inputs.a: 'strng' is not one of file, files, string"),
        (
            "inputs: {a: {type: string, validation: {min_lenght: 1}}}",
            "inputs.a.validation.min_lenght: unknown key; did you mean 'min_length'?",
        ),
        ("inputs: {a: {type: file, max_size: big}}", "'big': expected a size such as 500KB, 10MB or 1GB"),
        ("inputs: {a: {min_length: 1, validation: {minLength: 2}}}", "says the same as `inputs.a.min_length`"),
        ("inputs: {a: {properties: {b: {tpye: int}}}}", "unknown keyword of JSON Schema; did you mean 'type'?"),
        ("inputs: [{type: string}]", "expected a mapping with a `name`"),
        ("inputs: [{name: a}, {name: a}]", "demo.yaml:1:28: inputs[1].name: the name 'a' is taken: demo.yaml:1:10"),
        ("inputs: {1a: string}", "a name that stands in expressions is letters"),
        ("outputs: {o: {type: string}}", "outputs.o: `value` is missing"),
        ("outputs: {o: {value: 1, source: x}}", "says the same as `outputs.o.value`"),
        ("limits: {concurency: 1}", "did you mean 'concurrency'?"),
        ("limits: {priority: urgent}", "'urgent': expected a number, or one of low, normal, high"),
        ("config: {execution: {timeout: 1}, limits: {timeout: 2}}", "says the same as `config.execution`"),
        (
            "limits: {timeout: 1}\nconfig: {execution: {timeout: 2}}",
            "says the same as `limits.timeout` at demo.yaml:1:10",
        ),
        ("version: one", "'one': expected a version by semantic versioning such as 1.2.0"),
        ("name: a b", "the name of a flow is letters, digits"),
        ("extends: base", "there is no folder of flows here in which 'base' could be found"),
        ("apiVersion: flows/v2", "'flows/v2' is not one of flows/v1"),
    ],
)
def test_problems(written: str, expected: str) -> None:
    found = messages(written)
    assert any(expected in message for message in found), found


def test_all_at_once() -> None:
    found = messages("""
        nme: x
        inputs: {a: strng}
        steps:
          - {name: a, retry: {max_attempts: 0}, timeout: soon}
          - {name: 2, nedds: a}
        """)
    assert len(found) == 6


def test_places_are_those_of_the_spelling_that_was_written() -> None:
    written = read("steps:\n  - name: a\n    error_handling:\n      max_retries: 2\n").written
    assert written.place(("steps", 0, "retry", "max_attempts")) == "demo.yaml:4:20"
    assert written.key_place(("steps", 0, "retry", "max_attempts")) == "demo.yaml:4:7"
    path = ("steps", 0, "error_handling", "max_retries")
    assert written.written_path(("steps", 0, "retry", "max_attempts")) == path


def test_an_alias_may_save_repetition() -> None:
    found = read("""
        steps:
          - {name: a, executor: x, retry: &twice {max_attempts: 2}}
          - {name: b, executor: x, retry: *twice}
        """).section
    assert found.steps[0].retry == found.steps[1].retry
