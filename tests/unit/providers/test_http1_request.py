"""The head of a request: what is sent, and what never is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.core.net import OutboundGate
from quorate.providers.http1_request import encode_head
from quorate.providers.http1_target import read_target
from quorate.providers.transport import HttpRequest

TARGET = read_target("https://models.example/v1/chat?a=b", OutboundGate())


def encode(method: str = "POST", body: bytes = b"{}", **headers: str) -> bytes:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return encode_head(HttpRequest(url="", method=method, headers=named, body=body), TARGET, "quorate")


def lines(data: bytes) -> list[str]:
    head, rest = data.split(b"\r\n\r\n")
    assert rest == b""
    return head.decode().split("\r\n")


def test_a_request() -> None:
    assert lines(encode(authorization="Bearer k")) == [
        "POST /v1/chat?a=b HTTP/1.1",
        "host: models.example",
        "user-agent: quorate",
        "accept: */*",
        "accept-encoding: gzip, deflate",
        "authorization: Bearer k",
        "content-length: 2",
    ]


def test_given_headers_replace_ours() -> None:
    sent = lines(encode(Host="other.example", User_Agent="me", ACCEPT="text/plain", Accept_Encoding="identity"))
    assert sent[1:] == [
        "Host: other.example",
        "User-Agent: me",
        "ACCEPT: text/plain",
        "Accept-Encoding: identity",
        "content-length: 2",
    ]


@pytest.mark.parametrize(
    ("method", "body", "length"),
    [
        ("GET", b"", None),
        ("HEAD", b"", None),
        ("GET", b"x", "1"),
        ("POST", b"", "0"),
        ("DELETE", b"", "0"),
    ],
)
def test_the_length_is_told(method: str, body: bytes, length: str | None) -> None:
    told = [line for line in lines(encode(method, body)) if line.startswith("content-length")]
    assert told == ([] if length is None else [f"content-length: {length}"])


@pytest.mark.parametrize("value", ["a\r\nx: b", "a\nb", "a\rb", "a\0b", "\r\n", "a\r\n\r\nGET / HTTP/1.1", "\ud800"])
def test_a_value_cannot_break_out(value: str) -> None:
    with pytest.raises(ValueError, match=r"line end|surrogates"):
        encode(x_key=value)


@pytest.mark.parametrize(
    "name", ["", "a b", "a:", "a\r\nb", "é", "Content-Length", "TRANSFER-ENCODING", "upgrade", "trailer", "te"]
)
def test_a_name_cannot_either(name: str) -> None:
    with pytest.raises(ValueError, match="header"):
        encode("POST", b"", **{name: "1"})


@pytest.mark.parametrize("method", ["", "GET /", "P\r\nOST", "CONNECT"])
def test_nor_a_method(method: str) -> None:
    with pytest.raises(ValueError, match=r"method|line end"):
        encode(method)


def test_a_header_that_is_no_text_is_a_type_error() -> None:
    with pytest.raises(TypeError):
        encode(x=None)  # pyright: ignore[reportArgumentType] - the point


@given(st.dictionaries(st.sampled_from(["x-a", "x-b", "x-c"]), st.text(max_size=20)))
def test_a_head_has_the_lines_it_should_or_is_refused(headers: dict[str, str]) -> None:
    try:
        data = encode("POST", b"", **headers)
    except ValueError:
        assert any(set(value) & {"\r", "\n", "\0"} or not _encodes(value) for value in headers.values())
        return
    assert data.count(b"\r\n") == 5 + len(headers) + 2
    assert b"\0" not in data


def _encodes(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
