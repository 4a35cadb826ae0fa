"""Every way to cut a stream: either the same whole answer comes out, or an error, never a part as if it were whole."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fake_transport import FakeResponse
from quorate.core.errors import Malformed, Unavailable
from quorate.providers.dialect import StreamParser
from quorate.providers.openai import OpenAIDialect
from quorate.providers.stream_reader import StreamReader
from quorate.wire.stream import Joiner
from raw_server import events


@dataclass(slots=True, kw_only=True)
class Bytes(FakeResponse):
    """A response that is already here, in the given pieces; it counts how often its answer began."""

    begins: int = 0

    def began(self) -> None:
        self.begins += 1


def piece(content: str | None = None, finish: str | None = None) -> dict[str, object]:
    delta = {} if content is None else {"content": content}
    return {"id": "c", "model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


DATA = events(piece(""), piece("Hé"), piece("llo"), piece(finish="stop"), "[DONE]")
FINISHED_AT = DATA.index(b"data: [DONE]")


def parser() -> StreamParser:
    return OpenAIDialect().stream()


async def read(pieces: Sequence[bytes]) -> tuple[str, Bytes]:
    response, joiner = Bytes(chunks=tuple(pieces)), Joiner()
    texts = [delta.text async for delta in StreamReader(parser(), joiner).deltas(response)]
    assert "".join(texts) == joiner.response().text
    return joiner.response().text, response


@given(cuts=st.lists(st.integers(0, len(DATA)), max_size=12))
async def test_pieces_do_not_matter(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(DATA)]
    pieces = [DATA[start:end] for start, end in itertools.pairwise(edges)]
    text, response = await read(pieces)
    assert text == "Héllo"
    assert response.begins == 1
    assert response.lingered[-1] < 1


@given(end=st.integers(0, len(DATA) - 1))
async def test_a_part_is_never_an_answer(end: int) -> None:
    if end >= FINISHED_AT:
        assert (await read([DATA[:end]]))[0] == "Héllo"
        return
    with pytest.raises(Unavailable):
        await read([DATA[:end]])


@given(noise=st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\r\n")), at=st.integers(0, 4))
async def test_noise_between_events_is_skipped(noise: str, at: int) -> None:
    lines = DATA.decode().split("\n\n")
    lines.insert(at, f"data: ~{noise}")
    assert (await read(["\n\n".join(lines).encode()]))[0] == "Héllo"


async def test_a_piece_that_cannot_be_read_is_not_left_out() -> None:
    unfit: dict[str, object] = {"choices": [{"index": 0, "delta": {"content": 5}}]}
    broken = '{"choices": [{"index": 0, "delta": {"content": "not'
    for odd in (unfit, broken):
        with pytest.raises(Malformed):
            await read([events(piece("is "), odd, piece("true"), piece(finish="stop"), "[DONE]")])


async def test_what_follows_the_end_mark_is_not_read() -> None:
    text, response = await read([DATA, events(piece("more"))])
    assert text == "Héllo"
    assert response.begins == 1


async def test_an_event_larger_than_the_cap_is_malformed() -> None:
    with pytest.raises(Malformed):
        await read([b"data: " + b"x" * (16 * 1024 * 1024 + 1)])


async def test_a_finished_answer_lingers_for_its_usage() -> None:
    _, response = await read([events(piece("x")), events(piece(finish="stop")), events({"choices": []})])
    assert response.lingered == [2.0]
