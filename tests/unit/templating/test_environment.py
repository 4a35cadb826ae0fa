"""Values of flows: what they render to, which names they ask for, and how they say what is wrong."""

import gc
import threading
import weakref
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.templating import TemplateError
from quorate.templating.engine import Engine
from quorate.templating.environment import Environment

SCOPE: dict[str, Any] = {
    "inputs": {"n": 3, "ratio": 2.0, "big": 10**40, "text": "hello", "list": [1, 2, {"a": "x"}], "empty": {}},
    "steps": {"ocr": {"text": "scan", "keys": "mine"}, "skipped": {"text": None}},
}
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def render(written: object, **more: object) -> Any:
    return Environment().value(written, name="config").render(SCOPE | more)


def names(written: object) -> list[tuple[tuple[str, ...], tuple[str | int, ...]]]:
    return [(found.names, found.place) for found in Environment().value(written, name="config").references]


def refused(written: object) -> str:
    with pytest.raises(TemplateError) as caught:
        render(written)
    return str(caught.value)


@given(PLAIN.filter(lambda tree: not any(sign in repr(tree) for sign in ("{{", "{%", "{#"))))
def test_a_literal_tree_comes_back_equal(tree: object) -> None:
    value = Environment().value(tree, name="config")
    assert value.render({}) == tree
    assert value.references == ()


@given(PLAIN)
def test_a_name_alone_keeps_its_value_and_type(tree: object) -> None:
    found = render("{{ it }}", it=tree)
    assert found == tree
    assert type(found) is type(tree)


@given(st.text() | st.booleans() | st.none() | st.lists(st.integers(min_value=-(2**53), max_value=2**53)))
def test_what_passes_through_the_engine_keeps_its_value(tree: object) -> None:
    assert render("{{ {'a': it}.a if true else none }}", it=tree) == tree


def test_a_whole_value_keeps_its_type_and_mixed_text_is_text() -> None:
    assert render("{{ inputs.n + 1 }}") == 4
    assert render("  {{ inputs.list }}\n") == [1, 2, {"a": "x"}]
    assert render("{{ inputs.big }}") == 10**40
    assert render("n = {{ inputs.n }}") == "n = 3"
    assert render({"a": ["{{ inputs.n }}", "<{{ inputs.list[2].a }}>"], "b": 1}) == {"a": [3, "<x>"], "b": 1}


def test_a_mixed_text_writes_null_as_nothing_and_trees_as_json() -> None:
    assert render("[{{ none }}|{{ true }}|{{ inputs.list }}|{{ 2.5 }}]") == '[|true|[1, 2, {"a": "x"}]|2.5]'


def test_text_of_an_input_is_never_a_template() -> None:
    environment = Environment(functions={"same": "def same(x): return x"})
    scope = {"inputs": {"text": "{{ secrets }}{% if %}"}, "secrets": {"key": "s3cret"}}
    written = "{% set a %}{{ inputs.text }}{% endset %}{{ a }}{{ inputs.text | replace('x', 'y') }}{{ [a] | join }}"
    assert environment.value(written, name="config").render(scope) == "{{ secrets }}{% if %}" * 3
    again = environment.value("{{ same(inputs.text) }}", name="config").render(scope)
    assert environment.value("<{{ inputs.text }}>", name="config").render({"inputs": {"text": again}}) == (
        "<{{ secrets }}{% if %}>"
    )


def test_a_field_is_looked_up_in_mappings_only() -> None:
    assert render("{{ steps.ocr.keys }}") == "mine"
    assert "'steps.ocr.values' is not there; 'steps.ocr' has: keys, text" in refused("{{ steps.ocr.values }}")
    assert render("{% for x in [inputs.empty] %}{{ x.items is defined }}{% endfor %}") == "false"


def test_nothing_of_the_scope_can_be_changed() -> None:
    before = repr(SCOPE)
    for call in ("inputs.clear()", "inputs.list.append(1)", "inputs.pop('n')", "inputs.update(a=1)"):
        assert "values have no method" in refused("{{ " + call + " }}")
    render("{{ inputs.list }}").append(4)
    assert repr(SCOPE) == before


def test_references_are_found_with_their_place() -> None:
    assert names({"sources": ["x", "{{ steps.ocr.text }}{{ inputs.n }}"]}) == [
        (("steps", "ocr", "text"), ("sources", 1)),
        (("inputs", "n"), ("sources", 1)),
    ]
    assert names("{{ steps['ocr'].text ~ steps.ocr[\"keys\"] }}") == [
        (("steps", "ocr", "text"), ()),
        (("steps", "ocr", "keys"), ()),
    ]
    assert names("{{ inputs.list[2].a }}") == [(("inputs", "list"), ())]
    assert names("{{ steps.ocr | default(inputs.n) }}") == [(("steps", "ocr"), ()), (("inputs", "n"), ())]


def test_a_name_chosen_at_run_time_refers_to_the_whole() -> None:
    assert set(names("{{ steps[inputs.text] }}")) == {(("steps",), ()), (("inputs", "text"), ())}


@pytest.mark.parametrize(
    "written",
    [
        "{% for item in [1] %}{{ item.a }}{{ loop.index }}{% endfor %}",
        "{% set item = 1 %}{{ item }}",
        "{% with item = 1 %}{{ item.b }}{% endwith %}",
        "{% macro m(item, other=1) %}{{ item }}{{ other }}{{ caller() }}{% endmacro %}",
        "{% set item %}x{% endset %}{{ item }}",
    ],
)
def test_names_that_a_template_binds_are_no_references(written: str) -> None:
    assert names(written) == []


def test_a_name_is_bound_in_its_block_only() -> None:
    assert names("{% for item in [1] %}{{ item }}{% endfor %}{{ item.b }}") == [(("item", "b"), ())]


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("a\n{{ inputs.n | uper }}", "config:2:15: there is no filter 'uper'; did you mean 'upper'?"),
        ("{{ inputs.n is odds }}", "there is no test 'odds'; did you mean 'odd'?"),
        ("{{ rang(3) }}", "there is no function 'rang'; did you mean 'range'?"),
        ("{{ inputs.text.uppr() }}", "values have no method 'uppr'; did you mean 'upper'?"),
        ("{% els %}", "there is no tag 'els'; did you mean 'else'?"),
        ("{{ 1 + }}", "config:1:8: a value is expected here, not '}}'\n  {{ 1 + }}\n         ^"),
        ("{{ inputs.n", "config:1:11: this is never closed ('}}' is missing)"),
        ("{{ (1 }}", "config:1:4: this '(' is never closed"),
        ("{% if inputs.n %}x", "config:1:1: this block is never closed ('{% endif %}' is missing)"),
        ("{% if a %}{% endfor %}", "unexpected 'endfor'; 'endif' comes first"),
        ("{# a", "this comment is never closed"),
        ("{% raw %}", "this raw block is never closed"),
        ("{{ $ }}", "config:1:4: unexpected character '$'"),
        ("{{ inputs.n() }}", "values have no method 'n'"),
        ("{{ 1(2) }}", "this cannot be called"),
        ("{{ _q_get }}", "the name '_q_get' begins with an underscore"),
        ("{% include 'x' %}", "there is no template 'x'"),
        ("{% include inputs.text %}", "the name of a template is written out here"),
        ("{% set ns.a = 1 %}", "only names can be set"),
        ("{% for x in [1] recursive %}{% endfor %}", "unexpected 'recursive'"),
        ("{% else %}", "'else' stands in if or for"),
        ("{% break %}", "'break' stands in a loop"),
    ],
)
def test_what_is_wrong_is_said_when_it_is_compiled(written: str, message: str) -> None:
    with pytest.raises(TemplateError) as caught:
        Environment().value(written, name="config")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("{{ inputs.m }}", "config:1:4: 'inputs.m' is not there; 'inputs' has: big, empty, list, n, ratio, text"),
        ("x\n {{ steps.skipped.text.a }}", "config:2:5: 'steps.skipped.text.a' is not there, because "),
        ("{{ inputs.m == 1 }}", "'inputs.m' is not there"),
        ("{{ inputs.n > 'a' }}", "config:1:13: a number and a text have no order"),
        ("{{ inputs.n + 'a' }}", "a number and a text cannot be added"),
        ("{{ 1 / 0 }}", "unable to calculate 1 / 0"),
        ("{{ inputs.list | sum }}", "the filter 'sum': it expects a number, not a mapping"),
        ("{{ inputs.text | replace }}", "the filter 'replace': missing 2 required positional arguments"),
        ("{{ inputs.list[7] }}", "'inputs.list[7]' is not there"),
        ("{{ 'x' | int }}", "it expects a whole number, not a text that is none"),
        ("{{ 'x' | fromjson }}", "this is not JSON"),
        ("{{ fail('no pages') }}", "the function 'fail': no pages"),
        ("{{ 1e400 }}", "JSON has no such number"),
    ],
)
def test_what_is_wrong_is_said_when_it_is_rendered(written: str, message: str) -> None:
    assert message in refused(written)


def test_an_error_does_not_print_values() -> None:
    assert "hello" not in refused("{{ inputs.text | int }}") + refused("{{ inputs.text + 1 }}")


def test_an_absent_name_is_allowed_where_that_is_asked() -> None:
    assert render("{{ inputs.m is defined }}") is False
    assert render("{{ inputs.m.deep is undefined }}") is True
    assert render("{{ inputs.m.deep | default('x') }}") == "x"
    assert render("{{ steps.skipped.text | default('none') }}") == "none"
    assert render("{% for x in inputs.list[2:] %}{{ x.b | d('-') }}{% endfor %}") == "-"


def test_a_condition_is_an_expression_with_or_without_braces() -> None:
    environment = Environment()
    for written in ("inputs.n > 2 and steps.ocr.text == 'scan'", "{{ inputs.n > 2 }}", "inputs.list", True):
        assert environment.condition(written, name="condition").render(SCOPE) is True
    for written in ("inputs.empty", "not inputs.n", "{{ none }}", "steps.skipped.text", False):
        assert environment.condition(written, name="condition").render(SCOPE) is False
    assert environment.condition("inputs.n", name="condition").references[0].names == ("inputs", "n")


@pytest.mark.parametrize("written", ["a {{ inputs.n }}", "", "inputs.n >", "{% if true %}1{% endif %}", "a b"])
def test_a_condition_that_is_none_is_an_error(written: str) -> None:
    with pytest.raises(TemplateError, match=r"^condition"):
        Environment().condition(written, name="condition")


def test_macros_are_known_everywhere_and_bring_their_references() -> None:
    environment = Environment(
        macros={
            "box": "{% macro box(title) %}[{{ mark(title) }}]{% endmacro %}",
            "mark": "{% macro mark(x) %}{{ inputs.n }}{{ x }}{% endmacro %}",
        }
    )
    value = environment.value("{{ box('a') | upper }}", name="config")
    assert value.render(SCOPE) == "[3A]"
    assert [found.names for found in value.references] == [("inputs", "n")]
    with pytest.raises(TemplateError, match="is not the macro 'other'"):
        Environment(macros={"other": "{% macro box() %}{% endmacro %}"})


def test_templates_inherit_include_and_import_by_name() -> None:
    environment = Environment(
        templates={
            "base": "<{% block body %}{{ inputs.n }}{% endblock %}>",
            "parts": "{% macro item(x) %}-{{ x }}{{ inputs.n }}{% endmacro %}",
        }
    )
    for written, expected in (
        ("{% extends 'base' %}{% block body %}{{ super() }}!{% endblock %}", "<3!>"),
        ("a{% include 'base' %}", "a<3>"),
        ("{% from 'parts' import item as it %}{{ it('x') }}", "-x3"),
        ("{% import 'parts' as p %}{{ p.item('x') }}", "-x3"),
    ):
        value = environment.value(written, name="config")
        assert value.render(SCOPE) == expected
        assert ("inputs", "n") in [found.names for found in value.references]


def test_blocks_do_what_jinja_does() -> None:
    assert render("{% for a in inputs.list if a != 2 %}{{ loop.index }}:{{ a }};{% else %}none{% endfor %}") == (
        '1:1;2:{"a": "x"};'
    )
    assert render("{% for k, v in inputs.list[2].items() %}{{ k }}={{ v }}{% endfor %}") == "a=x"
    assert render("{% for x in [] %}{% else %}none{% endfor %}") == "none"
    assert render("{% filter upper | replace('A', 'b') %}a{{ inputs.text }}{% endfilter %}") == "bHELLO"
    assert render("{% macro m(a, b=2) %}{{ a }}{{ b }}{{ caller() }}{% endmacro %}{% call m(1) %}!{% endcall %}") == (
        "12!"
    )
    assert render("a {%- if inputs.n == 3 -%} b {%- elif true %} c {% endif %}") == "ab"
    assert render("{% for x in range(9) %}{% if x == 2 %}{% break %}{% endif %}{{ x }}{% endfor %}") == "01"
    assert render("{% raw %}{{ x }}{% endraw %}{# no #}\n") == "{{ x }}\n"


def test_precedence_is_jinjas() -> None:
    assert render("{{ 1 + 2 * 3 ** 2 }}") == 19
    assert render("{{ -2 | abs }}") == 2
    assert render("{{ not 1 == 2 and 3 in [3] }}") is True
    assert render("{{ 'a' ~ 1 + 2 if false else 'b' ~ 1 ~ 2 }}") == "b12"
    assert render("{{ 1 if false else 2 if false else 3 }}") == 3
    assert render("{{ 'a-b'.split('-')[1] | upper }}") == "B"
    assert render("{{ inputs.n is odd and inputs.n is not divisibleby 2 }}") is True


def test_an_unrelated_large_text_costs_an_expression_nothing() -> None:
    # Counted, not timed: only what is asked for is looked up.
    asked: list[str] = []

    class Watched(dict[str, object]):
        def __getitem__(self, key: str) -> object:
            asked.append(key)
            return super().__getitem__(key)

    scope = Watched(inputs={"n": 3}, steps={"big": {"text": "x" * 1_000_000}})
    assert Environment().condition("inputs.n == 3", name="c").render(scope) is True
    assert set(asked) <= {"inputs"}


class View(Mapping[str, object]):
    """What the interpreter shows of a step: a mapping that is no dictionary."""

    def __init__(self, fields: dict[str, object]) -> None:
        self.fields = fields

    def __getitem__(self, key: str) -> object:
        return self.fields[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.fields)

    def __len__(self) -> int:
        return len(self.fields)


def test_a_view_of_a_step_is_a_mapping_like_any_other() -> None:
    steps = View({"a": View({"text": "x", "list": [1]}), "none": View({})})
    for written, expected in (
        ("{{ steps.a.text }}", "x"),
        ("{{ steps }}", {"a": {"text": "x", "list": [1]}, "none": {}}),
        ("{{ 'yes' if steps.a else 'no' }}{{ 'yes' if steps.none else 'no' }}", "yesno"),
        ("{{ 'text' in steps.a }}", True),
        ("{{ steps.a == {'text': 'x', 'list': [1]} }}", True),
        ("{{ steps.a | length }}", 2),
        ("{% for name in steps %}{{ steps[name] | length }}{% endfor %}", "20"),
        ("{% for name, step in steps.items() %}{{ name }}{% endfor %}", "anone"),
        ("{{ [steps.a] | map(attribute='text') | join }}", "x"),
        ("{{ steps.a }}!", '{"text": "x", "list": [1]}!'),
    ):
        assert render(written, steps=steps) == expected
    with pytest.raises(TemplateError, match=r"'steps\.a\.fields' is not there"):
        render("{{ steps.a.fields }}", steps=steps)


def test_a_number_that_would_lose_digits_is_an_error() -> None:
    for written in ("{{ inputs.big + 1 }}", "{{ [inputs.big] | first }}", "{{ 2 ** 70 * 2 ** 70 }}"):
        assert "too large" in refused(written) or "unable to calculate" in refused(written)
        assert refused(written).startswith("config")


def test_text_that_is_none_is_an_error() -> None:
    assert refused("\ud800{{ 1 }}").startswith("config: ")
    with suppress(TemplateError):
        assert isinstance(render("{{ it ~ 'x' }}", it="\ud800"), str)


def test_many_threads_compile_and_render_at_once() -> None:
    environment = Environment()
    found: dict[int, list[int]] = {}

    def go(worker: int) -> None:
        scope = {"inputs": {f"n{worker}_{i}": i for i in range(50)}}
        values = [environment.value("{{ inputs.n%d_%d + 0 }}" % (worker, i), name="c") for i in range(50)]  # noqa: UP031 - braces
        found[worker] = [value.render(scope) for value in values]

    threads = [threading.Thread(target=go, args=(worker,)) for worker in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert found == {worker: list(range(50)) for worker in range(6)}


def test_what_is_compiled_goes_when_nobody_has_it() -> None:
    def engines() -> list[Engine]:
        return [each for each in gc.get_objects() if isinstance(each, Engine)]

    before = {id(engine) for engine in engines()}
    environment = Environment()
    value = environment.value("{{ inputs.q | upper }} {{ inputs.none | default('x') }}", name="c")
    value.render({"inputs": {"q": "a"}, "steps": {}, "run": {}})
    made = [weakref.ref(engine) for engine in engines() if id(engine) not in before]
    del environment, value
    gc.collect()
    assert [engine() for engine in made] == [None]


def test_only_plain_data_is_compiled() -> None:
    with pytest.raises(TemplateError, match=r"config\.a: .* only plain data"):
        Environment().value({"a": object()}, name="config")
    with pytest.raises(TemplateError, match="a key is a number"):
        Environment().value({1: "a"}, name="config")


SIGNS = "{{ }} {% %} a . | ( ) [ ] ' if for in x end 1 - { } : = set ~ * is not and".split()  # noqa: SIM905 - readable


@given(st.text() | st.lists(st.sampled_from([*SIGNS, " ", "\n"])).map("".join))
def test_any_text_gives_a_value_or_a_template_error(text: str) -> None:
    environment = Environment()
    with suppress(TemplateError):
        environment.value(text, name="config").render(SCOPE)
    with suppress(TemplateError):
        environment.condition(text, name="config").render(SCOPE)
    with suppress(TemplateError):
        environment.value("{{" + text + "}}", name="config").render(SCOPE)
