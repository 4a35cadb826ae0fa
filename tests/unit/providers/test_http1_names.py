"""Look-ups: once for all who ask, checked, kept for a while; every address is tried."""

import asyncio
import socket
from collections.abc import Sequence

import pytest

from quorate.core.clock import Deadline, SystemClock
from quorate.core.errors import Rejected, Unavailable
from quorate.core.net import Blocked, OutboundGate
from quorate.providers import http1_names
from quorate.providers.http1_errors import NoSuchName
from quorate.providers.http1_names import GatedNames, SystemResolver
from quorate.providers.http1_target import read_target
from quorate.providers.http1_transport import Http1Transport
from quorate.providers.transport import HttpRequest, PhaseLimits
from raw_server import always, raw_server, whole

FOREVER = Deadline(clock=SystemClock())
GATE = OutboundGate()
TARGET = read_target("https://models.example/", GATE)


class Slow:
    """Answers when told to."""

    def __init__(self, *answers: Sequence[str] | OSError) -> None:
        self.answers = list(answers)
        self.asked = 0
        self.go = asyncio.Event()

    async def addresses(self, host: str, port: int) -> Sequence[str]:
        self.asked += 1
        await self.go.wait()
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, OSError):
            raise answer
        return answer


async def test_one_look_up_serves_all_who_ask() -> None:
    resolver = Slow(["93.184.216.34"])
    names = GatedNames(GATE, resolver)
    asking = [asyncio.create_task(names.addresses(TARGET)) for _ in range(10)]
    await asyncio.sleep(0)
    resolver.go.set()
    assert await asyncio.gather(*asking) == [("93.184.216.34",)] * 10
    assert await names.addresses(TARGET) == ("93.184.216.34",)
    assert resolver.asked == 1


async def test_another_one_asks_when_the_first_is_cancelled() -> None:
    resolver = Slow(["93.184.216.34"])
    names = GatedNames(GATE, resolver)
    asking = [asyncio.create_task(names.addresses(TARGET)) for _ in range(3)]
    await asyncio.sleep(0)
    asking[0].cancel()
    await asyncio.sleep(0)
    resolver.go.set()
    assert await asyncio.gather(*asking[1:]) == [("93.184.216.34",)] * 2
    assert resolver.asked == 2


async def test_a_failure_is_not_kept() -> None:
    resolver = Slow(OSError(None, "unknown"), ["10.0.0.1"], [], ["93.184.216.34"])
    resolver.go.set()
    names = GatedNames(GATE, resolver)
    with pytest.raises(NoSuchName, match="unknown"):
        await names.addresses(TARGET)
    with pytest.raises(Blocked):
        await names.addresses(TARGET)
    with pytest.raises(NoSuchName):
        await names.addresses(TARGET)
    assert await names.addresses(TARGET) == ("93.184.216.34",)


async def test_an_answer_is_kept_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http1_names, "_KEPT_S", 0.0)
    resolver = Slow(["93.184.216.34"], ["127.0.0.1"])
    resolver.go.set()
    names = GatedNames(GATE, resolver)
    await names.addresses(TARGET)
    with pytest.raises(Blocked):
        await names.addresses(TARGET)


async def test_answers_that_are_no_addresses() -> None:
    resolver = Slow(["models.example"])
    resolver.go.set()
    with pytest.raises(NoSuchName, match="cannot be read"):
        await GatedNames(GATE, resolver).addresses(TARGET)


async def test_the_system_knows_this_machine() -> None:
    assert "127.0.0.1" in await SystemResolver().addresses("127.0.0.1", 80)
    with pytest.raises(OSError, match=r".+"):
        await SystemResolver().addresses("", 80)


@pytest.mark.parametrize("trusted", ["https://bücher.example", "https://xn--bcher-kva.example"])
async def test_spellings_of_a_trusted_name_are_one(trusted: str) -> None:
    gate = OutboundGate.for_base_urls([trusted])
    resolver = Slow(["127.0.0.1"])
    resolver.go.set()
    names = GatedNames(gate, resolver)
    for url in ("https://bücher.example/", "https://xn--bcher-kva.example/"):
        assert await names.addresses(read_target(url, gate)) == ("127.0.0.1",)
    with pytest.raises(Blocked):
        await names.addresses(read_target("http://bücher.example/", gate))


async def test_every_address_is_tried() -> None:
    async with raw_server(always(whole(b"ok"))) as server:
        base = f"http://models.example:{server.port}"
        resolver = Slow(["127.0.0.9", "::1", "127.0.0.1"])
        resolver.go.set()
        transport = Http1Transport(OutboundGate.for_base_urls([base]), resolver=resolver)
        async with transport.send(HttpRequest(url=base), PhaseLimits(), FOREVER) as response:
            assert await response.read() == b"ok"
        assert server.requests[0].headers["host"] == f"models.example:{server.port}"
        await transport.close()


async def test_an_ipv6_server_is_reached_by_its_address() -> None:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(whole(b"six"))
        writer.close()

    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    try:
        server = await asyncio.start_server(greet, "::1", 0)
    except OSError:
        pytest.skip("no IPv6 here")
    async with server:
        base = f"http://[::1]:{server.sockets[0].getsockname()[1]}/"
        transport = Http1Transport(OutboundGate.for_base_urls([base]))
        async with transport.send(HttpRequest(url=base), PhaseLimits(), FOREVER) as response:
            assert await response.read() == b"six"
        await transport.close()


@pytest.mark.parametrize("limit_s", [0.02])
async def test_a_look_up_counts_as_connecting(limit_s: float) -> None:
    transport = Http1Transport(GATE, resolver=Slow(["93.184.216.34"]))
    with pytest.raises(Unavailable, match="no connection within"):
        async with transport.send(HttpRequest(url="https://models.example"), PhaseLimits(connect_s=limit_s), FOREVER):
            pass
    await transport.close()


async def test_a_name_too_long_for_dns_is_refused() -> None:
    transport = Http1Transport(GATE)
    with pytest.raises(Rejected, match="cannot be sent"):
        async with transport.send(HttpRequest(url=f"https://{'a' * 70}.example"), PhaseLimits(), FOREVER):
            pass
    await transport.close()
