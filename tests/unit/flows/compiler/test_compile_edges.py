"""Which steps wait for which."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flow_compiling import compiled, complaints, environments, small_executors, steps_flow
from quorate.flows.compiler.compile import compile_document
from quorate.flows.layers import layers
from quorate.flows.plan import FlowPlan, StepKind, StepPlan


def needs(plan: FlowPlan) -> dict[str, tuple[str, ...]]:
    return {step.name: step.needs for step in plan.every_step()}


def test_depends_on_and_references_are_edges_in_written_order() -> None:
    plan = compiled(
        steps_flow("""
  - {name: a, executor: note}
  - {name: b, executor: note}
  - {name: c, executor: note, config: {text: "{{ steps.b.text }}"}, depends_on: [a]}
""")
    )
    assert needs(plan)["c"] == ("a", "b")


@pytest.mark.parametrize(
    "where",
    [
        'config: {text: "x {{ steps.a.text }}"}',
        'config: {extra: {deep: [{er: "{{ steps.a.text }}"}]}}',
        "condition: steps.a.success",
        'foreach: {items: "{{ steps.a.output.pages }}"}',
        "foreach: {items: steps.a.output.pages}",
        'cache: {key: "{{ steps.a.text }}"}',
        'on_error: {when: "steps.a.pages == 1"}',
        'on_error: {has_value: true, value: "{{ steps.a.text }}"}',
    ],
)
def test_a_reference_anywhere_in_a_step_is_an_edge(where: str) -> None:
    plan = compiled(
        steps_flow(f"""
  - {{name: a, executor: note}}
  - {{name: b, executor: note, {where}}}
""")
    )
    assert needs(plan)["b"] == ("a",)


def test_raw_keys_are_kept_unrendered_and_their_references_are_edges() -> None:
    plan = compiled(
        steps_flow("""
  - {name: a, executor: note}
  - {name: b, executor: note}
  - {name: c, executor: each, config: {items: "{{ steps.a.text }}", expression: "{{ it.name }} {{ steps.b.text }}"}}
""")
    )
    config = plan.steps[2].config
    assert needs(plan)["c"] == ("a", "b")
    assert config is not None
    rendered = config.render({"steps": {"a": {"text": "seen"}}})
    assert rendered == {"items": "seen", "expression": "{{ it.name }} {{ steps.b.text }}"}


def test_a_raw_expression_without_braces_is_an_edge_too() -> None:
    plan = compiled(
        steps_flow("""
  - {name: a, executor: note}
  - {name: c, executor: each, config: {expression: "steps.a.pages > it.n"}}
""")
    )
    assert needs(plan)["c"] == ("a",)


@pytest.mark.parametrize("source", ["a", "steps.a", "a.text"])
def test_a_step_that_an_executor_finds_named_in_its_config_is_an_edge(source: str) -> None:
    plan = compiled(
        steps_flow(f"""
  - {{name: a, executor: note}}
  - {{name: c, executor: each, config: {{items: {source}, expression: x}}}}
""")
    )
    assert needs(plan)["c"] == ("a",)


def test_a_parallel_group_is_spelled_out() -> None:
    plan = compiled(
        steps_flow("""
  - {name: a, executor: note, parallel_group: g}
  - {name: b, executor: note, parallel_group: g}
  - {name: c, executor: note, depends_on: [g]}
""")
    )
    assert needs(plan)["c"] == ("a", "b")


def test_nested_steps_make_the_step_around_them_wait() -> None:
    plan = compiled(
        steps_flow("""
  - {name: a, executor: note}
  - name: outer
    steps:
      - name: middle
        steps:
          - {name: inner, executor: note, config: {text: "{{ steps.a.text }}"}}
      - {name: beside, executor: note, config: {text: "{{ steps.inner.text }}"}}
  - {name: last, executor: note, depends_on: [inner]}
""")
    )
    assert needs(plan) == {
        "a": (),
        "outer": ("a",),
        "middle": (),
        "inner": (),
        "beside": ("middle",),
        "last": ("outer",),
    }


def test_conditions_of_a_switch_are_edges_of_the_switch() -> None:
    plan = compiled(
        steps_flow("""
  - {name: a, executor: note}
  - name: route
    switch:
      - {when: "steps.a.pages > 3", steps: [{name: long, executor: note}]}
      - {name: else, steps: []}
  - {name: end, executor: note, config: {text: "{{ steps.long.text }}"}}
""")
    )
    route = plan.steps[1]
    assert route.kind is StepKind.SWITCH
    assert [case.name for case in route.cases] == ["case_1", "else"]
    assert needs(plan)["route"] == ("a",)
    assert needs(plan)["end"] == ("route",)


FALLBACK = steps_flow("""
  - {name: scan, executor: note}
  - {name: read, executor: note, on_error: {fallback: ocr}}
  - {name: ocr, executor: note, config: {text: "{{ steps.scan.text }} {{ steps.read.error.code }}"}}
  - {name: end, executor: note, config: {text: "{{ steps.ocr.text }}"}}
""")


def test_who_waits_for_a_fallback_waits_for_the_step_it_stands_in_for() -> None:
    assert needs(compiled(FALLBACK))["end"] == ("read",)


def test_a_step_waits_for_what_its_fallback_refers_to() -> None:
    assert needs(compiled(FALLBACK))["read"] == ("scan",)


def test_a_fallback_is_never_started_by_itself() -> None:
    assert [step.name for step in compiled(FALLBACK).steps if step.fallback_only] == ["ocr"]


def test_catch_and_finally_see_the_steps_without_waiting_for_them() -> None:
    plan = compiled(
        steps_flow("""
  - {name: a, executor: note}
catch:
  - {name: report, executor: note, config: {text: "{{ error.code }} {{ steps.a.status }}"}}
finally:
  - {name: clean, executor: note, config: {text: "{{ run.status }} {{ steps.a.status }}"}}
""")
    )
    assert (plan.catch[0].needs, plan.finally_[0].needs) == ((), ())


def test_the_document_compiles_to_the_same_plan() -> None:
    plan = compiled(FALLBACK)
    again = compile_document(plan.document, executors=small_executors(), environments=environments)
    assert (again.digest, again.document, needs(again)) == (plan.digest, plan.document, needs(plan))


def test_every_change_of_behaviour_is_another_digest() -> None:
    other = FALLBACK.replace("{name: scan, executor: note}", "{name: scan, executor: note, timeout: 3}")
    assert compiled(other).digest != compiled(FALLBACK).digest
    assert compiled(FALLBACK + "\n# a comment\n").digest == compiled(FALLBACK).digest


Dag = dict[str, list[str]]


@st.composite
def dags(draw: st.DrawFn) -> Dag:
    """Steps by name with what they refer to, in any written order."""
    count = draw(st.integers(1, 12))
    found: Dag = {}
    for index in range(count):
        earlier = list(found)
        found[f"s{index}"] = draw(st.lists(st.sampled_from(earlier), unique=True, max_size=3)) if earlier else []
    names = draw(st.permutations(list(found)))
    return {name: found[name] for name in names}


def text_of(dag: Dag) -> str:
    def step(name: str, wanted: list[str]) -> str:
        text = " ".join(f"{{{{ steps.{each}.text }}}}" for each in wanted)
        return f"\n  - {{name: {name}, executor: note, config: {{text: '{text}'}}}}"

    return steps_flow("".join(step(name, wanted) for name, wanted in dag.items()))


@settings(max_examples=40)
@given(dags())
def test_each_reference_is_an_edge_and_the_layers_are_an_order(dag: Dag) -> None:
    plan = compiled(text_of(dag))
    assert {step.name: set(step.needs) for step in plan.steps} == {name: set(wanted) for name, wanted in dag.items()}
    order = [name for layer in layers({step.name: step.needs for step in plan.steps}) for name in layer]
    assert sorted(order) == sorted(dag)
    assert all(order.index(need) < order.index(step.name) for step in plan.steps for need in step.needs)


@settings(max_examples=40)
@given(dags(), st.integers(0, 2**32))
def test_renaming_steps_everywhere_keeps_the_structure(dag: Dag, seed: int) -> None:
    names = [f"n{index}" for index in range(len(dag))]
    random.Random(seed).shuffle(names)
    new = dict(zip(dag, names, strict=True))
    renamed = {new[name]: [new[each] for each in wanted] for name, wanted in dag.items()}
    before, after = compiled(text_of(dag)), compiled(text_of(renamed))
    assert [structure(step, new) for step in before.steps] == [structure(step, {}) for step in after.steps]


def structure(step: StepPlan, new: dict[str, str]) -> tuple[str, tuple[str, ...]]:
    return new.get(step.name, step.name), tuple(new.get(need, need) for need in step.needs)


@settings(max_examples=40)
@given(dags(), st.data())
def test_a_circle_is_always_found_and_named(dag: Dag, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(dag)))
    after = {name}
    while more := {each for each, wanted in dag.items() if after & set(wanted)} - after:
        after |= more
    last = data.draw(st.sampled_from(sorted(after)))
    if last != name:
        dag = {**dag, name: [*dag[name], last]}
        assert any("wait for each other" in each and f"{name} -> " in each for each in complaints(text_of(dag)))
