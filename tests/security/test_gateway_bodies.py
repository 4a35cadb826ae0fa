"""Bodies from outside: caps that hold before work begins, and fields that would configure what is not the caller's."""

import asyncio
import gzip
import json
import zlib
from collections.abc import Iterator
from typing import Any

import pytest

from gateway_site import Site, chat, site
from quorate.server.top_level import REFUSED
from raw_client import RawClient, Reply
from running_gateway import UPSTREAM_KEY

CHAT = "/v1/chat/completions"
CALLS = {
    CHAT: chat("plain"),
    "/api/v1/chat/completions": chat("plain"),
    "/v1/responses": {"model": "plain", "input": "hi"},
    "/v1/embeddings": {"model": "plain", "input": "hi"},
}
CAP = 200_000


@pytest.fixture(scope="module")
def gateway() -> Iterator[Site]:
    with site(server__max_body_bytes=CAP, server__max_depth=32) as running:
        yield running


async def told(gateway: Site, path: str, body: object, **headers: str) -> Reply:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    async with gateway.client() as client, asyncio.timeout(10):
        return await client.ask("POST", path, body, headers=given)


def asked(gateway: Site) -> int:
    """How many requests the upstream has seen."""
    return len(gateway.upstream.requests("fast"))


@pytest.mark.parametrize("path", CALLS)
async def test_fields_that_would_configure_the_connection(gateway: Site, path: str) -> None:
    before = asked(gateway)
    for name in sorted(REFUSED):
        for body in ({**CALLS[path], name: "http://127.0.0.1:9/"}, {**CALLS[path], "metadata": {name: {"x": "y"}}}):
            reply = await told(gateway, path, body)
            assert reply.status == 400, (name, reply)
            assert name in reply.body.decode()
    assert asked(gateway) == before


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "x-gzip"])
async def test_members_of_a_compressed_body_are_one_body_with_one_cap(gateway: Site, encoding: str) -> None:
    question = json.dumps(chat("plain")).encode()
    halves = gzip.compress(question[:20]) + gzip.compress(question[20:])
    assert (await told(gateway, CHAT, halves, content_encoding=encoding)).status == 200
    half_a_bomb = gzip.compress(b" " * (CAP // 2 + 1))
    assert (await told(gateway, CHAT, 2 * half_a_bomb, content_encoding=encoding)).status == 413
    assert (await told(gateway, CHAT, halves + b"{}", content_encoding=encoding)).status == 400


async def test_identity_is_no_compression_however_it_is_written(gateway: Site) -> None:
    assert (await told(gateway, CHAT, chat("plain"), content_encoding="Identity")).status == 200


SPELLINGS = [
    "API_BASE",
    "apiBase",
    "Api_Key",
    "baseUrl",
    "Authorization",
    "extraHeaders",
    "x-api-key",
    "url",
    "endpoint",
]


async def test_other_spellings_mean_nothing(gateway: Site) -> None:
    """They go to the provider as fields that nobody knows; address and key stay the configured ones."""
    for name in SPELLINGS:
        reply = await told(gateway, CHAT, {**chat("plain"), name: "http://127.0.0.1:9/"})
        assert reply.status == 200
        seen = gateway.upstream.requests("fast")[-1]
        assert seen.json[name] == "http://127.0.0.1:9/"
        assert seen.headers["authorization"] == f"Bearer {UPSTREAM_KEY}"


async def test_headers_of_the_caller_do_not_reach_the_provider(gateway: Site) -> None:
    key = gateway.gateway.key
    await told(gateway, CHAT, chat("plain"), x_evil="1", cookie="a=b", x_api_key=key, openai_organization="o", host="x")
    seen = gateway.upstream.requests("fast")[-1]
    known = {"host", "content-type", "content-length", "accept", "accept-encoding", "authorization", "user-agent"}
    assert set(seen.headers) <= known | {"connection"}
    assert seen.headers["host"].startswith("127.0.0.1:")
    assert key not in json.dumps(seen.headers)


ODD_PLANS: list[dict[str, Any]] = [
    {"models": [{"model": "plain", "apiBase": "http://x"}]},
    {"models": [{"model": "plain", "headers": {}}]},
    {"models": ["plain"], "api_key": "k"},
    {"models": ["plain"], "__class__": 1},
]


@pytest.mark.parametrize("field", ODD_PLANS, ids=range(len(ODD_PLANS)))
async def test_the_plan_takes_no_other_fields(gateway: Site, field: dict[str, Any]) -> None:
    reply = await told(gateway, CHAT, {"messages": chat("x")["messages"], "parallel": field})
    assert (reply.status, reply.json["error"]["type"]) == (400, "invalid_request_error")


@pytest.mark.parametrize("path", CALLS)
async def test_caps(gateway: Site, path: str) -> None:
    before = asked(gateway)
    body = json.dumps({**CALLS[path], "user": "u" * CAP}).encode()
    bomb = gzip.compress(b"[" * 30_000_000, 9)
    deep = b'{"model":"plain","messages":' + b"[" * 40 + b"]" * 40 + b"}"
    for data, headers, status in (
        (body, {}, 413),
        (bomb, {"content_encoding": "gzip"}, 413),
        (zlib.compress(b" " * 30_000_000, 9), {"content_encoding": "deflate"}, 413),
        (deep, {}, 400),
        (b"[" * 100_000, {}, 400),
        (b'{"a":' * 30_000, {}, 400),
        (b'{"a":"' + b'\\"' * 90_000, {}, 400),
        (b'{"model":"plain","messages":[],"n":' + b"9" * 100_000 + b"}", {}, None),
    ):
        reply = await told(gateway, path, data, **headers)
        assert reply.status == status or (status is None and reply.status < 500), (data[:40], reply)
    assert asked(gateway) <= before + 1


async def test_a_declared_length_is_answered_at_once(gateway: Site) -> None:
    """Before a byte of the body was sent."""
    async with gateway.client() as client, asyncio.timeout(10):
        await client.send("POST", CHAT, b"", headers={"content-length": str(CAP + 1)})
        assert (await client.head()).status == 413
    async with gateway.client("") as client, asyncio.timeout(10):
        await client.send("POST", CHAT, b"", headers={"content-length": str(CAP + 1)})
        assert (await client.head()).status in {401, 429}


async def test_a_body_without_length_is_cut_off_at_the_cap(gateway: Site) -> None:
    async with gateway.client() as client, asyncio.timeout(10):
        lines = f"authorization: Bearer {gateway.gateway.key}\r\ncontent-type: application/json\r\n"
        await client.write(f"POST {CHAT} HTTP/1.1\r\nhost: x\r\n{lines}transfer-encoding: chunked\r\n\r\n".encode())
        piece = b" " * 50_000
        for _ in range(5):
            await client.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        assert (await client.head()).status == 413


@pytest.mark.parametrize("path", [*CALLS, "/api/v1/keys"])
async def test_only_json(gateway: Site, path: str) -> None:
    before = asked(gateway)
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "", "text/json"):
        reply = await told(gateway, path, CALLS.get(path, {"name": "n"}), content_type=kind)
        assert reply.status == 415, (kind, reply)
    assert asked(gateway) == before


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "identity, gzip", "compress"])
async def test_encodings(gateway: Site, encoding: str) -> None:
    assert (await told(gateway, CHAT, gzip.compress(b"{}"), content_encoding=encoding)).status == 415


SMUGGLED = [
    b"POST %b HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    b"POST %b HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\ncontent-length: 5\r\n\r\n{}  ",
    b"POST %b HTTP/1.1\r\nhost: x\r\ncontent-length: +4\r\n\r\n{}  ",
    b"POST %b HTTP/1.1\r\nhost: x\r\ntransfer-encoding: xchunked\r\n\r\n0\r\n\r\n",
    b"POST %b HTTP/1.1\r\nhost: x\r\n transfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    b"POST %b HTTP/1.1\r\nhost: x\r\nx: a\r\n\tb: c\x00\r\n\r\n",
]


@pytest.mark.parametrize("request_bytes", SMUGGLED, ids=range(len(SMUGGLED)))
async def test_what_two_servers_could_read_differently(gateway: Site, request_bytes: bytes) -> None:
    async with gateway.client() as client, asyncio.timeout(10):
        await client.write(request_bytes % CHAT.encode())
        assert (await client.head()).status in {0, 400, 401, 415, 429}
    assert (await told(gateway, CHAT, chat("plain"))).status == 200


async def test_what_follows_a_body_is_no_header(gateway: Site) -> None:
    """A key or a content type there has passed every proxy that looks at headers only."""
    body = json.dumps(chat("plain")).encode()
    head = f"POST {CHAT} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n"
    key, kind = f"authorization: Bearer {gateway.gateway.key}\r\n", "content-type: application/json\r\n"
    for before, after, expected in ((kind, key, {401, 429}), (key, kind, {415}), (key + kind, "x-a: b\r\n", {200})):
        async with gateway.client() as client, asyncio.timeout(10):
            await client.write(
                b"%b\r\n%x\r\n%b\r\n0\r\n%b\r\n" % ((head + before).encode(), len(body), body, after.encode())
            )
            assert (await client.head()).status in expected


@pytest.mark.parametrize("key", ["", None], ids=["without a key", "with one"])
async def test_neither_headers_nor_what_follows_a_body_go_on_for_ever(gateway: Site, key: str | None) -> None:
    async with gateway.client(key) as client, asyncio.timeout(10):
        await client.write(b"GET /v1/models HTTP/1.1\r\nhost: x\r\n" + b"x-fill: a\r\n" * 4000)
        assert (await client.head()).status == 431
    for start, more in ((b"0\r\n", b"x-a: b\r\n" * 200), (b"0\r\nx-a: ", b"b" * 1600), (b"2;", b"x" * 1600)):
        async with gateway.client(key) as client, asyncio.timeout(10):
            given = f"authorization: Bearer {gateway.gateway.key}\r\n" if key is None else ""
            head = f"POST {CHAT} HTTP/1.1\r\nhost: x\r\n{given}content-type: application/json\r\n"
            await client.write(head.encode() + b"transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n" + start)
            with pytest.raises(ConnectionError):
                await pour(client, more)


async def pour(client: RawClient, piece: bytes) -> None:
    """Write up to two megabytes, a little at a time."""
    for _ in range(1000):
        await client.write(piece)
        await asyncio.sleep(0.001)
