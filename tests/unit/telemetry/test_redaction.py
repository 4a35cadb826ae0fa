"""No secret gets through, in whatever form it stands; ordinary text does."""

import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.core.secret import Secret
from quorate.telemetry.one_line import indented, one_line
from quorate.telemetry.redaction import Redactor

ODD = Secret('p"ass\\wörd\nof two lines')


@pytest.mark.parametrize(
    "form",
    [
        ODD.reveal(),
        json.dumps(ODD.reveal()),
        json.dumps(ODD.reveal(), ensure_ascii=False),
        repr(ODD.reveal()),
        f"https://host/{quote(ODD.reveal(), safe='')}",
    ],
)
def test_a_known_secret_is_found_as_others_write_it(form: str) -> None:
    hidden = Redactor([ODD])(f"before {form} after")
    assert "***" in hidden
    assert "two" not in hidden
    assert hidden.startswith("before ")
    assert hidden.endswith(" after")


def test_of_two_secrets_of_which_one_contains_the_other_nothing_is_left() -> None:
    hide = Redactor([Secret("abcd"), Secret("abcd-efgh")])
    assert hide("abcd-efgh abcd") == "*** ***"


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("key qk_abcd1234_" + "x" * 43, "key ***"),
        ("sk-proj-" + "a1B2" * 5 + ", then", "***, then"),
        ("Authorization: Bearer abc.def-ghi_jkl==", "Authorization: ***"),
        ("authorization: basic dXNlcjpwYXNz", "authorization: ***"),
        ("{'x-api-key': 'abcdef123'}", "{'***'}"),
        ('{"api_key":"abcdef123"}', '{"***"}'),
        ("redis://user:hunter22@host:6379/0", "redis://***@host:6379/0"),
        ("postgresql://:hunter22@host/db", "postgresql://***@host/db"),
        ("AIza" + "b" * 35, "***"),
    ],
)
def test_what_looks_like_a_key_is_hidden(text: str, hidden: str) -> None:
    assert Redactor()(text) == hidden


@pytest.mark.parametrize(
    "text",
    [
        "the task-runner asks for a basic answer",
        "key_id=qk_abcd1234 revoked",
        "http://127.0.0.1:8080/v1/chat/completions",
        "run_01j0000000000000000000000",
        "the api key is missing",
        "",
    ],
)
def test_ordinary_text_stays(text: str) -> None:
    assert Redactor([Secret("abc")])(text + " abc") == text + " abc"


@given(st.text(min_size=4, max_size=40), st.text(max_size=40), st.text(max_size=40))
def test_no_secret_survives(secret: str, before: str, after: str) -> None:
    hide = Redactor([Secret(secret)])
    for text in (f"{before}{secret}{after}", json.dumps({"a": f"{before}{secret}{after}"})):
        hidden = hide(text)
        assert secret not in hidden.replace("***", "")


@pytest.mark.parametrize("piece", ["a", "-", "_", "://:", "bearer ", "api key", "api-key: '", "qk_", "sk-", "\\", " "])
def test_hostile_text_takes_linear_time(piece: str) -> None:
    # 2 MB: anything quadratic would run into the test's time limit
    assert Redactor([Secret("none of it")])(piece * (2_000_000 // len(piece)))


@given(st.text())
def test_one_line_is_one_line_and_json_understands_its_escapes(text: str) -> None:
    line = one_line(text)
    assert len(line.splitlines()) <= 1
    assert json.loads(one_line(json.dumps(text, ensure_ascii=False))) == text


@given(st.text())
def test_lines_below_begin_away_from_the_margin(text: str) -> None:
    assert all(line.startswith("    ") for line in indented(text).splitlines())
