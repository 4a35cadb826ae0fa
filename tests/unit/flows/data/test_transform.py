"""Computed values: expressions, fields, and lists filtered, sorted, grouped and mapped."""

import threading
from typing import Any

import pytest
from pydantic import ValidationError

from flow_data_step import TreeValue, data_step, run_step
from quorate.flows.executor import StepRejected
from quorate.flows.executors.transform import TransformConfig, TransformExecutor
from quorate.templating import TemplateError
from quorate.templating.value import Scope
from quorate.testing import run_virtual, step_view

ITEMS = [{"n": 3, "k": "a"}, {"n": 1, "k": "b"}, {"n": 2, "k": "a"}, {"k": "b"}]


def transformed(written: dict[str, Any], **steps: Any) -> Any:
    return run_virtual(run_step(TransformExecutor(), written, data_step(steps=steps, inputs={"x": 2})))


def test_an_expression_keeps_its_type_with_and_without_braces() -> None:
    assert transformed({"expression": "inputs.x * 2"}) == 4
    assert transformed({"expression": "{{ steps.s.a + data }}", "data": 1}, s={"a": 2}) == 3
    assert transformed({"expression": ["{{ inputs.x }}", "x{{ inputs.x }}"]}) == [2, "x2"]


def test_value_and_fields_are_trees_with_templates() -> None:
    assert transformed({"value": {"a": ["{{ inputs.x }}"], "b": "inputs.x"}}) == {"a": [2], "b": "inputs.x"}
    assert transformed({"fields": {"a": "{{ data.b }}", "c": 1}, "data": {"b": [1]}}) == {"a": [1], "c": 1}


def test_an_expression_without_braces_may_refer_to_other_steps() -> None:
    assert transformed({"items": [1, 2, 3], "filter": "item > steps.s.least"}, s={"least": 1}) == [2, 3]


def test_the_pipeline_filters_sorts_cuts_and_maps() -> None:
    written = {"items": ITEMS, "filter": "item.n is defined", "sort_by": "n", "limit": 2, "each": "item.n * 10"}
    assert transformed(written) == [10, 20]
    assert transformed({**written, "descending": True}) == [30, 20]
    tree = {
        "items": [1, 2],
        "as": "one",
        "each": {"v": "{{ one }}", "last": "{{ loop.last }}", "i": "{{ loop.index }}"},
    }
    assert transformed(tree) == [{"v": 1, "last": False, "i": 0}, {"v": 2, "last": True, "i": 1}]


def test_sorting_is_stable_and_puts_what_has_no_key_last() -> None:
    for descending in (False, True):
        found = transformed({"items": ITEMS, "sort_by": "k", "descending": descending})
        assert [item.get("n") for item in found if item["k"] == "a"] == [3, 2]
        assert transformed({"items": ITEMS, "sort_by": "n", "descending": descending})[-1] == {"k": "b"}
    assert transformed({"items": [1, 3, 2], "sort_by": "{{ -item }}"}) == [3, 2, 1]


def test_sorting_what_has_no_order_says_which() -> None:
    with pytest.raises(StepRejected, match=r"3 and 'x' have no order"):
        transformed({"items": [{"n": 3}, {"n": "x"}], "sort_by": "n"})


def test_grouping() -> None:
    assert transformed({"items": ITEMS, "group_by": "k", "each": "item.n | default(0)"}) == {"a": [3, 2], "b": [1, 0]}
    assert transformed({"items": [1, 2, 3], "group_by": "{{ item % 2 }}"}) == {"1": [1, 3], "0": [2]}


def test_items_of_a_step_are_its_output() -> None:
    assert transformed({"items": "{{ steps.loop }}", "each": "item + 1"}, loop=step_view([1, 2])) == [2, 3]


def test_a_filter_that_gives_a_text_is_an_error() -> None:
    with pytest.raises(StepRejected, match="gave the text 'false'"):
        transformed({"items": [1], "filter": "'false'"})


def test_an_unknown_name_is_a_template_error() -> None:
    with pytest.raises(TemplateError, match="nobody"):
        transformed({"items": [1], "each": "nobody + 1"})


def test_slow_values_render_outside_of_the_event_loop() -> None:
    class SlowValue(TreeValue):
        def __init__(self, written: object) -> None:
            super().__init__(written)
            self.slow = True

        def render(self, scope: Scope) -> Any:
            threads.add(threading.current_thread() is threading.main_thread())
            return super().render(scope)

    threads: set[bool] = set()
    run_virtual(run_step(TransformExecutor(), {"items": [1, 2], "each": "item"}, data_step(values=SlowValue)))
    run_virtual(run_step(TransformExecutor(), {"value": "{{ 1 }}"}, data_step(values=SlowValue)))
    assert threads == {False}


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ({}, "exactly one of"),
        ({"value": 1, "expression": "2"}, "found expression, value"),
        ({"value": 1, "sort_by": "x", "as": "y"}, "as, sort_by: only together with `items`"),
        ({"items": "text"}, "items"),
        ({"items": [], "limit": -1}, "limit"),
    ],
)
def test_a_wrong_config_is_refused(written: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        TransformConfig.model_validate(written)
