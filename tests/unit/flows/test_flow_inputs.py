"""What comes into a run, against what the flow says."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flow_compiling import compiled
from quorate.flows.files import FileRef
from quorate.flows.inputs import InvalidInputs, accepts, check_inputs
from quorate.model.output import Problem

PLAN = compiled("""
name: trial
inputs:
  text: {type: string, required: true, schema: {minLength: 2}}
  count: {type: integer, default: 3}
  ratio: {type: number}
  fast: {type: boolean}
  langs: {type: array, default: [en], schema: {items: {type: string}, maxItems: 3}}
  options: {type: object, schema: {properties: {deep: {type: object, properties: {n: {type: integer}}}}}}
  scan: {type: file, accept: [application/pdf, image/*, .docx], max_bytes: 100}
  free: {type: any}
outputs:
  total: {value: 1, type: integer}
  free: {value: x}
steps:
  - {name: a, executor: note}
""")
PDF = FileRef(run="run_1", sha256="ab", name="a.pdf", media_type="application/pdf", size=10)


def wrong(inputs: dict[str, Any], **options: Any) -> list[tuple[str, str]]:
    with pytest.raises(InvalidInputs) as caught:
        check_inputs(PLAN, inputs, **options)
    return [(problem.path, problem.message) for problem in caught.value.problems]


def test_what_is_not_given_has_its_default_or_is_null() -> None:
    assert check_inputs(PLAN, {"text": "ab"}) == {
        "text": "ab",
        "count": 3,
        "ratio": None,
        "fast": None,
        "langs": ["en"],
        "options": None,
        "scan": None,
        "free": None,
    }


def test_null_is_as_good_as_not_given() -> None:
    assert check_inputs(PLAN, {"text": "ab", "count": None, "scan": None})["count"] == 3
    assert wrong({"text": None}) == [("$.text", "is missing; expected string")]


def test_every_problem_is_told_with_path_value_and_expectation() -> None:
    found = dict(wrong({"text": "a", "count": "x", "options": {"deep": {"n": "six"}}, "lang": ["de"]}))
    assert found["$.lang"] == "no such input; did you mean 'langs'?"
    assert found["$.text"].startswith("'a': ")
    assert found["$.count"] == "'x': the value is not of type \"integer\""
    assert found["$.options.deep.n"] == "'six': the value is not of type \"integer\""


def test_the_message_of_the_error_has_them_all() -> None:
    with pytest.raises(InvalidInputs, match=r"the inputs do not fit the flow 'trial': \$\.text: .*; \$\.count: "):
        check_inputs(PLAN, {"text": "a", "count": "x"})


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("count", "12", 12),
        ("ratio", "0.5", 0.5),
        ("ratio", " 2 ", 2),
        ("fast", "on", True),
        ("fast", "False", False),
        ("langs", '["de", "fr"]', ["de", "fr"]),
        ("langs", "de", ["de"]),
        ("options", '{"deep": {"n": 1}}', {"deep": {"n": 1}}),
        ("text", "12", "12"),
        ("free", "12", "12"),
        ("count", "", 3),
    ],
)
def test_text_of_a_form_is_read_as_what_the_input_is(name: str, text: str, value: object) -> None:
    assert check_inputs(PLAN, {"text": "ab", name: text}, from_text=True)[name] == value


@pytest.mark.parametrize(("name", "text"), [("count", "twelve"), ("fast", "maybe"), ("ratio", "NaN"), ("options", "{")])
def test_text_that_means_nothing_is_a_problem(name: str, text: str) -> None:
    assert wrong({"text": "ab", name: text}, from_text=True)[0][0] == f"$.{name}"


def test_outside_of_forms_a_text_is_no_number() -> None:
    assert wrong({"text": "ab", "count": "12"})[0][0] == "$.count"


def test_a_file_becomes_plain_json() -> None:
    found = check_inputs(PLAN, {"text": "ab", "scan": PDF})["scan"]
    assert found == {
        "kind": "file",
        "run": "run_1",
        "sha256": "ab",
        "name": "a.pdf",
        "media_type": "application/pdf",
        "size": 10,
    }
    assert check_inputs(PLAN, {"text": "ab", "scan": found}, run="run_1")["scan"] == found


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("/etc/passwd", "expected a file, sent as a part of a multipart request"),
        ({"kind": "file", "path": "/etc/passwd"}, "expected a file"),
        (FileRef(run="run_2", sha256="ab", name="a.pdf", media_type="application/pdf", size=1), "another run"),
        (FileRef(run="run_1", sha256="ab", name="a.exe", media_type="application/x-exe", size=1), "accepted: "),
        (FileRef(run="run_1", sha256="ab", name="a.pdf", media_type="application/pdf", size=101), "at most 100"),
    ],
)
def test_a_file_that_is_not_taken(value: object, told: str) -> None:
    assert told in wrong({"text": "ab", "scan": value}, run="run_1")[0][1]


@pytest.mark.parametrize(("name", "media_type"), [("a.PNG", "image/png"), ("b.docx", "application/zip")])
def test_a_file_by_its_kind_or_its_extension(name: str, media_type: str) -> None:
    file = FileRef(run="run_1", sha256="ab", name=name, media_type=media_type, size=1)
    assert check_inputs(PLAN, {"text": "ab", "scan": file})["scan"]["name"] == name


@pytest.mark.parametrize(
    ("pattern", "name", "media_type", "fits"),
    [
        ("image", "a.bin", "image/webp", True),
        ("image", "a.png", "application/pdf", False),
        ("pdf", "a", "application/pdf", True),
        (".jpg", "a.jpeg", "image/jpeg", True),
        (".docx", "a.docx", "application/zip", True),
        ("image/*", "a", "image/png", True),
        ("*", "a", "application/octet-stream", True),
    ],
)
def test_kinds_go_by_the_content_and_extensions_by_the_name(
    pattern: str, name: str, media_type: str, fits: bool
) -> None:
    assert accepts(pattern, FileRef(run="r", sha256="ab", name=name, media_type=media_type, size=1)) is fits


def test_the_schema_of_all_inputs() -> None:
    schema = PLAN.input_schema
    assert schema["required"] == ["text"]
    assert schema["additionalProperties"] is False
    assert schema["properties"]["count"] == {"type": "integer", "default": 3}
    assert schema["properties"]["scan"] == {"type": "object", "format": "file"}
    assert schema["properties"]["free"] == {}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from([*(each.name for each in PLAN.inputs), "x"]), JSON), st.booleans())
def test_whatever_comes_is_taken_or_refused_in_words(given_: dict[str, Any], from_text: bool) -> None:
    problems: tuple[Problem, ...] = ()
    found: dict[str, Any] = {}
    try:
        found = check_inputs(PLAN, given_, from_text=from_text)
    except InvalidInputs as error:
        problems = error.problems
    assert bool(problems) is not bool(found)
    assert all(problem.path.startswith("$.") for problem in problems)
