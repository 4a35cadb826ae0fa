"""Kept texts are without what is private, in time that grows with their length alone."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from growth import grows_at_most
from quorate.core.secret import Secret
from quorate.storage.redact import Redactor

PRIVATE = {
    "a.b+c@sub-domain.example.org": "[email]",
    "Ünal@exämple.de": "[email]",
    "4111 1111 1111 1111": "[card]",
    "5500-0055-5555-5559": "[card]",
    "378282246310005": "[card]",
    "3782 822463 10005": "[card]",
    "4111\u00a01111\u00a01111\u00a01111": "[card]",
    "4111\u20111111\u20111111\u20111111": "[card]",
    "DE89 3704 0044 0532 0130 00": "[iban]",
    "GB82WEST12345698765432": "[iban]",
    "NO93 8601 1117 947": "[iban]",
    "de89 3704 0044 0532 0130 00": "[iban]",
    "gb82west12345698765432": "[iban]",
    "DE89\u00a03704\u00a00044\u00a00532\u00a00130\u00a000": "[iban]",
    "+49 (0)30 901820": "[phone]",
    "+1-212-555-0100": "[phone]",
    "(212) 555-0100": "[phone]",
    "212.555.0100": "[phone]",
    "030/9018201": "[phone]",
    "020 7946 0958": "[phone]",
    "(020) 7946 0958": "[phone]",
    "(030) 901820": "[phone]",
    "030 / 90 18 20": "[phone]",
    "030 901820-12": "[phone]",
    "0171 123 4567": "[phone]",
    "0171 1234567": "[phone]",
    "(0171)1234567": "[phone]",
    "01632 960 983": "[phone]",
    "07911 123456": "[phone]",
    "01 23 45 67 89": "[phone]",
    "06.12.34.56.78": "[phone]",
    "01\u00a023\u00a045\u00a067\u00a089": "[phone]",
    "06\u202f12\u202f34\u202f56\u202f78": "[phone]",
    "02 9374 4000": "[phone]",
    "(02) 9374 4000": "[phone]",
    "03-1234-5678": "[phone]",
    "06-12345678": "[phone]",
    "044 668 18 00": "[phone]",
    "090-1234-5678": "[phone]",
    "0755 8888 8888": "[phone]",
    "01711234567": "[phone]",
    "0612345678": "[phone]",
    "+49 (0) 30 / 90 18 20": "[phone]",
    "+33\u00a01\u00a023\u00a045\u00a067\u00a089": "[phone]",
    "00 49 30 901820": "[phone]",
    "sk-" + "proj-abcDEF123456_7890-xyz": "[key]",
    "qk_" + "01jabcdefghjkmnp_qrstvwxyz0123": "[key]",
    "ghp_" + "a1B2" * 9: "[key]",
    "AKIA" + "ABCDEFGH12345678": "[key]",
    "eyJ" + "hbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl": "[key]",
    "-----BEGIN RSA PRIVATE " + "KEY-----\nMIIEow==\n-----END RSA PRIVATE KEY-----": "[key]",
}
ORDINARY = [
    "What is 17 * 23? 391, not 392.",
    "2024-01-02 12:34:56, version 3.14.159, 192.168.100.200",
    "1234567890123 items",  # as long as a card, with other check digits
    "IT12 WORD WORD WORD",
    "in24 some more work that is done here",
    "0000 0000 0000 0000",
    "2026-11-29, 2026-01-02 03:04:05, 2026-01-02T03:04:05.000Z, 2026-01-02-03-04-05",
    "01.02.2026, 01-02-2026, 01/02/2026, 01 02 2026, 01.02.26 and 02/2026",
    "05 12 2026 10:30, 05 2025 2026, 0123 20260102, 0123 2026-01-02",
    "0.5, 0.25, 0.0123456789, 1.0171 1234567, 0,50 EUR, $1 234 567.89, 1 000 000",
    "No. 0042, No. 051/2026, order 00042, order 0815, #0123-4567",
    "open 0900-1700, from 0830 to 1200",
    "version 0.10.1, 1.02.03, v0.9, 01.02.03, 10.0.17.1",
    "ISBN 0306406152, ISBN-10: 0306406152, 0-306-40615-2, 978-0-306-40615-7",
    "550e8400-e29b-0123-4567-446655440000, a1-0171-1234567",
    "0x0171234567, 0123456789abcdef, 00 01 02 03 04",
    "07:30, 08:15:00.123, 09 10 11, (01) 2026, (02) 345, 012 34",
    "GS1 (01)09506000134352(17)261129",
    "7 x 0171 = 1197, 01 + 02 = 03",
    "@decorator user@ @host a @ b",
    "sk-short, task-force-of-seventeen-people",
    "bearer of bad news",
    "",
]


@pytest.mark.parametrize(("private", "label"), PRIVATE.items())
@pytest.mark.parametrize("around", ["{}", "see {}.", "({})", "a: {}\nb", "12 {} and", "\t{},"])
def test_what_is_private_goes(private: str, label: str, around: str) -> None:
    assert Redactor()(around.format(private)) == around.format(label)


@pytest.mark.parametrize("text", ORDINARY)
def test_what_is_ordinary_stays(text: str) -> None:
    assert Redactor()(text) == text


@pytest.mark.parametrize("before", ["\n", "\t", "\r\n", '"', "\\", "é\n"])
@pytest.mark.parametrize(("private", "label"), PRIVATE.items())
def test_escapes_of_json_hide_nothing(private: str, label: str, before: str) -> None:
    said = f"mine:{before}{private}\n."
    messages = [{"role": "user", "content": said}, {"arguments": json.dumps({"nested": said})}]
    redacted = Redactor()(json.dumps(messages))
    first, second = json.loads(redacted)
    kept = f"mine:{before}{label}\n."
    assert first["content"] == kept
    assert json.loads(second["arguments"])["nested"] == kept


def test_a_known_secret_goes_as_json_writes_it() -> None:
    redact = Redactor([Secret('pass"word\\é')])
    assert json.loads(redact(json.dumps({"a": 'x pass"word\\é y'}))) == {"a": "x *** y"}


@pytest.mark.parametrize(
    "text", ['"C:\\new\\table"', '{"a": "line\\nnext \\u00e9"}', '"never \\" ends', '5" or 6\\"', '"\\']
)
def test_escapes_that_hide_nothing_stay(text: str) -> None:
    assert Redactor()(text) == text


def test_credentials_in_headers_go() -> None:
    assert Redactor()("Authorization: Bearer abc.def-ghi_jkl/mno=") == "Authorization: Bearer [key]"
    assert Redactor()("authorization: basic dXNlcjpwYXNzd29yZA==") == "authorization: basic [key]"


def test_a_card_behind_other_digits_is_found() -> None:
    assert Redactor()("1234 4111 1111 1111 1111 EUR") == "1234 [card] EUR"
    assert Redactor()("DE89 3704 0044 0532 0130 00 EUR NOW") == "[iban] EUR NOW"


def test_known_secrets_go_wherever_they_stand() -> None:
    assert Redactor([Secret("hunter22")])("xhunter22x hunter2") == "x***x hunter2"


WORDS = st.sampled_from([*ORDINARY, "and", "or", "Straße", "(", "12", "\n"])


@given(st.lists(WORDS), st.sampled_from(sorted(PRIVATE)), st.lists(WORDS))
def test_what_is_private_goes_out_of_any_prose(before: list[str], private: str, after: list[str]) -> None:
    text = Redactor()("; ".join([*before, private, *after]))
    assert private not in text


@given(st.text(alphabet="aA1@.-_+ ()/\nskeyJ=BEGINé", max_size=200))
def test_any_text_is_taken(text: str) -> None:
    Redactor()(text)


#: What makes careless patterns start again and again: pieces of what they look for, many times over.
PIECES = st.lists(
    st.sampled_from(
        [
            *"a1 @.-+0_=/é",
            "AB12",
            "sk-",
            "eyJ",
            "bearer ",
            "a@",
            "1 ",
            "(123) ",
            "4111 ",
            "DE89 ",
            "+49 ",
            "\t",
            '"',
            "\\",
            '"\\n',
            "-----BEGIN PRIVATE " + "KEY-----",
        ]
    ),
    min_size=1,
    max_size=4,
).map("".join)


@given(PIECES)
def test_time_grows_with_the_length_alone(piece: str) -> None:
    """Sixteen times the text takes far less than the 256 times of a pattern that looks at everything twice."""
    redact = Redactor()
    assert grows_at_most(
        lambda length: _redacting_s(redact, piece * (length // len(piece) + 1)), short=1_000, long=16_000, times=90
    )


@pytest.mark.parametrize(
    "piece", ["0 0 0 0 ", "(0", "01 ", "0171 ", "(030) ", "01-", "de89 ", "0171\u00a0", "+1 (", "030/"]
)
def test_a_megabyte_of_what_numbers_begin_with_takes_no_longer_than_its_length(piece: str) -> None:
    redact = Redactor()
    assert grows_at_most(
        lambda length: _redacting_s(redact, piece * (length // len(piece) + 1)), short=60_000, long=960_000, times=40
    )


def _redacting_s(redact: Redactor, text: str) -> float:
    begin_s = time.thread_time()
    redact(text)
    return time.thread_time() - begin_s
