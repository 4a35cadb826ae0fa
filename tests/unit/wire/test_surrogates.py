"""Halves of surrogate pairs in JSON are found, and only they."""

import json
import time

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from growth import grows_at_most
from quorate.wire.surrogates import lone_surrogate, mended

ANY = st.characters(codec=None)


@given(st.dictionaries(st.text(ANY, max_size=5), st.text(ANY, max_size=20), max_size=4))
def test_json_that_python_writes_can_be_read(value: dict[str, str]) -> None:
    written = json.dumps(value).encode()

    def whole(text: str) -> str:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")

    read = msgspec.json.decode(mended(written))
    assert read == {whole(name): whole(text) for name, text in value.items()}
    is_text = mended(written) == written
    assert is_text == (lone_surrogate(written) is None)


@pytest.mark.parametrize(
    ("written", "half"),
    [
        (rb'"\ud800x"', r"\ud800"),
        (rb'"\ud83d"', r"\ud83d"),
        (rb'"\uDE00"', r"\uDE00"),
        (rb'"\ud83d\ud83d\ude00"', r"\ud83d"),
        (rb'"\ud83d\u0041"', r"\ud83d"),
        (rb'"\\\ud83d"', r"\ud83d"),
        (rb'"\ud83d\ude00"', None),
        (rb'"\\ud83d"', None),
        (rb'"\u00e9\n\\"', None),
        (b'"\\', None),
        (b"", None),
    ],
)
def test_the_first_half_is_named(written: bytes, half: str | None) -> None:
    assert lone_surrogate(written) == half
    assert (mended(written) == written) == (half is None)


@pytest.mark.parametrize("piece", [b"\\", b"\\ud83d", b"\\u", b"\\ud83d\\u"])
def test_time_grows_with_the_length_alone(piece: bytes) -> None:
    def mending_s(length: int) -> float:
        data = piece * (length // len(piece))
        begin_s = time.thread_time()
        mended(data)
        return time.thread_time() - begin_s

    assert grows_at_most(mending_s, short=10_000, long=160_000, times=60)
