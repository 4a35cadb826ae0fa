"""Steps that reach out (`http`, `webhook`) reach nothing but public web servers and what the operator allowed."""

import asyncio
import socket
from collections.abc import Sequence
from functools import partial
from typing import Any

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from flow_step import flow_step
from quorate.core.errors import QuorateError, Rejected
from quorate.flows.executor import StepRejected
from quorate.flows.executors.http import HttpConfig, HttpExecutor
from quorate.flows.executors.webhook import WebhookConfig, WebhookExecutor
from quorate.flows.outgoing_gate import GatedOutgoing
from quorate.providers.aiohttp_transport import AiohttpTransport
from quorate.providers.http1_transport import Http1Transport
from quorate.providers.transport import TransportSettings
from raw_server import Connection, RawServer, Received, always, raw_server, whole

#: Names of others that lead here: what a DNS server of an attacker says.
NAMES = {
    "rebind.example": ["127.0.0.1"],
    "127.0.0.1.nip.example": ["127.0.0.1"],
    "mixed.example": ["93.184.216.34", "10.0.0.1"],
    "meta.example": ["169.254.169.254"],
    "six.example": ["::1"],
    "mapped.example": ["::ffff:10.0.0.1"],
    "localhost": ["127.0.0.1", "::1"],
    "localhost.": ["127.0.0.1"],
    "localtest.example": ["127.0.0.1"],
}

FORBIDDEN = [
    "http://127.0.0.1/",
    "http://127.1:8080/",
    "http://2130706433/",
    "http://0x7f.0.0.1/",
    "http://0x7f000001/",
    "http://0177.0.0.1/",
    "http://017700000001/",
    "http://127.0.0.1./",
    "http://①②⑦.⓪.⓪.①/",
    "http://127。0。0。1/",
    "http://0.0.0.0/",
    "http://0/",
    "http://10.1.2.3/",
    "http://172.16.0.1/",
    "http://192.168.0.1/",
    "http://100.64.0.1/",
    "http://[::1]/",
    "http://[::]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:a9fe:a9fe]/",
    "http://[64:ff9b::7f00:1]/",
    "http://[2002:7f00:1::]/",
    "http://[fe80::1]/",
    "http://[fc00::1]/",
    "http://169.254.169.254/latest/meta-data/",
    "http://2852039166/",
    "http://0xa9fea9fe/",
    "http://[fd00:ec2::254]/",
    "http://metadata.google.internal/",
    "http://metadata/",
    "http://100.100.100.200/",
    *(f"http://{name}/" for name in NAMES),
    "https://rebind.example/",
    # not the web
    "file:///etc/passwd",
    "gopher://127.0.0.1:6379/_FLUSHALL",
    "ftp://example.org/",
    "dict://127.0.0.1:11211/stat",
    "data:text/plain,hello",
    "//127.0.0.1/",
    "127.0.0.1",
    "",
    # somebody else's idea of who is asked
    "http://example.org@127.0.0.1/",
    "http://127.0.0.1@example.org/",
    "http://user:pass@example.org/",
    "http://example.org:80@127.0.0.1:80/",
    "http://example.org\\@127.0.0.1/",
    "http://127.0.0.1\\@example.org/",
    "http://127.0.0.1#@example.org/",
    "http://127.0.0.1?@example.org/",
    # a request inside a request
    "http://example.org/\r\nX: y",
    "http://example.org/ HTTP/1.1\r\nHost: x",
    "http://example.org\r\n.internal/",
    "http://exa\tmple.org/",
    "http://example.org/\0",
    # services that are no web servers
    "http://example.org:22/",
    "http://example.org:25/",
    "http://example.org:6379/",
    "http://example.org:11211/",
    "http://example.org:99999/",
    "http://example.org:port/",
]

#: A header cannot hold the others, or they are paths of the server that redirects.
REDIRECTS = [each for each in FORBIDDEN if each.isprintable() and each.isascii() and ("//" in each or "data:" in each)]


class Names:
    """Looks names up in a table, for our own client."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def addresses(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        if host not in NAMES:
            raise OSError(f"no name {host}")
        return NAMES[host]


class AiohttpNames(AbstractResolver):
    """The same for aiohttp."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host=each, port=port, family=family, proto=0, flags=0)
            for each in await Names().addresses(host, port)
        ]

    async def close(self) -> None:
        return


CLIENTS = {
    "http1": partial(Http1Transport, resolver=Names()),
    "aiohttp": partial(AiohttpTransport, resolver=AiohttpNames()),
}


@pytest.fixture(params=list(CLIENTS))
def client(request: pytest.FixtureRequest) -> Any:
    return CLIENTS[request.param]


async def fetched(outgoing: GatedOutgoing, url: str, **config: Any) -> object:
    try:
        return await HttpExecutor().run(
            HttpConfig.model_validate({"url": url, "timeout": "3s", **config}), flow_step(outgoing=outgoing)
        )
    finally:
        await outgoing.close()


@pytest.mark.parametrize("url", FORBIDDEN)
async def test_no_step_reaches_what_is_not_public(client: Any, url: str) -> None:
    with pytest.raises((Rejected, StepRejected)) as caught:
        await fetched(GatedOutgoing(client), url)
    assert not caught.value.retryable


@pytest.mark.parametrize("url", FORBIDDEN)
async def test_no_webhook_does_either(url: str) -> None:
    outgoing = GatedOutgoing(CLIENTS["http1"])
    with pytest.raises((Rejected, StepRejected)):
        await WebhookExecutor().run(WebhookConfig(url=url), flow_step(outgoing=outgoing))
    await outgoing.close()


def to(location: str) -> bytes:
    return whole(b"", 302, location=location)


@pytest.mark.parametrize("url", REDIRECTS)
async def test_no_redirect_leads_there(client: Any, url: str) -> None:
    async with raw_server(always(to(url))) as inner, raw_server(always(whole(b"inside"))) as private:
        target = url.replace("127.0.0.1/", f"127.0.0.1:{private.port}/")
        inner.handler = always(to(target))
        with pytest.raises(QuorateError):
            await fetched(GatedOutgoing(client, allowed=[inner.url]), inner.url)
        assert private.requests == []


async def test_what_is_allowed_is_one_port_of_one_host(client: Any) -> None:
    async with raw_server(always(whole(b"in"))) as allowed, raw_server(always(whole(b"in"))) as other:
        answer: Any = await fetched(GatedOutgoing(client, allowed=[allowed.url]), f"{allowed.url}/x")
        assert answer.text == "in"
        with pytest.raises(Rejected, match="whoever runs this can allow the address for steps"):
            await fetched(GatedOutgoing(client, allowed=[allowed.url]), other.url)
        with pytest.raises(Rejected):
            await fetched(GatedOutgoing(client, allowed=[allowed.url]), f"http://2130706433:{other.port}/")
    assert other.requests == []


def test_a_metadata_service_cannot_be_allowed() -> None:
    async def ask() -> None:
        await fetched(GatedOutgoing(Http1Transport, allowed=["http://169.254.169.254"]), "http://169.254.169.254/")

    with pytest.raises(Rejected, match="metadata"):
        asyncio.run(ask())


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "a\0b"])
async def test_no_header_brings_another(client: Any, value: str) -> None:
    async with raw_server(always(whole(b""))) as server:
        with pytest.raises((StepRejected, Rejected)):
            await fetched(GatedOutgoing(client, allowed=[server.url]), server.url, headers={"X-A": value})
        assert server.requests == []


async def test_cookies_are_not_kept(client: Any) -> None:
    async with raw_server(always(whole(b"", set_cookie="id=1; Path=/"))) as server:
        outgoing = GatedOutgoing(client, allowed=[server.url])
        for _ in range(2):
            await HttpExecutor().run(HttpConfig(url=server.url), flow_step(outgoing=outgoing))
        await outgoing.close()
    assert ["cookie" in each.headers for each in server.requests] == [False, False]


async def test_proxies_of_the_environment_are_not_used(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async with raw_server(always(whole(b"proxied"))) as proxy, raw_server(always(whole(b"direct"))) as server:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        answer: Any = await fetched(GatedOutgoing(client, allowed=[server.url]), server.url)
    assert (answer.text, proxy.requests) == ("direct", [])


async def test_a_secret_does_not_follow_a_redirect_to_another_server(client: Any) -> None:
    async with raw_server(always(whole(b"mine"))) as other:

        async def leads_away(connection: Connection, received: Received) -> None:
            await connection.send(to(other.url))

        async with raw_server(leads_away) as server:
            outgoing = GatedOutgoing(client, allowed=[server.url, other.url])
            config = {"url": server.url, "bearer": {"secret": "k"}, "headers": {"X-Key": {"secret": "k"}}}
            step = flow_step(outgoing=outgoing, secrets={"k": "s3cret"})
            await HttpExecutor().run(HttpConfig.model_validate(config), step)
            await outgoing.close()
    assert server.requests[0].headers["authorization"] == "Bearer s3cret"
    assert not any("s3cret" in value for value in other.requests[0].headers.values())


async def test_an_answer_that_never_ends_is_cut(client: Any) -> None:
    async with endless() as server:
        settings = TransportSettings(max_response_bytes=10_000_000)
        answer: Any = await fetched(
            GatedOutgoing(client, allowed=[server.url], settings=settings), server.url, max_bytes=50_000
        )
        await server.all_closed()
    assert (len(answer.text), answer.cut) == (50_000, True)


def endless() -> Any:
    async def handler(connection: Connection, received: Received) -> None:
        await connection.send(b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\n")
        while True:
            await connection.send(b"x" * 10_000)

    return raw_server(handler)


def test_the_corpus_finds_a_way_out_that_has_no_gate() -> None:
    """The checker is shown something bad: without the gate, a server here is reached."""

    async def reached() -> RawServer:
        async with raw_server(always(whole(b"inside"))) as server:
            await fetched(GatedOutgoing(Http1Transport, allowed=[server.url]), server.url)
        return server

    assert len(asyncio.run(reached()).requests) == 1
