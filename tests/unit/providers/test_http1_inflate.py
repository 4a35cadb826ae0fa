"""Compressed bodies, piece by piece."""

import gzip
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.providers.http1_errors import Undecodable
from quorate.providers.http1_inflate import MAX_MEMBERS, PIECE_BYTES, Inflater, inflater


def bare_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


PACKED = {"gzip": gzip.compress, "X-GZip ": gzip.compress, "deflate": zlib.compress, "Deflate": bare_deflate}


def made(coding: str) -> Inflater:
    found = inflater(coding)
    assert found is not None
    return found


def drain(inflate: Inflater) -> bytes:
    out = b""
    while piece := inflate.pull():
        assert len(piece) <= PIECE_BYTES
        out += piece
    return out


@pytest.mark.parametrize("coding", PACKED)
@given(data=st.binary(max_size=2000), size=st.integers(min_value=1, max_value=100))
def test_any_split_gives_the_same(coding: str, data: bytes, size: int) -> None:
    packed = PACKED[coding](data)
    inflate = made(coding)
    out = b""
    for start in range(0, len(packed), size):
        inflate.push(packed[start : start + size])
        out += drain(inflate)
    assert out == data
    assert inflate.ended


@pytest.mark.parametrize("size", [PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES + 7])
@pytest.mark.parametrize("coding", PACKED)
def test_large_bodies_come_in_pieces(coding: str, size: int) -> None:
    inflate = made(coding)
    inflate.push(PACKED[coding](b"x" * size))
    assert drain(inflate) == b"x" * size
    assert inflate.ended


def test_nothing_is_held_back() -> None:
    """What zlib keeps inside when a piece is full comes out without more input, after any part of the body."""
    packed = bare_deflate(b"x" * (PIECE_BYTES + 100))
    for length in range(1, len(packed) + 1):
        inflate = made("deflate")
        inflate.push(packed[:length])
        assert drain(inflate) == zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed[:length])


def test_a_bomb_costs_one_piece() -> None:
    bomb = gzip.compress(b"\0" * 50_000_000)
    inflate = made("gzip")
    tracemalloc.start()
    inflate.push(bomb)
    assert len(inflate.pull()) == PIECE_BYTES
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 * PIECE_BYTES


def test_several_members_are_one_body() -> None:
    inflate = made("gzip")
    inflate.push(gzip.compress(b"one ") + gzip.compress(b"two"))
    assert drain(inflate) == b"one two"
    assert inflate.ended


def test_members_without_number_are_refused() -> None:
    """They may hold nothing, so that no limit on what comes out would ever be reached."""
    inflate = made("gzip")
    inflate.push(gzip.compress(b"x") * MAX_MEMBERS)
    assert drain(inflate) == b"x" * MAX_MEMBERS
    inflate.push(gzip.compress(b""))
    with pytest.raises(Undecodable, match="pieces"):
        inflate.pull()


@pytest.mark.parametrize(
    "data", [b"this is no gzip", gzip.compress(b"x", mtime=0) + b"tail", b"\x1f\x8b\x09\0\0\0\0\0"]
)
def test_what_is_broken_is_undecodable(data: bytes) -> None:
    inflate = made("gzip")
    inflate.push(data)
    with pytest.raises(Undecodable):
        drain(inflate)


def test_the_middle_is_not_the_end() -> None:
    inflate = made("gzip")
    assert inflate.ended  # no byte at all: an empty body
    inflate.push(gzip.compress(b"hello")[:-3])
    assert drain(inflate) == b"hello"
    assert not inflate.ended


def test_codings_nobody_asked_for() -> None:
    assert inflater("identity") is None
    assert inflater("") is None
    for coding in ("br", "zstd", "gzip, gzip"):
        with pytest.raises(Undecodable, match="not asked for"):
            inflater(coding)
