"""What every Transport promises, over real connections; parametrised over the implementations."""

import asyncio
import gzip
import shutil
import socket
import ssl
import subprocess
import zlib
from collections.abc import AsyncGenerator, Awaitable, Callable

import aiohttp
import aiohttp.client_exceptions
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.client_reqrep import ConnectionKey
from aiohttp.http_exceptions import BadStatusLine
from rich.pretty import pretty_repr

from quorate.core.clock import Deadline, ManualClock, SystemClock
from quorate.core.errors import (
    DeadlineExceeded,
    Failure,
    Malformed,
    ProviderError,
    QuorateError,
    Rejected,
    Unavailable,
)
from quorate.core.net import Blocked, OutboundGate
from quorate.providers.aiohttp_errors import RAISED, provider_error
from quorate.providers.aiohttp_transport import AiohttpTransport
from quorate.providers.http1_transport import Http1Transport
from quorate.providers.transport import HttpRequest, HttpResponse, PhaseLimits, Transport, TransportSettings
from raw_server import STREAM_HEAD, Connection, Received, always, chunk, head, raw_server, whole
from standard_errors import derived

Make = Callable[..., Transport]
FOREVER = Deadline(clock=SystemClock())
SHORT = 0.05


def aiohttp_transport(url: str, settings: TransportSettings | None = None) -> Transport:
    return AiohttpTransport(OutboundGate.for_base_urls([url]), settings)


def http1_transport(url: str, settings: TransportSettings | None = None) -> Transport:
    return Http1Transport(OutboundGate.for_base_urls([url]), settings)


@pytest.fixture(params=[aiohttp_transport, http1_transport], ids=["aiohttp", "http1"])
async def make(request: pytest.FixtureRequest) -> AsyncGenerator[Make]:
    made: list[Transport] = []

    def build(url: str, settings: TransportSettings | None = None) -> Transport:
        made.append(request.param(url, settings))
        return made[-1]

    yield build
    for transport in made:
        await transport.close()


async def read(response: HttpResponse) -> bytes:
    return await response.read()


async def poured(response: HttpResponse) -> bytes:
    """The body, poured out; every third chunk interrupts it."""
    chunks: list[bytes] = []

    def into(data: bytes) -> bool:
        assert data
        chunks.append(data)
        response.began()
        return len(chunks) % 3 != 0

    while await response.pour(into):
        pass
    return b"".join(chunks)


#: The ways to read a body.
Take = Callable[[HttpResponse], Awaitable[bytes]]
WAYS = pytest.mark.parametrize("take", [read, poured])


async def fetch(
    transport: Transport,
    url: str,
    *,
    limits: PhaseLimits | None = None,
    deadline: Deadline = FOREVER,
    body: bytes = b"{}",
    take: Take = read,
) -> bytes:
    request = HttpRequest(url=url, body=body, headers={"content-type": "application/json"})
    async with transport.send(request, limits or PhaseLimits(), deadline) as response:
        return await take(response)


async def test_sends_the_request_as_it_is(make: Make) -> None:
    async with raw_server(always(whole(b"ok"))) as server:
        request = HttpRequest(url=server.url + "/v1/x?a=b", body=b"body", headers={"x-key": "k", "content-type": "a/b"})
        async with make(server.url).send(request, PhaseLimits(), FOREVER) as response:
            assert response.status == 200
            assert response.headers["Content-Length"] == "2"
            assert await response.read() == b"ok"
        (received,) = server.requests
    assert (received.method, received.path, received.body) == ("POST", "/v1/x?a=b", b"body")
    assert received.headers["x-key"] == "k"
    assert received.headers["user-agent"] == "quorate"
    assert "cookie" not in received.headers


async def test_a_large_body_goes_out_without_a_warning(make: Make) -> None:
    async with raw_server(always(whole(b"ok"))) as server:
        await fetch(make(server.url), server.url, body=b"x" * 3_000_000)
        assert len(server.requests[0].body) == 3_000_000


async def test_a_connection_is_used_again(make: Make) -> None:
    async with raw_server(always(whole(b"ok"))) as server:
        transport = make(server.url)
        for _ in range(3):
            await fetch(transport, server.url)
        assert len(server.connections) == 1
        assert len(server.requests) == 3


async def test_no_cookie_is_kept(make: Make) -> None:
    async with raw_server(always(whole(b"ok", set_cookie="a=b"))) as server:
        transport = make(server.url)
        await fetch(transport, server.url)
        await fetch(transport, server.url)
        assert "cookie" not in server.requests[1].headers


async def test_chunks_come_as_they_are_sent(make: Make) -> None:
    read = asyncio.Event()

    async def handler(connection: Connection, received: Received) -> None:
        await connection.send(STREAM_HEAD, chunk(b"one"))
        await read.wait()
        await connection.send(chunk(b"two"), chunk(b""))

    async with (
        raw_server(handler) as server,
        make(server.url).send(HttpRequest(url=server.url), PhaseLimits(), FOREVER) as response,
    ):
        chunks = aiter(response)
        assert await anext(chunks) == b"one"
        read.set()
        assert [data async for data in chunks] == [b"two"]


async def test_a_body_is_poured_as_it_is_sent(make: Make) -> None:
    pieces = [b"%d" % number for number in range(8)]
    heard = asyncio.Semaphore(0)

    async def handler(connection: Connection, received: Received) -> None:
        await connection.send(STREAM_HEAD)
        for piece in pieces:
            await connection.send(chunk(piece))
            await heard.acquire()
        await connection.send(chunk(b""))

    told: list[bytes] = []

    def into(data: bytes) -> bool:
        told.append(data)
        heard.release()
        return data != b"4"

    async with raw_server(handler) as server:
        transport = make(server.url)
        async with transport.send(HttpRequest(url=server.url), PhaseLimits(), FOREVER) as response:
            assert await response.pour(into)
            assert told == pieces[:5]
            assert not await response.pour(into)
            assert not await response.pour(into)
        assert told == pieces
        async with transport.send(HttpRequest(url=server.url), PhaseLimits(), FOREVER):
            assert len(server.connections) == 1  # it was whole, so its connection serves the next one
        for _ in pieces:
            heard.release()


async def test_an_error_of_whoever_is_poured_to_ends_it(make: Make) -> None:
    def into(data: bytes) -> bool:
        raise LookupError(data)

    async with raw_server(drip) as server:
        with pytest.raises(LookupError):
            async with make(server.url).send(HttpRequest(url=server.url), PhaseLimits(), FOREVER) as response:
                await response.pour(into)
        await server.all_closed()


async def test_the_idle_limit_counts_from_the_last_piece(make: Make) -> None:
    """Pieces that come in time for longer than the limit, then none: the wait was begun long ago, and still counts."""
    sent_at: list[float] = []

    async def handler(connection: Connection, received: Received) -> None:
        await connection.send(STREAM_HEAD)
        await asyncio.sleep(0.1)  # the wait begins with the limit of the first token, a minute
        for _ in range(10):
            await connection.send(chunk(b"x"))
            sent_at.append(asyncio.get_running_loop().time())
            await asyncio.sleep(0.1)
        await connection.gone()

    limits = PhaseLimits(idle_s=0.5)
    async with raw_server(handler) as server:
        transport = make(server.url)
        chunks: list[bytes] = []

        def into(data: bytes) -> bool:
            response.began()
            chunks.append(data)
            return True

        async with transport.send(HttpRequest(url=server.url), limits, FOREVER) as response:
            with pytest.raises(Unavailable, match=r"no next part of the answer within 0\.5 s"):
                await response.pour(into)
        waited_s = asyncio.get_running_loop().time() - sent_at[-1]
    assert b"".join(chunks) == b"x" * 10
    assert 0.4 < waited_s < 5


async def stall(connection: Connection, received: Received) -> None:
    await connection.gone()


async def stall_after_headers(connection: Connection, received: Received) -> None:
    await connection.send(STREAM_HEAD)
    await connection.gone()


async def stall_after_a_chunk(connection: Connection, received: Received) -> None:
    await connection.send(STREAM_HEAD, chunk(b"x"))
    await connection.gone()


async def drip(connection: Connection, received: Received) -> None:
    await connection.send(STREAM_HEAD)
    while not connection.writer.is_closing():
        await connection.send(chunk(b"x"))
        await asyncio.sleep(SHORT / 10)


@WAYS
@pytest.mark.parametrize(
    ("handler", "limits", "named"),
    [
        (stall, PhaseLimits(headers_s=SHORT), "response headers"),
        (stall_after_headers, PhaseLimits(first_token_s=SHORT), "first token"),
        (stall_after_headers, PhaseLimits(headers_s=SHORT), "first token"),
        (stall_after_a_chunk, PhaseLimits(idle_s=SHORT), "next part"),
        (drip, PhaseLimits(total_s=SHORT), "end of the answer"),
        (stall, PhaseLimits(total_s=SHORT), "end of the answer"),
    ],
)
async def test_each_phase_has_its_limit(
    make: Make, handler: Callable[[Connection, Received], object], limits: PhaseLimits, named: str, take: Take
) -> None:
    async with raw_server(handler) as server:  # pyright: ignore[reportArgumentType] - parametrised handlers
        with pytest.raises(Unavailable, match=named) as caught:
            await fetch(make(server.url), server.url, limits=limits, take=take)
        assert caught.value.failure is Failure.SILENCE
        await server.all_closed()


async def test_connecting_has_its_limit(make: Make) -> None:
    async with raw_server(stall_after_headers) as server:
        transport = make(server.url, TransportSettings(max_connections=1))
        async with transport.send(HttpRequest(url=server.url), PhaseLimits(), FOREVER):
            with pytest.raises(Unavailable, match="no connection within") as caught:
                await fetch(transport, server.url, limits=PhaseLimits(connect_s=SHORT))
    assert caught.value.failure is Failure.TRANSIENT


async def test_the_calls_deadline_is_told_apart(make: Make) -> None:
    async with raw_server(stall) as server:
        with pytest.raises(DeadlineExceeded):
            await fetch(make(server.url), server.url, deadline=Deadline.after(SystemClock(), SHORT))
    clock = ManualClock()
    past = Deadline.after(clock, 0)
    with pytest.raises(DeadlineExceeded):
        await fetch(make("http://127.0.0.1:9"), "http://127.0.0.1:9", deadline=past)


@WAYS
async def test_the_deadline_ends_a_body(make: Make, take: Take) -> None:
    async with raw_server(drip) as server:
        with pytest.raises(DeadlineExceeded):
            await fetch(make(server.url), server.url, deadline=Deadline.after(SystemClock(), SHORT), take=take)
        await server.all_closed()


async def test_sent_is_told_when_the_connection_stands(make: Make) -> None:
    told: list[str] = []
    async with raw_server(always(whole(b"ok"))) as server:
        transport = make(server.url)
        for _ in range(2):  # a new connection, a kept one
            async with transport.send(
                HttpRequest(url=server.url), PhaseLimits(), FOREVER, on_sent=lambda: told.append("sent")
            ) as response:
                await response.read()
    with pytest.raises(Unavailable) as caught:
        async with transport.send(
            HttpRequest(url=server.url), PhaseLimits(), FOREVER, on_sent=lambda: told.append("refused")
        ):
            pass
    assert told == ["sent", "sent"]
    assert caught.value.failure is Failure.TRANSIENT


async def test_leaving_early_closes_the_connection(make: Make) -> None:
    async with raw_server(stall_after_a_chunk) as server:
        async with make(server.url).send(HttpRequest(url=server.url), PhaseLimits(), FOREVER) as response:
            await anext(aiter(response))
        await asyncio.wait_for(server.all_closed(), 1)


async def test_cancelling_closes_the_connection_at_once(make: Make) -> None:
    begun = asyncio.Event()

    async def handler(connection: Connection, received: Received) -> None:
        begun.set()
        await connection.gone()

    async with raw_server(handler) as server:
        task = asyncio.create_task(fetch(make(server.url), server.url))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        for _ in range(20):  # turns of the loop, not time
            await asyncio.sleep(0)
        assert server.open_connections == 0


async def test_a_body_that_is_not_read_is_not_waited_for(make: Make) -> None:
    async def handler(connection: Connection, received: Received) -> None:
        await connection.send(head(content_length="1000000"), b"x")
        await connection.gone()

    async with raw_server(handler) as server:
        with pytest.raises(ValueError, match="enough"):
            async with make(server.url).send(HttpRequest(url=server.url), PhaseLimits(), FOREVER):
                raise ValueError("enough")
        await asyncio.wait_for(server.all_closed(), 1)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308, 300, 304])
async def test_redirects_are_refused_and_not_followed(make: Make, status: int) -> None:
    location = "https://user:pw@elsewhere.example/secret?token=1"
    async with raw_server(always(whole(b"", status, "Moved", location=location))) as server:
        with pytest.raises(Rejected, match=r"redirects to 'https://elsewhere.example'") as caught:
            await fetch(make(server.url), server.url)
        assert len(server.requests) == 1
    assert caught.value.failure is Failure.BLOCKED
    assert "token" not in caught.value.message


@WAYS
async def test_a_body_that_ends_early_is_cut(make: Make, take: Take) -> None:
    for pieces in [(head(content_length="10"), b"short"), (STREAM_HEAD, chunk(b"short"))]:

        async def handler(connection: Connection, received: Received, pieces: tuple[bytes, ...] = pieces) -> None:
            await connection.send(*pieces)
            connection.writer.close()

        async with raw_server(handler) as server:
            with pytest.raises(Unavailable) as caught:
                await fetch(make(server.url), server.url, take=take)
        assert caught.value.failure is Failure.CUT_STREAM


@WAYS
async def test_a_reset_body_is_cut(make: Make, take: Take) -> None:
    async def handler(connection: Connection, received: Received) -> None:
        await connection.send(STREAM_HEAD, chunk(b"short"))
        await asyncio.sleep(0.01)
        connection.reset()

    async with raw_server(handler) as server:
        with pytest.raises(Unavailable) as caught:
            await fetch(make(server.url), server.url, take=take)
    assert caught.value.failure is Failure.CUT_STREAM


async def test_a_reset_before_the_answer_is_transient_and_sent_once(make: Make) -> None:
    async def handler(connection: Connection, received: Received) -> None:
        connection.reset()

    async with raw_server(handler) as server:
        with pytest.raises(Unavailable) as caught:
            await fetch(make(server.url), server.url)
        assert len(server.requests) == 1
    assert caught.value.failure is Failure.TRANSIENT


async def test_a_stale_kept_connection_is_transient_and_sent_once(make: Make) -> None:
    async def handler(connection: Connection, received: Received) -> None:
        if len(server.requests) == 2:
            connection.reset()
        else:
            await connection.send(whole(b"ok"))

    async with raw_server(handler) as server:
        transport = make(server.url)
        await fetch(transport, server.url)
        with pytest.raises(Unavailable) as caught:
            await fetch(transport, server.url)
        assert (len(server.connections), len(server.requests)) == (1, 2)
        assert await fetch(transport, server.url) == b"ok"
    assert caught.value.failure is Failure.TRANSIENT


@pytest.mark.parametrize(
    "answer",
    [
        b"not http at all\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        head(content_length="x"),
        head(x="y" * 100_000),
        STREAM_HEAD + b"zz\r\nab\r\n",
        whole(b"this is no gzip", content_encoding="gzip"),
    ],
    ids=["no http", "status", "length", "header size", "chunk size", "gzip"],
)
async def test_bytes_that_are_not_http_are_malformed(make: Make, answer: bytes) -> None:
    async def handler(connection: Connection, received: Received) -> None:
        await connection.send(answer)
        connection.writer.close()

    async with raw_server(handler) as server:
        with pytest.raises(Malformed):
            await fetch(make(server.url), server.url)


@WAYS
async def test_compressed_bodies_are_decompressed(make: Make, take: Take) -> None:
    for name, data in [("gzip", gzip.compress(b"hello")), ("deflate", zlib.compress(b"hello"))]:
        async with raw_server(always(whole(data, content_encoding=name))) as server:
            assert await fetch(make(server.url), server.url, take=take) == b"hello"


@WAYS
async def test_the_size_limit_counts_decompressed_bytes(make: Make, take: Take) -> None:
    bomb = gzip.compress(b"\0" * 50_000_000)
    assert len(bomb) < 60_000
    async with raw_server(always(whole(bomb, content_encoding="gzip"))) as server:
        transport = make(server.url, TransportSettings(max_response_bytes=100_000))
        with pytest.raises(Malformed, match="larger than 100000 bytes"):
            await fetch(transport, server.url, take=take)
        await server.all_closed()
    async with raw_server(always(whole(b"x" * 100_001))) as server:
        with pytest.raises(Malformed, match="larger than 100000 bytes"):
            await fetch(make(server.url, TransportSettings(max_response_bytes=100_000)), server.url, take=take)


async def test_lingering_ends_quietly(make: Make) -> None:
    async with (
        raw_server(stall_after_a_chunk) as server,
        make(server.url).send(HttpRequest(url=server.url), PhaseLimits(), FOREVER) as response,
    ):
        chunks = aiter(response)
        await anext(chunks)
        response.linger(SHORT)
        assert [data async for data in chunks] == []


async def test_lingering_forgives_a_cut(make: Make) -> None:
    async def handler(connection: Connection, received: Received) -> None:
        await connection.send(STREAM_HEAD, chunk(b"x"))
        await asyncio.sleep(0.01)
        connection.reset()

    async with (
        raw_server(handler) as server,
        make(server.url).send(HttpRequest(url=server.url), PhaseLimits(), FOREVER) as response,
    ):
        chunks = aiter(response)
        await anext(chunks)
        response.linger(1)
        assert [data async for data in chunks] == []


async def test_a_closed_transport_refuses(make: Make) -> None:
    async with raw_server(always(whole(b"ok"))) as server:
        transport = make(server.url)
        await fetch(transport, server.url)
        await transport.close()
        with pytest.raises(Unavailable):
            await fetch(transport, server.url)
        await server.all_closed()


@pytest.mark.parametrize("kind", [AiohttpTransport, Http1Transport])
def test_one_transport_serves_loops_one_after_another(kind: type[AiohttpTransport | Http1Transport]) -> None:
    async def once(transport: Transport, port: int) -> tuple[bytes, int]:
        async with raw_server(always(whole(b"ok"))) as server:
            return await fetch(transport, server.url), port

    gate = OutboundGate(trusted=frozenset(("http", "127.0.0.1", port) for port in range(1024, 65536)))
    transport = kind(gate)
    assert asyncio.run(once(transport, 0))[0] == b"ok"
    assert asyncio.run(once(transport, 0))[0] == b"ok"
    asyncio.run(transport.close())


async def test_headers_that_http_forbids_are_refused(make: Make) -> None:
    async with raw_server(always(whole(b"ok"))) as server:
        for headers in ({"x-key": "a\r\nx-other: b"}, {"x-key": "a\0"}):
            with pytest.raises(Rejected, match="cannot be sent"):
                async with make(server.url).send(HttpRequest(url=server.url, headers=headers), PhaseLimits(), FOREVER):
                    pass
        assert server.requests == []


class NoName(AbstractResolver):
    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        raise OSError(None, "Name or service not known")

    async def addresses(self, host: str, port: int) -> list[str]:
        raise OSError(None, "Name or service not known")

    async def close(self) -> None:
        pass


@pytest.mark.parametrize("kind", [AiohttpTransport, Http1Transport])
async def test_a_name_that_cannot_be_looked_up_is_transient(kind: type[AiohttpTransport | Http1Transport]) -> None:
    transport = kind(OutboundGate(), resolver=NoName())
    with pytest.raises(Unavailable, match="looked up") as caught:
        await fetch(transport, "https://models.example/v1")
    assert caught.value.failure is Failure.TRANSIENT
    await transport.close()


async def test_a_bad_ca_file_is_told(make: Make) -> None:
    transport = make("https://127.0.0.1:1", TransportSettings(ca_file="/nonexistent/ca.pem"))
    with pytest.raises(Rejected, match="ca_file"):
        await fetch(transport, "https://127.0.0.1:1")


async def test_plain_http_on_a_tls_url_fails_cleanly(make: Make) -> None:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(whole(b"plain", 400, "Bad Request"))
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(greet, "127.0.0.1", 0) as server:
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        with pytest.raises(Unavailable, match="TLS"):
            await fetch(make(url), url)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """(certificate, key) files of a certificate for 127.0.0.1 that nobody but itself vouches for."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("needs the openssl command to make a certificate")
    folder = tmp_path_factory.mktemp("tls")
    files = (str(folder / "cert.pem"), str(folder / "key.pem"))
    made = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=127.0.0.1", "-days", "2"]
    names = ["-addext", "subjectAltName=IP:127.0.0.1", "-out", files[0], "-keyout", files[1]]
    subprocess.run([openssl, "req", "-x509", *made, *names], check=True, capture_output=True)
    return files


async def test_certificates_are_checked(make: Make, certificate: tuple[str, str]) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*certificate)
    async with raw_server(always(whole(b"ok")), tls=context) as server:
        with pytest.raises(Rejected, match="certificate") as caught:
            await fetch(make(server.url), server.url)
        assert caught.value.failure is Failure.BLOCKED
        assert server.requests == []
        assert await fetch(make(server.url, TransportSettings(ca_file=certificate[0])), server.url) == b"ok"
        assert await fetch(make(server.url, TransportSettings(verify=False)), server.url) == b"ok"


# Every exception class that the layers below define becomes one of ours.

KEY = ConnectionKey("host", 1, False, True, None, None, None)


def instance(kind: type[BaseException]) -> BaseException:
    """An exception of the class, however it wants to be made."""
    error = kind.__new__(kind)
    if isinstance(error, aiohttp.ClientConnectorError):
        OSError.__init__(error, 5, "reason")
        error._os_error = OSError(5, "reason")  # pyright: ignore[reportPrivateUsage] - built without its constructor
    return error


def classes(module: object) -> list[type[Exception]]:
    return [value for value in vars(module).values() if isinstance(value, type) and issubclass(value, Exception)]


LOWER = [
    *classes(aiohttp.client_exceptions),
    *classes(aiohttp.http_exceptions),
    *classes(ssl),
    *derived(OSError, ConnectionError),
    OSError,
    TimeoutError,
    asyncio.IncompleteReadError,
    ValueError,
    RuntimeError,
    TypeError,
    Blocked,
]


@pytest.mark.parametrize("in_body", [False, True])
@pytest.mark.parametrize("kind", sorted(set(LOWER), key=str), ids=str)
def test_every_lower_exception_has_a_meaning(kind: type[Exception], in_body: bool) -> None:
    assert issubclass(kind, RAISED), f"{kind} would escape"
    error = provider_error(instance(kind), in_body=in_body)  # pyright: ignore[reportArgumentType] - an Exception by LOWER
    assert isinstance(error, ProviderError)
    assert error.message


@pytest.mark.parametrize(
    ("error", "kind", "failure"),
    [
        (
            aiohttp.ClientConnectorError(KEY, ConnectionRefusedError(111, "Connection refused")),
            Unavailable,
            "transient",
        ),
        (aiohttp.ServerDisconnectedError(), Unavailable, "transient"),
        (aiohttp.ClientConnectorCertificateError(KEY, ssl.SSLCertVerificationError("x")), Rejected, "blocked"),
        (aiohttp.InvalidURL("x"), Rejected, "blocked"),
        (BadStatusLine("x"), Malformed, "malformed"),
        (TimeoutError(), Unavailable, "transient"),
        (Blocked("no"), Rejected, "blocked"),
    ],
)
def test_meanings(error: Exception, kind: type[QuorateError], failure: str) -> None:
    ours = provider_error(error, in_body=False)
    assert type(ours) is kind
    assert ours.failure == failure


def test_requests_do_not_show_their_secrets() -> None:
    request = HttpRequest(url="https://a.example", headers={"authorization": "Bearer sk-1"}, body=b"prompt")
    for shown in (repr(request), pretty_repr(request)):  # rich has a protocol of its own
        assert "a.example" in shown
        assert "sk-1" not in shown
        assert "prompt" not in shown
