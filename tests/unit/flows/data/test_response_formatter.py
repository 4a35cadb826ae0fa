"""Writing data down: each format, and nothing from outside becomes markup or a formula."""

import csv
import io
import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from flow_data_step import data_step, run_step
from quorate.flows.executor import StepRejected
from quorate.flows.executors.response_formatter import (
    Format,
    FormattedResponse,
    ResponseFormatterConfig,
    ResponseFormatterExecutor,
)
from quorate.testing import run_virtual

ROWS = [{"name": "a|b", "price": -3, "who": {"city": "Ulm"}}, {"name": "c\nd", "price": 4.5}]
EVIL = "<script>alert('x')</script> & \"co\""


def formatted(written: dict[str, Any], **inputs: Any) -> FormattedResponse:
    return run_virtual(
        run_step(ResponseFormatterExecutor(), written, data_step(inputs=inputs, steps={"s": {"rows": ROWS}}))
    )


def content(written: dict[str, Any], **inputs: Any) -> str:
    return formatted(written, **inputs).content


def test_a_text_template_sees_inputs_steps_and_data() -> None:
    written = {"template": "{{ inputs.name }}: {{ data | length }} of {{ steps.s.rows | length }}", "data": [1]}
    result = formatted(written, name="N")
    assert result == FormattedResponse(content="N: 1 of 2", media_type="text/plain; charset=utf-8", format="text")


def test_text_without_a_template() -> None:
    written = {"title": "T", "data": {"a": 1, "b": None}, "sections": {"More": ["x", {"y": 2}]}}
    assert content(written) == "T\n\na: 1\nb: \n\nMore\n- x\n- y: 2\n"
    assert content({"data": ROWS, "fields": ["price"]}) == "- price: -3\n- price: 4.5\n"


def test_markdown_makes_tables_of_records_and_keeps_cells_in_one_line() -> None:
    written = {
        "format": "markdown",
        "title": "T",
        "data": ROWS,
        "fields": {"Name": "name", "City": "who.city"},
        "sections": [{"title": "More", "content": "text"}, {"title": "Facts", "content": {"a": [1]}}],
    }
    assert content(written) == (
        "# T\n\n| Name | City |\n|---|---|\n| a\\|b | Ulm |\n| c d |  |\n\n"
        "## More\n\ntext\n\n## Facts\n\n- **a**: [1]\n"
    )


def test_each_section_has_columns_of_its_own() -> None:
    written = {
        "format": "markdown",
        "data": ROWS[:1],
        "fields": ["name"],
        "sections": [
            {"title": "All", "content": [{"a": 1}]},
            {"title": "One", "content": ROWS[:1], "fields": ["price"]},
        ],
    }
    assert content(written) == (
        "| name |\n|---|\n| a\\|b |\n\n## All\n\n| a |\n|---|\n| 1 |\n\n## One\n\n| price |\n|---|\n| -3 |\n"
    )


def test_html_escapes_what_a_template_inserts() -> None:
    template = "<p>{{ inputs.text }}</p>{% for key, value in data | items %}<b>{{ key }}{{ value[0] }}</b>{% endfor %}"
    page = content({"format": "html", "template": template, "data": {EVIL: [EVIL]}}, text=EVIL)
    assert page.startswith("<p>&lt;script&gt;")
    assert "<script" not in page
    assert page.count("&lt;script&gt;") == 3
    assert '"' not in page


def test_html_escapes_a_template_that_is_one_expression() -> None:
    assert "<script" not in content({"format": "html", "template": "{{ inputs.text }}"}, text=EVIL)
    assert "<script" not in content({"format": "html", "template": "{{ data }}", "data": [{EVIL: EVIL}]})


def test_html_inserts_what_is_trusted_as_it_is() -> None:
    written = {"format": "html", "template": "{{ trusted.table }}{{ inputs.text }}", "trusted": {"table": "<table>"}}
    assert content(written, text="<b>") == "<table>&lt;b&gt;"


def test_html_of_data_that_is_nested_without_end_is_an_error_of_ours() -> None:
    deep: list[Any] = []
    for _ in range(500):
        deep = [deep]
    page = ResponseFormatterConfig(format=Format.HTML, template="x", data=deep)
    with pytest.raises(StepRejected, match="nested deeper"):
        run_virtual(ResponseFormatterExecutor().run(page, data_step()))


@given(st.text(alphabet="<>&\"' ab\n"))
def test_html_without_a_template_escapes_everything(text: str) -> None:
    for data in (text, [text], {text: text}, [{text: text}]):
        written = {"format": "html", "title": text, "data": data, "sections": {text: data}}
        page = ResponseFormatterConfig.model_validate(written)
        made = run_virtual(ResponseFormatterExecutor().run(page, data_step())).content
        tags = {part.partition(">")[0] for part in made.split("<")[1:]}
        known = {"h1", "h2", "p", "ul", "li", "dl", "dt", "dd", "section", "table", "thead", "tbody", "tr", "th", "td"}
        assert {tag.lstrip("/") for tag in tags} <= known | {"br"}


def test_csv_guards_formulas_and_leaves_numbers() -> None:
    rows = [{"a": text} for text in ("=1+1", "+1", "-1", "@x", "\tx", " =1", "plain", 'quo"te')] + [{"a": -3}]
    lines = list(csv.reader(io.StringIO(content({"format": "csv", "data": rows}))))
    cells = [line[0] for line in lines]
    assert cells == ["a", "'=1+1", "'+1", "'-1", "'@x", "'\tx", "' =1", "plain", 'quo"te', "-3"]


def test_csv_chooses_columns_and_delimiter() -> None:
    written = {"format": "csv", "data": ROWS, "fields": {"Preis": "price", "Ort": "who.city"}, "delimiter": ";"}
    assert content(written) == "Preis;Ort\r\n-3;Ulm\r\n4.5;\r\n"


def test_csv_of_something_else_says_what() -> None:
    with pytest.raises(StepRejected, match=r"data\[1\] is a text"):
        content({"format": "csv", "data": [{"a": 1}, "b"]})


def test_json_and_yaml_hold_the_same_tree() -> None:
    tree = {"rows": "{{ data.rows }}", "who": "{{ inputs.name }}"}
    written = {"template": tree, "data": "{{ steps.s }}"}
    expected = {"rows": ROWS, "who": "Zoë"}
    assert json.loads(content({"format": "json", **written}, name="Zoë")) == expected
    assert yaml.safe_load(content({"format": "yaml", **written}, name="Zoë")) == expected
    assert json.loads(content({"format": "json", "title": "T", "data": 1})) == {"title": "T", "data": 1}


def test_a_json_template_that_makes_no_json_is_found() -> None:
    written = {"format": "json", "template": '{"a": "{{ inputs.text }}"}'}
    assert content(written, text="x") == '{"a": "x"}'
    with pytest.raises(StepRejected, match="makes no JSON"):
        content(written, text='"')


@pytest.mark.parametrize(
    "written",
    [
        {},
        {"template": "x", "title": "T"},
        {"template": {"a": 1}, "format": "html"},
        {"template": "x", "format": "csv"},
        {"data": 1, "format": "pdf"},
        {"data": 1, "format": "html", "trusted": {"a": "b"}},
    ],
)
def test_a_config_that_makes_nothing_clear_is_refused(written: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ResponseFormatterConfig.model_validate(written)
