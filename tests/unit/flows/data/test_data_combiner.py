"""Combining outputs of steps: every strategy, every way to name a source, and errors that say where."""

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from flow_data_step import data_step, run_step
from quorate.flows.data.join import MAX_RECORDS
from quorate.flows.executor import StepRejected
from quorate.flows.executors.data_combiner import DataCombinerConfig, DataCombinerExecutor
from quorate.templating.environment import Environment
from quorate.templating.template import TemplateError
from quorate.testing import step_view

ORDERS = [
    {"id": 1, "customer": "a", "price": 3},
    {"id": 2, "customer": "b", "price": 5.5},
    {"id": 3, "customer": "a", "price": 4},
    {"id": 4, "customer": None, "price": 1},
]
CUSTOMERS = [{"customer": "a", "city": "Turin"}, {"customer": "c", "city": "Graz"}]


def combined(config: dict[str, Any], **steps: Any) -> Any:
    return asyncio.run(run_step(DataCombinerExecutor(), config, data_step(steps=steps)))


def test_sources_are_named_plainly_or_by_expression_and_give_the_output() -> None:
    steps = {"a": {"x": 1}, "b": {"y": [1, 2]}}
    assert combined({"sources": ["a", "{{ steps.b }}"]}, **steps) == {"a": {"x": 1}, "b": {"y": [1, 2]}}
    assert combined({"sources": {"one": "a", "two": "{{ steps.b.y }}"}}, **steps) == {"one": {"x": 1}, "two": [1, 2]}
    assert combined({"sources": "a"}, **steps) == {"a": {"x": 1}}


def test_what_a_source_may_be_checked_as_it_may_be_run_as() -> None:
    steps = {"a": {"x": 1}, "b": {"y": [1, 2]}}
    assert combined({"sources": ["a.x", "steps.b", "steps.a.output"]}, **steps) == {
        "a": 1,
        "b": {"y": [1, 2]},
        "2": {"x": 1},
    }
    assert combined({"sources": {"one": "steps.b.y[1]"}}, **steps) == {"one": 2}
    step = data_step(steps=steps, values=lambda written: Environment().value(written, name="config"))
    with pytest.raises(TemplateError, match=r"'steps\.a\.z' is not there"):
        asyncio.run(run_step(DataCombinerExecutor(), {"sources": ["a.z"]}, step))


@pytest.mark.parametrize("field", ["output", "result", "status", "success"])
def test_an_output_with_a_field_like_those_of_the_view_stays_whole(field: str) -> None:
    assert combined({"sources": ["{{ steps.a }}", "b"]}, a={field: "own", "x": 1}, b={field: {"y": 2}}) == {
        "a": {field: "own", "x": 1},
        "b": {field: {"y": 2}},
    }


def test_without_sources_it_takes_all_steps_that_it_waits_for() -> None:
    waiting = data_step(steps={"a": 1, "b": 2, "c": 3}, needs=("b", "a"))
    assert asyncio.run(run_step(DataCombinerExecutor(), {}, waiting)) == {"b": 2, "a": 1}
    with pytest.raises(StepRejected, match="nothing to combine"):
        combined({}, a=1)


def test_plain_names_are_mentioned_so_that_they_become_edges() -> None:
    mentions = DataCombinerExecutor().mentions
    assert mentions({"sources": ["a", "{{ steps.b }}", "c", "a"]}) == ("a", "c")
    assert mentions({"sources": {"x": "a", "y": 3}}) == ("a",)
    assert mentions({"sources": "a"}) == ("a",)
    assert mentions({}) == ()


def test_an_unknown_step_is_named_with_the_closest() -> None:
    with pytest.raises(StepRejected, match="did you mean 'summary'") as caught:
        combined({"sources": ["sumary"]}, summary=1)
    assert caught.value.reason == "unknown_source"


def test_text_that_a_template_gives_is_never_a_step_name() -> None:
    assert combined({"sources": ["{{ steps.b.said }}"]}, a="secret", b={"said": "a"}) == {"b": "a"}


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        ("deep", {"t": {"a": 1, "b": 9, "c": 3}, "l": [1, 2], "n": None}),
        ("overwrite", {"t": {"a": 1, "b": 9, "c": 3}, "l": [2], "n": None}),
        ("shallow", {"t": {"b": 9, "c": 3}, "l": [2], "n": None}),
        ("keep_first", {"t": {"a": 1, "b": 2, "c": 3}, "l": [1], "n": 0}),
    ],
)
def test_merge(strategy: str, expected: dict[str, Any]) -> None:
    one = {"t": {"a": 1, "b": 2}, "l": [1], "n": 0}
    two = {"t": {"b": 9, "c": 3}, "l": [2], "n": None}
    assert combined({"sources": ["one", "two"], "merge_strategy": strategy}, one=one, two=two) == expected


def test_a_merge_conflict_names_path_source_and_both_values() -> None:
    config = {"sources": ["one", "two"], "strategy": "merge", "merge_strategy": "error"}
    assert combined(config, one={"a": {"b": 1}}, two={"a": {"b": 1, "c": 2}}) == {"a": {"b": 1, "c": 2}}
    with pytest.raises(StepRejected, match=r"`a\.b`: 1 stands there already, 'two' has 2"):
        combined(config, one={"a": {"b": 1}}, two={"a": {"b": 2}})


def test_merge_takes_mappings_only() -> None:
    with pytest.raises(StepRejected, match="the source 'two' is a list"):
        combined({"sources": ["one", "two"], "strategy": "merge"}, one={}, two=[1])


def test_merging_what_is_nested_too_deep_is_an_error_of_ours() -> None:
    deep: dict[str, Any] = {}
    for _ in range(2000):
        deep = {"a": deep}
    with pytest.raises(StepRejected, match="nested deeper"):
        combined({"sources": ["one", "two"], "strategy": "merge"}, one=deep, two=deep)


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=12,
)
mappings = st.dictionaries(st.sampled_from("abc"), json, max_size=3)


@given(mappings, mappings)
def test_merging_loses_no_key_and_can_be_turned_round(one: dict[str, Any], two: dict[str, Any]) -> None:
    def merge(strategy: str, *order: str) -> Any:
        return combined({"sources": list(order), "merge_strategy": strategy}, one=one, two=two)

    assert merge("overwrite", "one", "two") == merge("keep_first", "two", "one")
    assert merge("deep", "one", "two").keys() == one.keys() | two.keys()
    assert merge("error", "one", "one") == one


def test_concat_texts_lists_and_both() -> None:
    config = {"sources": ["a", "b"], "strategy": "concat"}
    assert combined({**config, "separator": " "}, a="x", b="y") == "x y"
    assert combined(config, a=[1], b=[2, 3]) == [1, 2, 3]
    assert combined(config, a=[1], b={"c": 2}) == [1, {"c": 2}]
    assert combined(config, a=["x"], b="y") == ["x", "y"]


@pytest.mark.parametrize(
    ("join_type", "ids", "cities"),
    [
        ("inner", [1, 3], ["Turin", "Turin"]),
        ("left", [1, 2, 3, 4], ["Turin", None, "Turin", None]),
        ("outer", [1, 2, 3, 4, None], ["Turin", None, "Turin", None, "Graz"]),
    ],
)
def test_join(join_type: str, ids: list[Any], cities: list[Any]) -> None:
    config = {"sources": ["orders", "customers"], "join_key": "customer", "join_type": join_type}
    rows = combined(config, orders=ORDERS, customers=CUSTOMERS)
    assert [row["id"] for row in rows] == ids
    assert [row["city"] for row in rows] == cities


def test_join_by_a_key_for_each_source_and_of_three() -> None:
    config = {"sources": {"o": "orders", "c": "names", "z": "cities"}, "join_key": {"o": "by.id", "c": "id", "z": "id"}}
    rows = combined(
        config, orders=[{"by": {"id": 7}}], names=[{"id": 7, "name": "n"}], cities=[{"id": 7, "city": "Ulm"}]
    )
    assert rows == [{"by": {"id": 7}, "id": 7, "name": "n", "city": "Ulm"}]


def test_join_keys_are_equal_as_json() -> None:
    config = {"sources": ["a", "b"], "join_key": "k"}
    assert combined(config, a=[{"k": 1}, {"k": True}], b=[{"k": "1", "x": 1}]) == []


def test_join_says_which_record_is_wrong_and_stops_before_it_explodes() -> None:
    config = {"sources": ["a", "b"], "join_key": "k"}
    with pytest.raises(StepRejected, match=r"b\[1\] is a number"):
        combined(config, a=[{"k": 1}], b=[{"k": 1}, 3])
    side = int(MAX_RECORDS**0.5) + 1
    with pytest.raises(StepRejected, match="more than"):
        combined(config, a=[{"k": 1}] * side, b=[{"k": 1}] * side)
    with pytest.raises(StepRejected, match="no path for the source 'b'"):
        combined({**config, "join_key": {"a": "k"}}, a=[{"k": 1}], b=[{"k": 1}])


def test_structured_replaces_paths_by_what_they_lead_to() -> None:
    template = {
        "title": "0.title",
        "first": "items.list[0].name",
        "all": ["1.list", "a sentence stays", "'0.title'", 5],
        "maybe": "0.nothing?",
        "default": "0.nothing?unknown",
        "number": "0.nothing?0",
    }
    result = combined(
        {"sources": {"head": "one", "items": "two"}, "structure_template": template},
        one={"title": "T"},
        two={"list": [{"name": "n"}]},
    )
    assert result == {
        "title": "T",
        "first": "n",
        "all": [[{"name": "n"}], "a sentence stays", "0.title", 5],
        "maybe": None,
        "default": "unknown",
        "number": 0,
    }


@pytest.mark.parametrize(
    ("leaf", "told"),
    [
        ("0.titel", r"structure_template\.a\[0\]: '0.titel' leads to nothing in the source '0'"),
        ("hed.title", "there is no source 'hed'; did you mean 'head'"),
        ("7.title", "there is no source '7'"),
    ],
)
def test_structured_errors_name_place_and_path(leaf: str, told: str) -> None:
    with pytest.raises(StepRejected, match=told):
        combined({"sources": {"head": "one"}, "structure_template": {"a": [leaf]}}, one={"title": "T"})


def test_structured_does_not_read_rendered_text_as_a_path() -> None:
    config = {"sources": ["one", "two"], "structure_template": {"said": "{{ steps.two.said }}"}}
    assert combined(config, one={"secret": 1}, two={"said": "0.secret"}) == {"said": "0.secret"}


def test_structured_numbers_stay_when_a_source_is_missing() -> None:
    config = {"sources": ["one", "two"], "structure_template": {"x": "1.x", "y": "0.y?", "z": "one.y?-"}}
    assert combined(config, one=step_view(status="skipped"), two={"x": 1}) == {"x": 1, "y": None, "z": "-"}


def aggregate(figures: dict[str, Any], **steps: Any) -> Any:
    return combined({"sources": list(steps), "aggregations": figures}, **steps)


def test_aggregate_figures() -> None:
    functions = ["sum", "avg", "min", "max", "count", "median", "first", "last", "mode"]
    found = aggregate({name: {"function": name, "field": "price"} for name in functions}, orders=ORDERS)
    assert found == {
        "sum": 13.5,
        "avg": 3.375,
        "min": 1,
        "max": 5.5,
        "count": 4,
        "median": 3.5,
        "first": 3,
        "last": 1,
        "mode": 3,
    }
    more = {
        "who": {"function": "unique", "path": "customer"},
        "text": {"function": "concat", "path": "customer"},
        "spread": {"function": "std", "path": "price"},
        "all": {"function": "list", "path": "id"},
    }
    assert aggregate(more, orders=ORDERS) == {
        "who": ["a", "b"],
        "text": "a, b, a",
        "spread": pytest.approx(1.635, abs=0.001),
        "all": [1, 2, 3, 4],
    }


def test_aggregate_by_group_and_source() -> None:
    figures = {
        "by": {"function": "sum", "field": "price", "group_by": "customer"},
        "one": {"function": "count", "source": "b"},
    }
    assert aggregate(figures, a=ORDERS, b={"price": 2, "customer": "b"}) == {
        "by": {"a": 7, "b": 7.5, "null": 1},
        "one": 1,
    }


def test_aggregate_of_nothing() -> None:
    figures = {name: {"function": name, "field": "x"} for name in ("sum", "count", "mean", "min", "list", "mode")}
    assert aggregate(figures, a=[]) == {"sum": 0, "count": 0, "mean": None, "min": None, "list": [], "mode": None}


def test_aggregate_errors_name_source_path_and_value() -> None:
    with pytest.raises(StepRejected, match=r"a\[1\]\.x is 'two'; `sum` takes numbers"):
        aggregate({"s": {"function": "sum", "field": "x"}}, a=[{"x": 1}, {"x": "two"}])
    with pytest.raises(StepRejected, match="no source 'orders'"):
        aggregate({"s": {"function": "count", "source": "orders"}}, order=[])


def test_missing_sources() -> None:
    steps = {"a": {"x": 1}, "b": step_view(status="skipped"), "c": step_view(status="failed")}
    sources = {"sources": ["a", "b", "c"]}
    assert combined(sources, **steps) == {"a": {"x": 1}}
    assert combined({**sources, "on_missing": None}, **steps) == {"a": {"x": 1}, "b": None, "c": None}
    assert combined({**sources, "on_missing": "null"}, **steps) == {"a": {"x": 1}, "b": None, "c": None}
    with pytest.raises(StepRejected, match=r"'b' \(skipped\), 'c' \(failed\)") as caught:
        combined({**sources, "on_missing": "error"}, **steps)
    assert caught.value.reason == "source_missing"


def test_transform_output_key_and_metadata() -> None:
    config = {"sources": ["a", "b"], "strategy": "concat", "transform": "data | length", "output_key": "count"}
    result = combined(
        {**config, "include_metadata": True, "on_missing": "null"}, a=[1, 2], b=step_view(status="skipped")
    )
    assert result["count"] == 3
    assert result["_metadata"] == {
        "strategy": "concat",
        "sources": [
            {"name": "a", "status": "succeeded", "missing": False},
            {"name": "b", "status": "skipped", "missing": True},
        ],
        "combined": 1,
        "missing": 1,
    }
    assert combined({"sources": ["a"], "strategy": "concat", "include_metadata": True}, a="x")["result"] == "x"


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"strategy": "join"}, "join_key"),
        ({"strategy": "aggregate"}, "aggregations"),
        ({"strategy": "merged"}, "merge"),
        ({"sourcs": ["a"]}, "sourcs"),
        ({"aggregations": {"x": {"function": "summe"}}}, "function"),
    ],
)
def test_a_wrong_config_is_refused(config: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        DataCombinerConfig.model_validate(config)
