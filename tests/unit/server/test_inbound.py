"""Reading a request: headers, and a body within its caps."""

import gzip
import json
import random
import time
import zlib
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asgi import Exchange, scope_of
from quorate.core.errors import ClientGone, InvalidRequest, TooLarge, UnsupportedMedia
from quorate.server.inbound import Inbound, read_body, request_id, require_depth, require_json


def inbound(**headers: str) -> Inbound:
    given = [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()]
    return Inbound(scope_of("POST", "/v1/chat/completions", given))


async def body(*pieces: bytes, limit: int = 1000, **headers: str) -> bytes:
    return await read_body(inbound(**headers), Exchange(*pieces).receive, limit_bytes=limit)


def test_the_headers_we_care_about() -> None:
    seen = inbound(authorization="Bearer x", x_api_key="y", idempotency_key="z", x_request_id="req-1", cookie="c")
    assert (seen.authorization, seen.api_key, seen.idempotency_key) == (b"Bearer x", b"y", b"z")
    assert (seen.request_id, seen.peer, seen.content_type) == ("req-1", "192.0.2.1", None)
    nobody = Inbound({**scope_of("GET", "/"), "client": None})
    assert nobody.peer == ""


@pytest.mark.parametrize("text", ["", "a b", "a\r\nx: y", "a\x00", "é", "x" * 129, '"', "<script>", "${jndi:x}"])
def test_request_ids_that_do_not_go_into_headers_or_logs(text: str) -> None:
    assert request_id(text) is None
    assert request_id(text.encode()) is None


@pytest.mark.parametrize("text", ["a", "01J-x_y.z:/+=@", "x" * 128])
def test_request_ids_that_do(text: str) -> None:
    assert request_id(text) == text


@pytest.mark.parametrize("kind", ["application/json", "Application/JSON", "application/json; charset=utf-8"])
def test_json_is_json(kind: str) -> None:
    require_json(inbound(content_type=kind))


@pytest.mark.parametrize(
    "kind", ["", "text/plain", "application/jsonp", "multipart/form-data; boundary=x", "application"]
)
def test_what_is_not(kind: str) -> None:
    with pytest.raises(UnsupportedMedia):
        require_json(inbound(content_type=kind))
    with pytest.raises(UnsupportedMedia):
        require_json(inbound())


async def test_bodies_in_pieces() -> None:
    assert await body(b"ab", b"", b"c") == b"abc"
    assert await body(b"") == b""


async def test_a_declared_length_is_refused_before_anything_is_read() -> None:
    exchange = Exchange(b"x")
    with pytest.raises(TooLarge):
        await read_body(inbound(content_length="1001"), exchange.receive, limit_bytes=1000)
    assert (await exchange.receive())["body"] == b"x"


async def test_an_undeclared_length_is_refused_as_soon_as_it_is_known() -> None:
    exchange = Exchange(b"x" * 600, b"x" * 600, b"never read")
    with pytest.raises(TooLarge, match="1000 bytes"):
        await read_body(inbound(), exchange.receive, limit_bytes=1000)
    assert (await exchange.receive())["body"] == b"never read"
    with pytest.raises(TooLarge):
        await body(b"x" * 1001)


async def test_a_caller_that_leaves_in_the_middle() -> None:
    messages = iter([{"type": "http.request", "body": b"a", "more_body": True}, {"type": "http.disconnect"}])

    async def receive() -> dict[str, Any]:
        return next(messages)

    with pytest.raises(ClientGone):
        await read_body(inbound(), receive, limit_bytes=1000)


@given(st.binary(max_size=2000), st.sampled_from(["gzip", "deflate", "GZIP", "x-gzip", "X-Gzip", "Deflate"]))
async def test_compressed_bodies(data: bytes, encoding: str) -> None:
    packed = zlib.compress(data) if encoding.lower() == "deflate" else gzip.compress(data)
    assert await body(packed, limit=4000, content_encoding=encoding) == data


@pytest.mark.parametrize("encoding", ["identity", "Identity", "IDENTITY"])
async def test_bodies_that_say_that_they_are_not_compressed(encoding: str) -> None:
    assert await body(b"abc", content_encoding=encoding) == b"abc"


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=6))
async def test_a_body_of_several_members(parts: list[bytes]) -> None:
    packed = b"".join(gzip.compress(part) for part in parts)
    assert await body(packed, limit=2000, content_encoding="gzip") == b"".join(parts)


async def test_members_of_any_length() -> None:
    chance = random.Random(1)
    parts = [chance.randbytes(size) for size in (1, 70_000, 65_500, 0, 200_000, 3, 130_000)]
    packed = b"".join(gzip.compress(part) for part in parts)
    assert await body(packed, limit=500_000, content_encoding="gzip") == b"".join(parts)


async def test_the_cap_holds_for_all_members_together() -> None:
    packed = 11 * gzip.compress(b"0" * 100)
    assert await body(packed, limit=1100, content_encoding="gzip") == b"0" * 1100
    with pytest.raises(TooLarge):
        await body(packed, limit=1099, content_encoding="gzip")


async def test_more_members_than_any_program_makes_are_refused_at_once() -> None:
    """A million of them, which hold nothing, in twenty megabytes."""
    empty = gzip.compress(b"")
    packed = 20_000_000 // len(empty) * empty
    with pytest.raises(InvalidRequest, match="more than 1000 compressed pieces"):
        await body(packed, limit=len(packed), content_encoding="gzip")


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "x"])
async def test_encodings_that_are_not_read(encoding: str) -> None:
    with pytest.raises(UnsupportedMedia):
        await body(b"x", content_encoding=encoding)


async def test_what_is_packed_very_small_is_not_unpacked_very_large() -> None:
    for size in (1_048_576, 1_048_577):
        packed = gzip.compress(b"0" * size, 9)
        if size == 1_048_576:
            assert len(await body(packed, limit=20_000_000, content_encoding="gzip")) == size
        else:
            with pytest.raises(TooLarge, match="200 times as large"):
                await body(packed, limit=20_000_000, content_encoding="gzip")


async def test_a_bomb_is_refused_at_the_cap() -> None:
    bomb = gzip.compress(b"0" * 50_000_000, 9)
    assert len(bomb) < 60_000
    with pytest.raises(TooLarge):
        await body(bomb, limit=100_000, content_encoding="gzip")


@pytest.mark.parametrize(
    "data",
    [
        b"no gzip",
        gzip.compress(b"hello", mtime=0)[:-6],
        b"",
        gzip.compress(b"hello", mtime=0) + b"{}",
        gzip.compress(b"hello", mtime=0) + bytes(8),
        2 * gzip.compress(b"hello", mtime=0)[:-6],
        gzip.compress(b"hello", mtime=0) + gzip.compress(b"hello", mtime=0)[:-6],
    ],
)
async def test_broken_compression(data: bytes) -> None:
    with pytest.raises(InvalidRequest):
        await body(data, content_encoding="gzip")


async def test_only_gzip_has_members() -> None:
    with pytest.raises(InvalidRequest, match="something follows"):
        await body(2 * zlib.compress(b"hello"), content_encoding="deflate")


def nested(depth: int, inner: object = 1) -> Any:
    value: Any = inner
    for level in range(depth):
        value = [value] if level % 2 else {"k[{": value}
    return value


@given(st.integers(1, 40), st.integers(1, 40))
def test_depth_is_exact(depth: int, limit: int) -> None:
    data = json.dumps([nested(depth - 1, "]}[{" * 30), *([[]] if depth > 1 else []) * 50]).encode()
    if depth > limit:
        with pytest.raises(InvalidRequest, match="deep"):
            require_depth(data, limit)
    else:
        require_depth(data, limit)


STRINGS = st.text(alphabet='\\"[]{}a', max_size=60)


@given(st.lists(STRINGS, max_size=5))
def test_brackets_in_strings_nest_nothing(texts: list[str]) -> None:
    require_depth(json.dumps(texts).encode(), 1)


@pytest.mark.parametrize(
    "data",
    [
        b"[" * 9 + b'"' + b'\\"' * 500_000,  # a string that never ends
        b"[" * 9 + b'"' + b'\\"' * 500_000 + b"\\",
        b"[" * 9 + b'"a' * 500_000,
        b"[]" * 500_000,
        (b"[" * 8 + b"]" * 8) * 60_000,
    ],
)
def test_hostile_bodies_are_read_once(data: bytes) -> None:
    """A megabyte of each; looking at every byte again for every string takes minutes."""
    began_s = time.process_time()
    with suppress(InvalidRequest):
        require_depth(data, 8)
    assert time.process_time() - began_s < 5


@pytest.mark.parametrize("data", [b"[" * 20_000_000, b"[" * 9 + b'"",' * 7_000_000], ids=["brackets", "strings"])
def test_a_small_bomb_does_not_stop_everybody_for_seconds(data: bytes) -> None:
    """Twenty megabytes, which gzip makes twenty kilobytes of."""
    began_s = time.process_time()
    with pytest.raises(InvalidRequest, match="deep"):
        require_depth(data, 8)
    assert time.process_time() - began_s < 0.8


NESTED = st.recursive(
    st.sampled_from(["", "a", '"', "[", "]]", "\\", '\\"[', "\n{"]) | st.integers(0, 1),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["a", '["']), inner, max_size=3),
    max_leaves=60,
)


def depth_of(value: object) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth_of, value.values()), default=0)  # pyright: ignore[reportUnknownArgumentType] - of whatever JSON
    return 1 + max(map(depth_of, value), default=0) if isinstance(value, list) else 0  # pyright: ignore[reportUnknownArgumentType] - idem


@given(value=NESTED)
def test_depth_of_any_json(value: object) -> None:
    depth, data = depth_of(value), json.dumps([value] * 9).encode()
    require_depth(data, depth + 1)
    if depth:
        with pytest.raises(InvalidRequest, match="deep"):
            require_depth(data, depth)
