"""Server-sent events: the same events wherever the bytes are cut, and the standard's rules."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.core.errors import TooLarge
from quorate.wire.sse import SseDecoder, SseEvent, encode_comment, encode_sse

lines = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]))
names = st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]), min_size=1)
ends = st.sampled_from([b"\n", b"\r\n", b"\r"])


@st.composite
def streams(draw: st.DrawFn) -> bytes:
    """Bytes of events with any line ends, comments, unknown fields, and perhaps an unfinished last event."""
    out = b"\xef\xbb\xbf" if draw(st.booleans()) else b""
    for _ in range(draw(st.integers(0, 5))):
        for _ in range(draw(st.integers(0, 4))):
            field = draw(st.sampled_from(["data", "event", "id", "retry", "", "other"]))
            separator = draw(st.sampled_from([":", ": ", ""]))
            out += f"{field}{separator}{draw(lines) if separator else ''}".encode() + draw(ends)
        out += draw(ends)
    return out + (draw(lines).encode() if draw(st.booleans()) else b"")


def read(*chunks: bytes) -> list[SseEvent]:
    decoder = SseDecoder()
    return [event for chunk in chunks for event in decoder.feed(chunk)]


@given(streams(), st.data())
def test_any_partition_gives_the_same_events(stream: bytes, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    pieces = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert read(*pieces) == read(stream)


@given(streams())
def test_byte_by_byte_gives_the_same_events(stream: bytes) -> None:
    assert read(*(stream[n : n + 1] for n in range(len(stream)))) == read(stream)


@given(st.lists(st.tuples(lines, st.none() | names, st.none() | names), max_size=5))
def test_what_is_encoded_is_decoded(events: list[tuple[str, str | None, str | None]]) -> None:
    stream = b"".join(encode_sse(data.encode(), event=event, event_id=key) for data, event, key in events)
    read_back = read(stream)
    assert [event.data for event in read_back] == [data for data, _, _ in events]
    assert [event.event for event in read_back] == [event or "message" for _, event, _ in events]


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        (b"data: a\n\n", [SseEvent("a")]),
        (b"data:a\r\n\r\n", [SseEvent("a")]),
        (b"data: a\r\r", [SseEvent("a")]),
        (b"data:  a\n\n", [SseEvent(" a")]),
        (b"data: a\ndata: b\ndata\n\n", [SseEvent("a\nb\n")]),
        (b"data\n\n", [SseEvent("")]),
        (b": comment\n\ndata: a\n\n", [SseEvent("a")]),
        (b"\xef\xbb\xbfdata: a\n\n", [SseEvent("a")]),
        (b"event: e\ndata: a\n\ndata: b\n\n", [SseEvent("a", "e"), SseEvent("b")]),
        (b"id: 1\ndata: a\n\ndata: b\n\n", [SseEvent("a", id="1"), SseEvent("b", id="1")]),
        (b"id: a\0b\ndata: a\n\n", [SseEvent("a")]),
        (b"event: e\n\ndata: a\n\n", [SseEvent("a")]),
        (b"retry: 10\nfoo: bar\ndata: a\n\n", [SseEvent("a")]),
        (b"data: \xff\n\n", [SseEvent("\ufffd")]),
        (b"data: a\n", []),
        (b"\n\n\n", []),
    ],
)
def test_the_standard_s_rules(stream: bytes, expected: list[SseEvent]) -> None:
    assert read(stream) == expected


def test_a_split_multibyte_character_is_joined() -> None:
    stream = "data: \N{GRINNING FACE}\n\n".encode()
    assert read(stream[:8], stream[8:]) == [SseEvent("\N{GRINNING FACE}")]


def test_pending_tells_of_an_unfinished_event() -> None:
    decoder = SseDecoder()
    assert not decoder.pending
    decoder.feed(b"data: a\n")
    assert decoder.pending
    decoder.feed(b"\n")
    assert not decoder.pending
    decoder.feed(b"da")
    assert decoder.pending


@pytest.mark.parametrize("size", [1, 7, 64, 1000])
@pytest.mark.parametrize("stream", [b"data: " + b"x" * 300, (b"data: x\n" * 60)])
def test_events_over_the_cap_are_refused_however_they_arrive(stream: bytes, size: int) -> None:
    decoder = SseDecoder(max_event_bytes=200)
    pieces = [stream[start : start + size] for start in range(0, len(stream), size)]
    with pytest.raises(TooLarge, match="200 bytes"):
        [decoder.feed(piece) for piece in pieces]


def test_many_small_events_are_not_one_large_one() -> None:
    decoder = SseDecoder(max_event_bytes=64)
    events = [event for _ in range(200) for event in decoder.feed(b": ping\n\ndata: 0123456789\n\n")]
    assert len(events) == 200


def test_comments_are_one_line_whatever_they_hold() -> None:
    assert encode_comment("a\r\nb\nc") == b": a  b c\n\n"
    assert read(encode_comment("ping"), b"data: a\n\n") == [SseEvent("a")]


def test_nothing_between_the_two_halves_of_a_line_end_changes_nothing() -> None:
    assert read(b"data: a\r", b"", b"\ndata: b\r\n\r\n") == [SseEvent("a\nb")]
