"""The outbound gate, and that the transport lets nothing past it: no forbidden address is ever connected to."""

import base64
import ipaddress
import socket
from collections.abc import AsyncGenerator

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from quorate.core.clock import Deadline, SystemClock
from quorate.core.errors import Failure, QuorateError, Rejected, Unavailable
from quorate.core.net import Blocked, OutboundGate
from quorate.providers.aiohttp_transport import AiohttpTransport
from quorate.providers.gated_resolver import GatedResolver
from quorate.providers.http1_names import GatedNames
from quorate.providers.http1_target import read_target
from quorate.providers.http1_transport import Http1Transport
from quorate.providers.transport import HttpRequest, PhaseLimits, Transport, TransportSettings
from raw_server import RawServer, always, raw_server, whole

FOREVER = Deadline(clock=SystemClock())
Kind = type[AiohttpTransport | Http1Transport]


@pytest.fixture(params=[AiohttpTransport, Http1Transport], ids=["aiohttp", "http1"])
def kind(request: pytest.FixtureRequest) -> Kind:
    return request.param


PRIVATE = [
    "http://127.0.0.1/",
    "http://127.1/",
    "http://10.0.0.1/",
    "http://172.16.0.1/",
    "http://192.168.1.1/",
    "http://100.64.0.1/",
    "http://169.254.1.1/",
    "http://0.0.0.0/",
    "http://224.0.0.1/",
    "http://255.255.255.255/",
    "http://192.0.0.8/",
    # decimal, octal, hexadecimal, short forms
    "http://2130706433/",
    "http://017700000001/",
    "http://0177.0.0.1/",
    "http://0x7f000001/",
    "http://0x7f.1/",
    "http://127.0.0.1./",
    # digits of other scripts, which IDNA turns into ASCII
    "http://\uff11\uff12\uff17.\uff10.\uff10.\uff11/",
    "http://①②⑦.⓪.⓪.①/",
    "http://127。0。0。1/",
    # IPv6, and IPv4 inside it
    "http://[::1]/",
    "http://[::]/",
    "http://[fe80::1]/",
    "http://[fe80::1%25lo]/",
    "http://[fc00::1]/",
    "http://[fec0::1]/",
    "http://[ff02::1]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:7f00:1]/",
    "http://[64:ff9b::127.0.0.1]/",
    "http://[2002:7f00:1::]/",
    "http://[::127.0.0.1]/",
]

METADATA = [
    "http://169.254.169.254/latest/meta-data/",
    "http://[::ffff:169.254.169.254]/",
    "http://[64:ff9b::a9fe:a9fe]/",
    "http://2852039166/",
    "http://0xa9fea9fe/",
    "http://169.254.170.2/v2/credentials",
    "http://169.254.170.23/v1/credentials",
    "http://100.100.100.200/",
    "http://168.63.129.16/",
    "http://192.0.0.192/opc/v1/",
    "http://[fd00:ec2::23]/v1/credentials",
    "http://[fd20:ce::254]/",
    "http://[fd00:ec2::254]/",
    "http://metadata.google.internal/computeMetadata/v1/",
    "http://METADATA.google.internal./",
    "http://metadata/",
]

NOT_URLS = [
    "ftp://example.com/",
    "file:///etc/passwd",
    "gopher://example.com/",
    "//example.com/",
    "http://",
    "http:///x",
    "http://example.com:99999/",
    "http://user:pw@example.com/",
    "http://user@example.com/",
    "http://example.com@127.0.0.1/",
    "http://[::1",
]


class Names(AbstractResolver):
    """A resolver with answers of our choice; each look-up takes the next one, and the last one stays."""

    def __init__(self, **answers: list[list[str]]) -> None:
        self.answers = {name.replace("_", "."): list(lists) for name, lists in answers.items()}
        self.asked: list[str] = []

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host=address, port=port, family=socket.AF_INET, proto=0, flags=0)
            for address in await self.addresses(host, port)
        ]

    async def addresses(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        lists = self.answers[host.rstrip(".")]
        return lists.pop(0) if len(lists) > 1 else lists[0]

    async def close(self) -> None:
        pass


async def get(transport: Transport, url: str) -> bytes:
    try:
        async with transport.send(HttpRequest(url=url), PhaseLimits(connect_s=1), FOREVER) as response:
            return await response.read()
    finally:
        await transport.close()


async def refused(transport: Transport, url: str) -> Rejected:
    with pytest.raises(Rejected) as caught:
        await get(transport, url)
    assert caught.value.failure is Failure.BLOCKED
    assert not caught.value.retryable
    return caught.value


@pytest.fixture
async def server() -> AsyncGenerator[RawServer]:
    async with raw_server(always(whole(b"inside"))) as running:
        yield running


@pytest.mark.parametrize("url", [*PRIVATE, *METADATA, *NOT_URLS])
async def test_the_transport_refuses(kind: Kind, url: str) -> None:
    names = Names()
    await refused(kind(OutboundGate(), resolver=names), url)
    assert names.asked == []


@pytest.mark.parametrize("url", METADATA)
async def test_metadata_services_are_refused_even_when_configured(kind: Kind, url: str) -> None:
    await refused(kind(OutboundGate.for_base_urls([url])), url)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_a_configured_private_base_url_works(kind: Kind, server: RawServer, host: str) -> None:
    base = f"http://{host}:{server.port}/v1"
    transport = kind(OutboundGate.for_base_urls([base]))
    assert await get(transport, base + "/chat/completions") == b"inside"


async def test_configured_spellings_of_a_host_are_one(kind: Kind, server: RawServer) -> None:
    base = f"http://LocalHost.:{server.port}/v1"
    names = Names(localhost=[["127.0.0.1"]])
    assert await get(kind(OutboundGate.for_base_urls([base]), resolver=names), base) == b"inside"


async def test_another_port_of_a_configured_host_is_refused(kind: Kind, server: RawServer) -> None:
    gate = OutboundGate.for_base_urls([f"http://127.0.0.1:{server.port}"])
    await refused(kind(gate), "http://127.0.0.1:1/")


async def test_a_name_that_leads_to_a_private_address_is_refused(kind: Kind, server: RawServer) -> None:
    for address in ("127.0.0.1", "::ffff:127.0.0.1", "10.1.2.3", "169.254.169.254", "::1"):
        names = Names(models_example=[[address]])
        error = await refused(kind(OutboundGate(), resolver=names), f"http://models.example:{server.port}/")
        assert "models.example" in error.message or "metadata" in error.message
    assert server.connections == []


async def test_one_private_address_among_public_ones_refuses_the_name(kind: Kind, server: RawServer) -> None:
    names = Names(models_example=[["93.184.216.34", "127.0.0.1"]])
    await refused(kind(OutboundGate(), resolver=names), f"http://models.example:{server.port}/")
    assert server.connections == []


async def test_the_checked_address_is_the_one_connected_to(kind: Kind, server: RawServer) -> None:
    """A name that answers differently the second time (rebinding): the connection asks once, and that is checked."""
    base = f"http://models.example:{server.port}"
    names = Names(models_example=[["127.0.0.1"], ["10.9.9.9"]])
    assert await get(kind(OutboundGate.for_base_urls([base]), resolver=names), base) == b"inside"
    assert names.asked == ["models.example"]


async def test_rebinding_between_requests_is_refused() -> None:
    resolver = GatedResolver(OutboundGate(), inner=Names(models_example=[["93.184.216.34"], ["127.0.0.1"]]))
    assert [found["host"] for found in await resolver.resolve("models.example", 443)] == ["93.184.216.34"]
    with pytest.raises(Blocked, match="not a public address"):
        await resolver.resolve("models.example", 443)
    await resolver.close()


async def test_rebinding_between_requests_is_refused_by_our_own_client() -> None:
    gate = OutboundGate()
    target = read_target("https://models.example/", gate)
    resolver = Names(models_example=[["93.184.216.34"], ["127.0.0.1"]])
    assert await GatedNames(gate, resolver).addresses(target) == ("93.184.216.34",)
    with pytest.raises(Blocked, match="not a public address"):
        await GatedNames(gate, resolver).addresses(target)


async def test_a_redirect_to_a_private_address_is_not_followed(kind: Kind, server: RawServer) -> None:
    moved = whole(b"", 307, "Temporary Redirect", location=f"http://127.0.0.1:{server.port}/secret")
    async with raw_server(always(moved)) as outside:
        transport = kind(OutboundGate.for_base_urls([outside.url]))
        error = await refused(transport, outside.url)
    assert "redirect" in error.message
    assert server.connections == []


async def test_a_proxy_does_not_open_the_gate(server: RawServer) -> None:
    settings = TransportSettings(proxy=server.url)
    await refused(AiohttpTransport(OutboundGate(), settings), "http://10.0.0.1/")
    assert server.connections == []


async def test_a_proxy_by_private_name_works_because_it_is_configured(server: RawServer) -> None:
    settings = TransportSettings(proxy=f"http://proxy.lan:{server.port}")
    names = Names(proxy_lan=[["127.0.0.1"]])
    transport = AiohttpTransport(OutboundGate(), settings, resolver=names)
    assert await get(transport, "http://models.example/v1") == b"inside"
    assert server.requests[0].path == "http://models.example/v1"
    assert names.asked == ["proxy.lan"]


async def test_a_proxy_may_ask_for_a_password(server: RawServer) -> None:
    settings = TransportSettings(proxy=f"http://me:p%40ss@127.0.0.1:{server.port}")
    assert "p%40ss" not in repr(settings)
    assert await get(AiohttpTransport(OutboundGate(), settings), "http://models.example/v1") == b"inside"
    assert server.requests[0].headers["proxy-authorization"] == "Basic " + base64.b64encode(b"me:p@ss").decode()
    assert "authorization" not in server.requests[0].headers


@pytest.mark.parametrize("proxy", ["ftp://me:secret@proxy.lan", "me:secret@proxy.lan", "http://me:secret@:80", ""])
async def test_a_proxy_that_is_no_url_is_refused_without_showing_it(proxy: str) -> None:
    error = await refused(AiohttpTransport(OutboundGate(), TransportSettings(proxy=proxy)), "http://models.example/")
    assert "proxy" in error.message
    assert "secret" not in error.message


async def test_a_proxy_that_cannot_be_reached_is_transient() -> None:
    async with raw_server(always(b"")) as gone:
        settings = TransportSettings(proxy=gone.url)
    with pytest.raises(Unavailable, match="proxy"):
        await get(AiohttpTransport(OutboundGate(), settings), "http://models.example/")


@pytest.mark.parametrize("url", [*PRIVATE, *METADATA])
def test_refusals_say_what_and_why(url: str) -> None:
    try:
        OutboundGate().check_url(url)
    except Blocked as error:
        assert any(word in str(error) for word in ("not a public address", "metadata", "not an http"))  # noqa: PT017 - some spellings show only after normalisation


@pytest.mark.parametrize(
    "address", ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946", "64:ff9b::5db8:d822", "2002:5db8:d822::"]
)
def test_public_addresses_pass(address: str) -> None:
    OutboundGate().check_address(("https", "models.example", 443), address)
    assert ipaddress.ip_address(address)


async def test_a_refusal_is_an_error_of_ours_only(kind: Kind) -> None:
    with pytest.raises(QuorateError) as caught:
        await get(kind(OutboundGate()), "http://[::1]/")
    assert caught.value.__cause__ is None
