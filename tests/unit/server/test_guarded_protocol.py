"""One connection: its header cap, its time to send them, and the word when it is lost."""

import asyncio
import gc
import weakref
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest
import uvicorn

from patience import until
from quorate.server import guarded_protocol
from quorate.server.guarded_protocol import MAX_HEADER_BYTES, GuardedProtocol
from quorate.server.hangup import Hangup
from quorate.server.inbound import Receive, Scope, Send


class Application:
    """A live application: answers `ok`, or waits to be left at `/wait`."""

    def __init__(self) -> None:
        self.left = asyncio.Event()
        self.waiting = asyncio.Event()
        self.paths: list[str] = []
        self.body = b""
        self.headers: list[tuple[bytes, bytes]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.paths.append(scope["path"])
        if scope["path"] == "/refuse":
            await send({"type": "http.response.start", "status": 413, "headers": [(b"content-length", b"0")]})
            await send({"type": "http.response.body", "body": b""})
            return
        if scope["path"] == "/pieces":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            for piece in (b"a", b"", b"bc"):
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body"})
            return
        if scope["path"] == "/pour":
            await self._pour(scope, receive, send)
            return
        more = True
        while more:
            message = await receive()
            self.body += message.get("body", b"")
            more = message.get("more_body", False)
        self.headers = list(scope["headers"])
        if scope["path"] == "/wait":
            async with Hangup(scope, receive):
                self.waiting.set()
                await asyncio.Event().wait()
            self.left.set()
            return
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})

    async def _pour(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Write until the caller has left."""
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        async with Hangup(scope, receive):
            self.waiting.set()
            while True:
                await send({"type": "http.response.body", "body": b"x" * 65_536, "more_body": True})
                await asyncio.sleep(0)
        self.left.set()


class Port:
    """A live client of the application on a real socket."""

    def __init__(self, application: Application, config: uvicorn.Config, connections: set[Any], port: int) -> None:
        self.application = application
        self.config = config
        self.connections = connections
        self._port = port

    @asynccontextmanager
    async def connected(self) -> AsyncGenerator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            yield reader, writer
        finally:
            writer.close()
            await asyncio.sleep(0)

    async def status_of(self, *pieces: bytes) -> int:
        async with self.connected() as (reader, writer):
            for piece in pieces:
                writer.write(piece)
                await asyncio.sleep(0.001)  # another segment for the server
            return await status(reader)


async def status(reader: asyncio.StreamReader) -> int:
    """The status of the next answer; 0 if the connection ends."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return 0
    return int(head.split(b" ")[1])


@pytest.fixture
async def port() -> AsyncIterator[Port]:
    application = Application()
    loop = asyncio.get_running_loop()
    config = uvicorn.Config(application, http=GuardedProtocol, ws="none", lifespan="off", log_config=None)
    config.load()
    server = uvicorn.Server(config)

    def protocol() -> Any:
        return GuardedProtocol(config=config, server_state=server.server_state, app_state={}, _loop=loop)

    listening = await loop.create_server(protocol, "127.0.0.1", 0)
    yield Port(application, config, server.server_state.connections, listening.sockets[0].getsockname()[1])
    listening.close()
    for connection in list(server.server_state.connections):
        connection.transport.abort()
    await until(lambda: not server.server_state.connections and not server.server_state.tasks, every_s=0)
    await listening.wait_closed()


def head(size: int, path: str = "/", more: str = "") -> bytes:
    """The head of a request, `size` bytes long."""
    start = f"GET {path} HTTP/1.1\r\nhost: x\r\n{more}x-fill: ".encode()
    return start + b"a" * (size - len(start) - 4) + b"\r\n\r\n"


async def test_headers_up_to_the_cap(port: Port) -> None:
    whole = head(MAX_HEADER_BYTES)
    assert await port.status_of(whole) == 200
    assert await port.status_of(whole[:20_000], whole[20_000:]) == 200
    assert await port.status_of(whole[:-1], whole[-1:]) == 200


async def test_headers_beyond_the_cap(port: Port) -> None:
    for size in (MAX_HEADER_BYTES + 5, 60_000):
        assert await port.status_of(head(size)) == 431
    assert await port.status_of(head(MAX_HEADER_BYTES + 5)[:-4], b"\r\n\r\n") == 431
    assert port.application.paths == []


async def test_headers_without_end(port: Port) -> None:
    async with port.connected() as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\n")
        writer.write(b"x-a: b\r\n" * 10_000)
        assert await status(reader) == 431
        assert await reader.read() == b"the headers are larger than 32768 bytes"


async def test_a_body_does_not_count(port: Port) -> None:
    body = b"b" * 200_000
    request = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(body)
    assert await port.status_of(request + body) == 200
    assert await port.status_of(request, body[:1000], body[1000:]) == 200
    large = head(MAX_HEADER_BYTES, more=f"content-length: {len(body)}\r\n")
    assert await port.status_of(large + body) == 200


CHUNKED = b"POST %b HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n"


async def test_what_follows_a_body_is_no_header(port: Port) -> None:
    request, trailer = CHUNKED % b"/", b"0\r\nauthorization: Bearer x\r\nexpect: 100-continue\r\n\r\n"
    for pieces in ([request + trailer], [request, trailer]):
        async with port.connected() as (reader, writer):
            for _ in range(2):
                for piece in pieces:
                    writer.write(piece)
                    await asyncio.sleep(0.01)
                assert await status(reader) == 200
                assert await reader.readexactly(2) == b"ok"
                assert port.application.headers == [(b"host", b"x"), (b"transfer-encoding", b"chunked")]


@pytest.mark.parametrize(
    ("start", "more"),
    [(b"0\r\n", b"x-a: b\r\n" * 200), (b"0\r\nx-a: ", b"b" * 1600), (b"2;", b"x" * 1600)],
    ids=["many trailers", "one trailer", "an extension of a chunk"],
)
@pytest.mark.parametrize(("path", "expected"), [(b"/", 431), (b"/refuse", 413)])
async def test_what_follows_a_body_has_its_cap(
    port: Port, start: bytes, more: bytes, path: bytes, expected: int
) -> None:
    async with port.connected() as (reader, writer):
        writer.write(CHUNKED % path + start)
        await asyncio.sleep(0.01)
        with pytest.raises(ConnectionError):
            await asyncio.wait_for(_sending_for_ever(writer, more), 5)
        assert await status(reader) in {expected, 0}  # 0: reset before it was read


async def test_a_body_that_does_not_come(port: Port, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guarded_protocol, "BODY_TIME_S", 0.05)
    async with port.connected() as (reader, writer):
        writer.write(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\na")
        assert await status(reader) == 408
        assert (await asyncio.wait_for(reader.read(), 5)).startswith(b"the body did not come")


async def test_a_refusal_does_not_stand_in_place_of_an_earlier_answer(port: Port) -> None:
    async with port.connected() as (reader, writer):
        writer.write(head(100, "/wait"))
        await port.application.waiting.wait()
        writer.write(head(60_000))
        assert await status(reader) == 0


async def test_one_connection_many_requests(port: Port) -> None:
    async with port.connected() as (reader, writer):
        for _ in range(5):
            writer.write(head(20_000))
            assert await status(reader) == 200
            assert await reader.readexactly(2) == b"ok"
        writer.write(head(MAX_HEADER_BYTES + 9))
        assert await status(reader) == 431


async def test_a_connection_is_kept_for_a_while_after_each_answer(port: Port) -> None:
    loop, answered_s, port.config.timeout_keep_alive = asyncio.get_running_loop(), 0.0, 1
    async with port.connected() as (reader, writer):
        for _ in range(3):
            writer.write(head(100))
            assert await status(reader) == 200
            assert await reader.readexactly(2) == b"ok"
            answered_s = loop.time()
            await asyncio.sleep(0.5)
        assert await asyncio.wait_for(reader.read(), 5) == b""
        assert 0.9 < loop.time() - answered_s < 4


async def test_a_connection_that_is_answered_is_not_idle(port: Port) -> None:
    port.config.timeout_keep_alive = 1
    async with port.connected() as (reader, writer):
        writer.write(head(100))
        assert await status(reader) == 200
        assert await reader.readexactly(2) == b"ok"
        writer.write(head(100, "/wait"))
        await port.application.waiting.wait()
        await asyncio.sleep(1.3)
        assert not port.application.left.is_set()
        writer.transport.abort()
        await asyncio.wait_for(port.application.left.wait(), 5)


async def test_a_lost_connection_leaves_nothing_to_the_garbage_collector(port: Port) -> None:
    gc.collect()
    gc.disable()
    try:
        async with port.connected() as (reader, writer):
            writer.write(head(100))
            assert await status(reader) == 200
            lost = weakref.ref(next(iter(port.connections)))
            assert lost() is not None
        await until(lambda: lost() is None, every_s=0)
    finally:
        gc.enable()


async def test_who_leaves_is_noticed(port: Port) -> None:
    async with port.connected() as (_, writer):
        writer.write(head(100, "/wait"))
        await port.application.waiting.wait()
        writer.transport.abort()
        await asyncio.wait_for(port.application.left.wait(), 5)


async def test_a_connection_that_says_nothing_is_closed(port: Port, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guarded_protocol, "HEADER_TIME_S", 0.05)
    async with port.connected() as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nhost:")
        assert await asyncio.wait_for(reader.read(), 5) == b""


async def test_what_is_no_http(port: Port) -> None:
    assert await port.status_of(b"\x16\x03\x01\x02\x00") == 400
    assert await port.status_of(b"GET /\x00 HTTP/1.1\r\n\r\n") == 400
    assert await port.status_of(b"GET / HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nx") == 400
    assert await port.status_of(b"POST / HTTP/1.1\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n") == 400


@pytest.mark.parametrize("more", ["", "connection: close\r\n"])
async def test_who_is_refused_while_still_sending_reads_the_answer(port: Port, more: str) -> None:
    """Closed at once, the connection would be reset under what is still on its way."""
    size = 8 * 2**20
    async with port.connected() as (reader, writer):
        writer.write(f"POST /refuse HTTP/1.1\r\nhost: x\r\n{more}content-length: {size}\r\n\r\n".encode())
        for _ in range(8):
            writer.write(b"x" * 2**20)
            await writer.drain()
            await asyncio.sleep(0.01)
        assert await status(reader) == 413
        if more:
            assert await asyncio.wait_for(reader.read(), 5) == b""
        else:
            writer.write(head(100))
            assert await status(reader) == 200


async def test_who_is_refused_may_not_go_on_for_ever(port: Port, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guarded_protocol, "LINGER_S", 0.05)
    async with port.connected() as (reader, writer):
        writer.write(b"POST /refuse HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n")
        assert await status(reader) == 413
        with pytest.raises(ConnectionError):
            await asyncio.wait_for(_sending_for_ever(writer, b"1\r\nx\r\n"), 5)


async def _sending_for_ever(writer: asyncio.StreamWriter, piece: bytes) -> None:
    while True:
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(0.005)


async def test_who_reads_nothing_is_left(port: Port, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guarded_protocol, "STALLED_S", 0.05)
    async with port.connected() as (_, writer):
        cast("asyncio.ReadTransport", writer.transport).pause_reading()
        writer.write(head(100, "/pour"))
        await asyncio.wait_for(port.application.left.wait(), 5)


async def test_later_headers_have_their_time_as_well(port: Port, monkeypatch: pytest.MonkeyPatch) -> None:
    async with port.connected() as (reader, writer):
        writer.write(head(100))
        assert await status(reader) == 200
        assert await reader.readexactly(2) == b"ok"
        monkeypatch.setattr(guarded_protocol, "HEADER_TIME_S", 0.05)
        writer.write(b"GET / HTTP/1.1\r\nhost:")
        assert await asyncio.wait_for(reader.read(), 5) == b""


@pytest.mark.parametrize("cut", [10, 90, 190, 230])
async def test_an_offer_of_another_protocol_is_passed_over(port: Port, cut: int) -> None:
    """Java's client offers HTTP/2 with every request on a connection that is not encrypted."""
    offer = (
        b"connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAA\r\n"
    )
    request = b"POST / HTTP/1.1\r\nhost: x\r\n" + offer + b"content-length: 40\r\n\r\n"
    request += b"a" * 40
    async with port.connected() as (reader, writer):
        for _ in range(2):
            writer.write(request[:cut])
            await asyncio.sleep(0.001)
            writer.write(request[cut:])
            assert await status(reader) == 200
            assert await reader.readexactly(2) == b"ok"
    assert port.application.body == b"a" * 80
    assert (
        await port.status_of(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n") == 200
    )
    assert await port.status_of(b"CONNECT x:1 HTTP/1.1\r\nhost: x\r\n\r\n") == 400


async def test_a_thousand_offers_at_once_are_a_thousand_requests(port: Port) -> None:
    request = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: a\r\n\r\n"
    async with port.connected() as (reader, writer):
        writer.write(request * 1200)
        for _ in range(1200):
            assert await status(reader) == 200
            assert await reader.readexactly(2) == b"ok"


@pytest.mark.parametrize(
    "host", ["x", "X.example:8080", "a_b-c.example.", "127.0.0.1:1", "[::1]:8080", "[::1]", "", " x "]
)
async def test_a_request_names_its_host(port: Port, host: str) -> None:
    assert await port.status_of(f"GET / HTTP/1.1\r\nhost: {host}\r\n\r\n".encode()) == 200


@pytest.mark.parametrize(
    ("hosts", "why"),
    [
        ("", b"no header Host"),
        ("host: x\r\nHost: x\r\n", b"more than one"),
        ("host: x\r\na: b\r\nhost: y\r\n", b"more than one"),
        ("host: a b\r\n", b"names no host"),
        ("host: x/y\r\n", b"names no host"),
        ("host: x@y\r\n", b"names no host"),
        ("host: x:port\r\n", b"names no host"),
        ("host: [::1\r\n", b"names no host"),
        ("host: x, y z\r\n", b"names no host"),
        ("host: \u00fc\r\n", b"names no host"),
        ("host: x\r\nhost: y\r\nconnection: upgrade\r\nupgrade: h2c\r\n", b"more than one"),
    ],
)
@pytest.mark.parametrize("earlier", ["", "GET /earlier HTTP/1.1\r\nhost: x\r\n\r\n"])
async def test_one_host_that_is_one(port: Port, earlier: str, hosts: str, why: bytes) -> None:
    request = f"GET /refused HTTP/1.1\r\n{hosts}\r\n".encode()
    async with port.connected() as (reader, writer):
        if earlier:
            writer.write(earlier.encode())
            assert await status(reader) == 200
            assert await reader.readexactly(2) == b"ok"
        writer.write(request)
        answer = await asyncio.wait_for(reader.read(), 5)
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert why in answer
    assert "/refused" not in port.application.paths


async def test_old_clients_need_not_name_a_host_but_not_two(port: Port) -> None:
    assert await port.status_of(b"GET / HTTP/1.0\r\n\r\n") == 200
    assert await port.status_of(b"GET / HTTP/1.0\r\nhost: x\r\nhost: x\r\n\r\n") == 400
    async with port.connected() as (reader, writer):
        writer.write(b"GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n")
        assert await status(reader) == 200
        assert await reader.readexactly(2) == b"ok"
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        assert await status(reader) in {0, 400}
    assert len(port.application.paths) == 2


async def test_what_is_no_request_does_not_stand_in_place_of_an_earlier_answer(port: Port) -> None:
    for refused in (b"GET / HTTP/1.1\r\n\r\n", b"nonsense\r\n\r\n"):
        async with port.connected() as (reader, writer):
            writer.write(b"GET /wait HTTP/1.1\r\nhost: x\r\n\r\n" + refused)
            assert await asyncio.wait_for(reader.read(), 5) == b""


async def test_old_clients_get_no_chunks(port: Port) -> None:
    for path, body in (("/pieces", b"abc"), ("/", b"ok")):
        async with port.connected() as (reader, writer):
            writer.write(f"GET {path} HTTP/1.0\r\nconnection: keep-alive\r\n\r\n".encode())
            answer, _, rest = (await asyncio.wait_for(reader.read(), 5)).partition(b"\r\n\r\n")
            assert b"chunked" not in answer
            assert rest == body
