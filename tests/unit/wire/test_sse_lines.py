"""Cutting a stream into whole events without changing a byte."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.core.errors import TooLarge
from quorate.wire.sse import SseDecoder
from quorate.wire.sse_lines import SseCutter, names_error, payload_of

LINE = st.text(alphabet=st.characters(categories=("L", "N", "P", "S")), min_size=1, max_size=12)
EVENT = st.one_of(
    LINE.map(lambda text: f"data: {text}\n\n"),
    LINE.map(lambda text: f"data:{text}\r\n\r\n"),
    LINE.map(lambda text: f"data: {text}\n\r\n"),
    LINE.map(lambda text: f"data: {text}\r\n\n"),
    LINE.map(lambda text: f": {text}\n\n"),
    st.tuples(LINE, LINE).map(lambda two: f"event: x\ndata: {two[0]}\ndata: {two[1]}\n\n"),
)


def cut(whole: bytes, cuts: list[int]) -> list[bytes]:
    return [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]


@given(st.lists(EVENT, min_size=1, max_size=6), st.data())
def test_cut_anywhere_the_events_are_the_same(events: list[str], data: st.DataObject) -> None:
    whole = "".join(events).encode()
    cuts = sorted(data.draw(st.sets(st.integers(0, len(whole)))))
    cutter = SseCutter()
    pieces = [event for piece in cut(whole, cuts) for event in cutter.feed(piece)]
    assert pieces == SseCutter().feed(whole)
    assert b"".join(event for event, _ in pieces) == whole


@given(st.lists(EVENT, min_size=1, max_size=6))
def test_payloads_are_what_the_decoder_reads(events: list[str]) -> None:
    whole = "".join(events).encode()
    payloads = [payload.decode() for _, payload in SseCutter().feed(whole) if payload]
    assert payloads == [event.data for event in SseDecoder().feed(whole)]


def test_an_event_waits_for_its_end() -> None:
    cutter = SseCutter()
    assert cutter.feed(b"data: a\r\n\r") == []
    assert cutter.feed(b"\ndata: b\n") == [(b"data: a\r\n\r\n", b"a")]
    assert cutter.feed(b"\n") == [(b"data: b\n\n", b"b")]


@pytest.mark.parametrize(
    ("event", "payload"),
    [
        (b"data: x\n\n", b"x"),
        (b"data:x\n\n", b"x"),
        (b"data: x\r\rdata", b"x"),
        (b": comment\n\n", b""),
        (b"id: 1\nevent: e\ndata: a\ndata: b\n\n", b"a\nb"),
        (b"\n\n", b""),
    ],
)
def test_payload(event: bytes, payload: bytes) -> None:
    assert payload_of(event) == payload


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_a_byte_order_mark_is_no_part_of_the_first_event(size: int) -> None:
    cutter = SseCutter()
    stream = b"\xef\xbb\xbfdata: a\n\ndata: \xef\xbb\xbfb\n\n"
    events = [event for at in range(0, len(stream), size) for event in cutter.feed(stream[at : at + size])]
    assert events == [(b"data: a\n\n", b"a"), (b"data: \xef\xbb\xbfb\n\n", b"\xef\xbb\xbfb")]


@pytest.mark.parametrize("end", [b"\n\n", b"\r\n\r\n", b"\r\r", b"\n\r\n", b"\r\n\n"])
def test_a_large_event_in_small_pieces_costs_no_more_than_its_size(end: bytes) -> None:
    """Joined and searched anew for each piece, 30,000 pieces would take a minute."""
    whole = b"data: " + b"x" * 900_000 + end
    began_s = time.process_time()
    cutter = SseCutter()
    events = [event for at in range(0, len(whole), 30) for event in cutter.feed(whole[at : at + 30])]
    assert events == [(whole, whole[6:].strip())]
    assert cutter.rest == b""
    assert time.process_time() - began_s < 5


@pytest.mark.parametrize(
    ("event", "told"),
    [
        (b"event: error\ndata: {}\n\n", True),
        (b"event:error\r\ndata: {}\r\n\r\n", True),
        (b"data: {}\nevent: error\n\n", True),
        (b"data: {}\n\n", False),
        (b"event: errors\ndata: {}\n\n", False),
        (b'data: {"x":"event: error"}\n\n', False),
        (b": event: error\n\n", False),
    ],
)
def test_an_event_that_is_an_error_by_its_name(event: bytes, told: bool) -> None:
    assert names_error(event) is told


def test_an_event_that_never_ends() -> None:
    cutter = SseCutter(max_event_bytes=10)
    assert cutter.feed(b"data: 1234") == []
    with pytest.raises(TooLarge):
        cutter.feed(b"5")
