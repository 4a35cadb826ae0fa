"""Responses read from bytes: the same for every split, strict where two readers could disagree, bounded."""

import gc
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.providers.http1_errors import Cut, NoAnswer, NotHttp
from quorate.providers.http1_headers import Headers
from quorate.providers.http1_parse import MAX_HEAD_BYTES, ResponseParser
from raw_server import chunk, head, whole


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a reader is told in the end."""

    status: int
    fields: Sequence[tuple[bytes, bytes]]
    body: bytes
    complete: bool
    keep_alive: bool
    error: str


def read(pieces: Iterable[bytes], *, eof: bool = True, bodiless: bool = False) -> Outcome:
    """Feed the pieces to a new parser, taking the body after each, and then the end of the connection."""
    parser = ResponseParser()
    parser.begin(bodiless=bodiless)
    body = b""
    error = ""
    alive = False
    try:
        for piece in pieces:
            parser.feed(piece)
            body += parser.take()
        alive = parser.keep_alive
        if eof:
            parser.eof()
    except (NotHttp, Cut, NoAnswer) as raised:
        body += parser.take()
        error = type(raised).__name__
    return Outcome(
        status=parser.status,
        fields=tuple(parser.fields.items()),
        body=body,
        complete=parser.complete,
        keep_alive=alive and parser.complete,
        error=error,
    )


CHUNKED = head(transfer_encoding="chunked")
GOOD: dict[str, tuple[bytes, bytes, bool]] = {
    "length": (whole(b"hello"), b"hello", True),
    "chunks": (CHUNKED + chunk(b"he") + chunk(b"llo") + chunk(b""), b"hello", True),
    "chunk extensions": (CHUNKED + b'5;a="b;c";d\r\nhello\r\n0;x\r\n\r\n', b"hello", True),
    "space after the size": (CHUNKED + b"5 \r\nhello\r\n0\r\n\r\n", b"hello", True),
    "space after the coding": (head(transfer_encoding="Chunked ") + chunk(b"hello") + chunk(b""), b"hello", True),
    "trailers": (CHUNKED + chunk(b"hello") + b"0\r\nx-sum: 1\r\nx-more: 2\r\n\r\n", b"hello", True),
    "until close": (head(x="y") + b"hello", b"hello", False),
    "identity": (head(transfer_encoding="identity") + b"hello", b"hello", False),
    "http 1.0": (b"HTTP/1.0 200 OK\r\ncontent-length: 5\r\n\r\nhello", b"hello", False),
    "connection close": (whole(b"hello", connection="close"), b"hello", False),
    "no body": (head(204, "No Content"), b"", True),
    "empty": (whole(b""), b"", True),
    "no reason": (b"HTTP/1.1 200\r\ncontent-length: 5\r\n\r\nhello", b"hello", True),
    "bare LF": (b"HTTP/1.1 200 OK\nx: y\ncontent-length: 5\n\nhello", b"hello", True),
    "interim": (head(100, "Continue") + head(103, "Early Hints", link="x") + whole(b"hello"), b"hello", True),
    "empty value": (whole(b"hello", x=""), b"hello", True),
    "blank lines first": (b"\r\n\r\n" + whole(b"hello"), b"hello", True),
    "more than was asked": (whole(b"hello") + b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nbad", b"hello", False),
    "garbage after": (whole(b"hello") + b"garbage", b"hello", False),
    "garbage after close": (whole(b"hello", connection="close") + b"garbage", b"hello", False),
}
BAD: dict[str, bytes] = {
    "no http": b"not http at all\r\n\r\n",
    "status": b"HTTP/1.1 abc OK\r\n\r\n",
    "version": b"HTTP/9.9 200 OK\r\ncontent-length: 0\r\n\r\n",
    "length": head(content_length="x"),
    "negative length": head(content_length="-1"),
    "huge length": head(content_length="9" * 30),
    "two lengths": b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 3\r\n\r\nhello",
    "the same length twice": b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 5\r\n\r\nhello",
    "a list of lengths": head(content_length="5, 5") + b"hello",
    "length and chunks": head(content_length="5", transfer_encoding="chunked") + chunk(b"hello") + chunk(b""),
    "chunks and length": head(transfer_encoding="chunked", content_length="5") + chunk(b"hello") + chunk(b""),
    "compressed transfer": head(transfer_encoding="gzip, chunked") + chunk(b"hello") + chunk(b""),
    "a coding that llhttp takes for another": head(transfer_encoding="chunked\t") + chunk(b"hello") + chunk(b""),
    "chunks not last": head(transfer_encoding="chunked, gzip") + b"hello",
    "space in a name": b"HTTP/1.1 200 OK\r\nx y: 1\r\n\r\n",
    "space before the colon": b"HTTP/1.1 200 OK\r\ncontent-length : 5\r\n\r\nhello",
    "folded": b"HTTP/1.1 200 OK\r\nx: a\r\n b\r\ncontent-length: 0\r\n\r\n",
    "NUL in a value": b"HTTP/1.1 200 OK\r\nx: a\0b\r\ncontent-length: 0\r\n\r\n",
    "chunk size": CHUNKED + b"zz\r\nab\r\n",
    "chunk end": CHUNKED + b"2\r\nabcd\r\n",
    "huge chunk size": CHUNKED + b"f" * 17 + b"\r\n",
    "length in a trailer": CHUNKED + b"0\r\ncontent-length: 9\r\n\r\n",
    "upgrade": head(101, "Switching Protocols", connection="upgrade", upgrade="websocket") + b"frames",
    "switch without a word": head(101, "Switching Protocols"),
    "header size": head(x="y" * (MAX_HEAD_BYTES + 1)),
    "header count": head(200, "OK", **{f"x{number}": "y" * 100 for number in range(700)}),
}


def cut(data: bytes, places: Iterable[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in pairwise(edges) if start < end]


@pytest.mark.parametrize("name", GOOD)
def test_good_responses(name: str) -> None:
    data, body, keep_alive = GOOD[name]
    outcome = read([data])
    assert (outcome.body, outcome.complete, outcome.error) == (body, True, "")
    assert outcome.keep_alive is keep_alive


@pytest.mark.parametrize("name", BAD)
def test_bad_responses(name: str) -> None:
    outcome = read([BAD[name]], eof=False)
    assert (outcome.error, outcome.complete) == ("NotHttp", False)


@pytest.mark.parametrize("name", GOOD)
def test_a_good_response_split_at_every_byte(name: str) -> None:
    data, *_ = GOOD[name]
    expected = read([data])
    assert read(data[place : place + 1] for place in range(len(data))) == expected
    assert all(read([data[:place], data[place:]]) == expected for place in range(1, len(data)))


@given(name=st.sampled_from([*GOOD, *BAD]), places=st.lists(st.integers(min_value=0, max_value=200_000), max_size=8))
def test_any_split_gives_the_same(name: str, places: list[int]) -> None:
    data = BAD[name] if name in BAD else GOOD[name][0]
    expected, outcome = read([data]), read(cut(data, places))
    assert (outcome.error, outcome.status, outcome.complete) == (expected.error, expected.status, expected.complete)
    assert outcome.body == expected.body
    assert outcome.keep_alive == expected.keep_alive
    if not expected.error:
        assert outcome.fields == expected.fields


@given(
    bodies=st.lists(st.lists(st.binary(min_size=1, max_size=200), max_size=6), min_size=1, max_size=3),
    places=st.lists(st.integers(min_value=0, max_value=4000), max_size=12),
)
def test_responses_one_after_another(bodies: list[list[bytes]], places: list[int]) -> None:
    parser = ResponseParser()
    for pieces in bodies:
        parser.begin()
        data = CHUNKED + b"".join(chunk(piece) for piece in pieces) + chunk(b"")
        body = b""
        for part in cut(data, places):
            parser.feed(part)
            body += parser.take()
        assert body == b"".join(pieces)
        assert parser.complete
        assert parser.keep_alive


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", "NoAnswer"),
        (b"HTTP/1.1 20", "NoAnswer"),
        (head(100, "Continue"), "NoAnswer"),
        (head(content_length="10") + b"short", "Cut"),
        (CHUNKED + chunk(b"short"), "Cut"),
        (CHUNKED + b"a\r\nshort", "Cut"),
        (CHUNKED + chunk(b"short") + b"0\r\n", "Cut"),
    ],
)
def test_what_ends_early(data: bytes, error: str) -> None:
    outcome = read([data])
    assert (outcome.error, outcome.complete) == (error, False)
    assert outcome.body in (b"", b"short")


def test_the_answer_to_head_has_no_body() -> None:
    outcome = read([head(content_length="1000")], eof=False, bodiless=True)
    assert (outcome.complete, outcome.keep_alive, outcome.body) == (True, False, b"")


@pytest.mark.parametrize(
    ("begin", "more"),
    [
        (b"", b"x"),
        (b"HTTP/1.1 200 OK\r\n", b"a: b\r\n"),
        (b"HTTP/1.1 200 OK\r\nx: ", b"y"),
        (b"", head(103, "Early Hints", link="x")),
        (CHUNKED + b"5;", b"x"),
        (CHUNKED + chunk(b"hello") + b"0\r\n", b"x: y\r\n"),
        (CHUNKED + chunk(b"hello") + b"0\r\nx: ", b"y"),
    ],
    ids=["noise", "headers", "one header", "interim", "chunk extension", "trailers", "one trailer"],
)
def test_endless_nothing_is_stopped(begin: bytes, more: bytes) -> None:
    """Bytes that never become a body are bounded, however they come."""
    parser = ResponseParser()
    fed = 0
    with pytest.raises(NotHttp):  # noqa: PT012 - which of many pieces is one too many is not the point
        parser.feed(begin or b"\r\n")
        while fed < 8 * MAX_HEAD_BYTES:
            parser.feed(more * 50)
            fed += len(more) * 50
    assert fed <= 3 * MAX_HEAD_BYTES


def test_many_small_chunks_are_no_flood() -> None:
    parser = ResponseParser()
    parser.feed(CHUNKED)
    for _ in range(MAX_HEAD_BYTES // 2):  # size, byte and line end in packets of their own
        for piece in (b"1\r\n", b"x", b"\r\n"):
            parser.feed(piece)
        assert parser.take() == b"x"
    parser.feed(chunk(b""))
    assert parser.complete


def test_headers_are_found_in_any_case_and_the_first_counts() -> None:
    parser = ResponseParser()
    parser.feed(b"HTTP/1.1 200 OK\r\nX-Id: 1 \t\r\nx-id: 2\r\nRetry-After: \xe2\x82\xac\xff\r\n\r\n")
    headers = Headers(parser.fields)
    assert headers["x-ID"] == "1"
    assert headers.get("RETRY-AFTER") == "€\udcff"
    assert headers.get("nothing") is None
    assert "X-id" in headers
    assert dict(headers) == {"x-id": "1", "retry-after": "€\udcff"}
    assert len(headers) == 2


def test_a_parser_that_reads_no_more_is_gone_at_once() -> None:
    gc.collect()
    gc.disable()
    try:
        before = parsers()
        parser = ResponseParser()
        parser.feed(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
        parser.close()
        assert parser.take() == b"ok"  # what came before can still be taken
        assert parsers() == before + 1
        del parser
        assert parsers() == before
    finally:
        gc.enable()


def parsers() -> int:
    return sum(type(each) is ResponseParser for each in gc.get_objects())
