"""Connections: kept, dropped, shared out; nothing left behind, whoever hangs up and when."""

import asyncio
import gc
import gzip
import socket
import threading
import warnings
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager, suppress

import pytest
import uvloop

from quorate.core.clock import Deadline, SystemClock
from quorate.core.errors import Failure, Malformed, ProviderError, Unavailable
from quorate.core.net import OutboundGate
from quorate.providers.http1_connection import HIGH_WATER_BYTES
from quorate.providers.http1_transport import Http1Transport
from quorate.providers.transport import HttpRequest, PhaseLimits, TransportSettings
from raw_server import STREAM_HEAD, Connection, RawServer, Received, always, chunk, head, raw_server, whole

FOREVER = Deadline(clock=SystemClock())
SHORT = 0.03
EVERYWHERE = OutboundGate(trusted=frozenset(("http", "127.0.0.1", port) for port in range(1024, 65536)))


@asynccontextmanager
async def client(
    settings: TransportSettings | None = None, gate: OutboundGate = EVERYWHERE
) -> AsyncGenerator[Http1Transport]:
    transport = Http1Transport(gate, settings)
    try:
        yield transport
    finally:
        await transport.close()


async def fetch(
    transport: Http1Transport,
    url: str,
    *,
    body: bytes = b"{}",
    method: str = "POST",
    limits: PhaseLimits | None = None,
) -> bytes:
    request = HttpRequest(url=url, body=body, method=method)
    async with transport.send(request, limits or PhaseLimits(), FOREVER) as response:
        return await response.read()


async def turns(count: int = 20) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def until(reached: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not reached():  # noqa: ASYNC110 - what is awaited happens in a server
            await asyncio.sleep(0.001)


# What becomes of a kept connection.


async def test_the_one_used_last_is_used_first() -> None:
    first = asyncio.Event()
    served: list[tuple[str, Connection]] = []

    async def handler(connection: Connection, received: Received) -> None:
        served.append((received.path, connection))
        await first.wait()
        if received.path == "/late":
            await asyncio.sleep(SHORT)
        await connection.send(whole(b"ok"))

    async with raw_server(handler) as server, client() as transport:
        async with asyncio.TaskGroup() as group:
            group.create_task(fetch(transport, server.url + "/late"))
            group.create_task(fetch(transport, server.url + "/soon"))
            await until(lambda: len(served) == 2)
            first.set()
        late = dict(served)["/late"]
        for _ in range(3):
            await fetch(transport, server.url + "/again")
        assert [connection for path, connection in served if path == "/again"] == [late] * 3


@pytest.mark.parametrize("goodbye", ["fin", "reset", "bytes", "answer"])
async def test_what_happens_to_an_idle_connection_ends_it(goodbye: str) -> None:
    async with raw_server(always(whole(b"ok"))) as server, client() as transport:
        await fetch(transport, server.url)
        (kept,) = server.connections
        match goodbye:
            case "fin":
                kept.writer.close()
            case "reset":
                kept.reset()
            case "bytes":
                await kept.send(b"x")
            case _:
                await kept.send(whole(b"nobody asked"))
        await asyncio.wait_for(kept.closed.wait(), 5)
        await asyncio.sleep(0.005)
        assert await fetch(transport, server.url) == b"ok"
        assert len(server.connections) == 2


async def test_bytes_after_the_answer_end_the_connection() -> None:
    async with raw_server(always(whole(b"ok") + b"HTTP/1.1 200 OK\r\n")) as server, client() as transport:
        assert await fetch(transport, server.url) == b"ok"
        assert await fetch(transport, server.url) == b"ok"
        assert len(server.connections) == 2


async def test_idle_connections_grow_old() -> None:
    async with raw_server(always(whole(b"ok"))) as server, client(TransportSettings(keepalive_s=SHORT)) as transport:
        await fetch(transport, server.url)
        await asyncio.wait_for(server.all_closed(), 5)
        assert await fetch(transport, server.url) == b"ok"


async def test_each_grows_old_in_its_own_time() -> None:
    async with (
        raw_server(always(whole(b"a"))) as first,
        raw_server(always(whole(b"b"))) as second,
        client(TransportSettings(keepalive_s=SHORT)) as transport,
    ):
        await fetch(transport, first.url)
        await asyncio.sleep(SHORT / 2)
        await fetch(transport, second.url)
        await asyncio.wait_for(first.all_closed(), 5)
        await asyncio.wait_for(second.all_closed(), 5)


async def test_an_old_connection_is_not_used_even_before_it_was_swept() -> None:
    async with raw_server(always(whole(b"ok"))) as server, client(TransportSettings(keepalive_s=-1)) as transport:
        await fetch(transport, server.url)
        await fetch(transport, server.url)
        assert len(server.connections) == 2


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
async def test_other_methods(method: str) -> None:
    async def handler(connection: Connection, received: Received) -> None:
        await connection.send(head(content_length="2"), b"" if received.method == "HEAD" else b"ok")

    async with raw_server(handler) as server, client() as transport:
        for _ in range(2):
            expected = b"" if method == "HEAD" else b"ok"
            assert await fetch(transport, server.url, method=method, body=b"") == expected


async def test_a_response_outlives_its_connection() -> None:
    async with raw_server(always(whole(b"ok", x="1"))) as server, client() as transport:
        async with transport.send(HttpRequest(url=server.url), PhaseLimits(), FOREVER) as first:
            await first.read()
        server.handler = always(whole(b"no", 404, "Not Found", x="2"))
        await fetch(transport, server.url)
        assert len(server.connections) == 1
        assert (first.status, first.headers["X"]) == (200, "1")


# Who waits for whom.


async def test_who_asked_first_is_served_first() -> None:
    async with (
        raw_server(always(whole(b"ok"))) as server,
        client(TransportSettings(max_connections=2)) as transport,
    ):
        async with asyncio.TaskGroup() as group:
            for number in range(12):
                group.create_task(fetch(transport, f"{server.url}/{number}"))
        assert [request.path for request in server.requests] == [f"/{number}" for number in range(12)]
        assert len(server.connections) == 2


async def test_a_cancelled_turn_goes_to_the_next() -> None:
    release = asyncio.Event()

    async def handler(connection: Connection, received: Received) -> None:
        await release.wait()
        await connection.send(whole(received.path.encode()))

    async with raw_server(handler) as server, client(TransportSettings(max_connections=1)) as transport:
        tasks = [asyncio.create_task(fetch(transport, f"{server.url}/{number}")) for number in range(4)]
        await until(lambda: len(server.requests) == 1)
        tasks[1].cancel()  # while it waits
        release.set()
        await tasks[0]
        tasks[2].cancel()  # when its turn may have come
        assert await tasks[3] == b"/3"
        assert await fetch(transport, server.url + "/after") == b"/after"
        await asyncio.wait(tasks)


async def test_a_turn_that_comes_with_its_cancellation_is_not_lost() -> None:
    async with raw_server(stall) as server, client(TransportSettings(max_connections=1)) as transport:
        async with transport.send(HttpRequest(url=server.url), PhaseLimits(headers_s=None), FOREVER) as response:
            waiting = asyncio.create_task(fetch(transport, server.url))
            await turns()
            assert response.status == 200
        waiting.cancel()  # its turn has come, and it has not run since
        with pytest.raises(asyncio.CancelledError):
            await waiting
        server.handler = always(whole(b"ok"))
        assert await asyncio.wait_for(fetch(transport, server.url), 5) == b"ok"


async def test_a_connection_that_failed_is_not_counted() -> None:
    async with raw_server(always(whole(b"ok"))) as server, client(TransportSettings(max_connections=1)) as transport:
        for _ in range(2):
            with pytest.raises(Unavailable, match="connection failed"):
                await fetch(transport, "http://127.0.0.1:1024")
        assert await asyncio.wait_for(fetch(transport, server.url), 5) == b"ok"


async def test_an_idle_connection_elsewhere_makes_room() -> None:
    async with (
        raw_server(always(whole(b"a"))) as first,
        raw_server(always(whole(b"b"))) as second,
        client(TransportSettings(max_connections=1)) as transport,
    ):
        assert await fetch(transport, first.url) == b"a"
        assert await fetch(transport, second.url) == b"b"
        await asyncio.wait_for(first.all_closed(), 5)
        assert second.open_connections == 1


# Nothing is left behind.


async def stall(connection: Connection, received: Received) -> None:
    await connection.send(STREAM_HEAD, chunk(b"x"))
    await connection.gone()


async def silent(connection: Connection, received: Received) -> None:
    await connection.gone()


@pytest.mark.parametrize("count", range(12))
@pytest.mark.parametrize("handler", [silent, stall, always(whole(b"ok"))], ids=["silent", "stall", "whole"])
async def test_cancelled_at_any_turn(count: int, handler: Callable[[Connection, Received], object]) -> None:
    """After any number of turns of the loop: the connection is closed at once, or it is idle and whole."""
    async with raw_server(handler) as server, client() as transport:  # pyright: ignore[reportArgumentType] - as above
        task = asyncio.create_task(fetch(transport, server.url))
        await turns(count)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await transport.close()
        await asyncio.sleep(0.005)  # a connection nobody waited for may still be on its way into the server
        await asyncio.wait_for(server.all_closed(), 5)


async def test_closing_ends_what_is_under_way_and_what_waits() -> None:
    async with raw_server(stall) as server, client(TransportSettings(max_connections=1)) as transport:
        running = asyncio.create_task(fetch(transport, server.url))
        waiting = asyncio.create_task(fetch(transport, server.url))
        await until(lambda: len(server.requests) == 1)
        await turns()
        await transport.close()
        for task, failure in ((running, Failure.CUT_STREAM), (waiting, Failure.TRANSIENT)):
            with pytest.raises(Unavailable, match="transport was closed") as caught:
                await task
            assert caught.value.failure is failure
        await asyncio.wait_for(server.all_closed(), 5)


async def test_an_error_of_the_callback_closes_the_connection() -> None:
    def fail() -> None:
        raise KeyError("account")

    async with raw_server(silent) as server, client() as transport:
        with pytest.raises(KeyError):
            async with transport.send(HttpRequest(url=server.url), PhaseLimits(), FOREVER, on_sent=fail):
                pass
        await until(lambda: bool(server.connections))
        await asyncio.wait_for(server.all_closed(), 5)
        assert server.requests == []


# Servers that hang up.


def cut_after(sent: Sequence[bytes], *, reset: bool) -> Callable[[Connection, Received], object]:
    async def handler(connection: Connection, received: Received) -> None:
        await connection.send(*sent)
        await asyncio.sleep(0.005)
        if reset:
            connection.writer.transport.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0"
            )
            connection.reset()
        else:
            connection.writer.close()

    return handler


@pytest.mark.parametrize("reset", [False, True], ids=["fin", "reset"])
@pytest.mark.parametrize(
    ("sent", "failure"),
    [
        ((), Failure.TRANSIENT),
        ((b"HTTP/1.1 2",), Failure.TRANSIENT),
        ((b"HTTP/1.1 200 OK\r\nx: ",), Failure.TRANSIENT),
        ((head(100, "Continue"),), Failure.TRANSIENT),
        ((head(content_length="9"),), Failure.CUT_STREAM),
        ((head(content_length="9"), b"12345678"), Failure.CUT_STREAM),
        ((STREAM_HEAD, b"5\r\nhel"), Failure.CUT_STREAM),
        ((STREAM_HEAD, chunk(b"hello"), b"0\r\n"), Failure.CUT_STREAM),
    ],
)
async def test_hanging_up(sent: Sequence[bytes], failure: Failure, reset: bool) -> None:
    async with raw_server(cut_after(sent, reset=reset)) as server, client() as transport:  # pyright: ignore[reportArgumentType] - as above
        with pytest.raises(Unavailable) as caught:
            await fetch(transport, server.url)
        assert caught.value.failure is failure
        assert len(server.requests) == 1


async def test_hanging_up_is_the_end_of_a_body_without_another() -> None:
    async with raw_server(cut_after((head(x="y"), b"hello"), reset=False)) as server, client() as transport:  # pyright: ignore[reportArgumentType] - as above
        assert await fetch(transport, server.url) == b"hello"
    async with raw_server(cut_after((head(x="y"), b"hello"), reset=True)) as server, client() as transport:  # pyright: ignore[reportArgumentType] - as above
        with pytest.raises(Unavailable) as caught:
            await fetch(transport, server.url)
        assert caught.value.failure is Failure.CUT_STREAM


async def test_hanging_up_at_once() -> None:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    async with await asyncio.start_server(greet, "127.0.0.1", 0) as server, client() as transport:
        with pytest.raises(Unavailable) as caught:
            await fetch(transport, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        assert caught.value.failure is Failure.TRANSIENT


async def test_what_came_before_the_cut_is_read_first() -> None:
    async with (
        raw_server(cut_after((STREAM_HEAD, chunk(b"one")), reset=False)) as server,  # pyright: ignore[reportArgumentType] - as above
        client() as transport,
        transport.send(HttpRequest(url=server.url), PhaseLimits(), FOREVER) as response,
    ):
        await asyncio.sleep(0.02)
        chunks = aiter(response)
        assert await anext(chunks) == b"one"
        with pytest.raises(Unavailable):
            await anext(chunks)


# One timer serves the waits of all requests on a connection.


async def test_a_shorter_limit_than_the_last_one_holds() -> None:
    async with raw_server(always(whole(b"ok"))) as server, client() as transport:
        await fetch(transport, server.url)
        server.handler = silent
        with pytest.raises(Unavailable, match=r"response headers within 0\.03 s"):
            await asyncio.wait_for(fetch(transport, server.url, limits=PhaseLimits(headers_s=SHORT)), 5)
        assert len(server.connections) == 1


async def test_a_limit_that_was_kept_does_not_cut_the_next_request() -> None:
    async def late(connection: Connection, received: Received) -> None:
        await asyncio.sleep(3 * SHORT)
        await connection.send(whole(b"late"))

    async with raw_server(always(whole(b"ok"))) as server, client() as transport:
        await fetch(transport, server.url, limits=PhaseLimits(headers_s=SHORT))
        server.handler = late
        assert await fetch(transport, server.url) == b"late"
        assert len(server.connections) == 1


async def test_pieces_in_time_are_not_cut_by_the_time_of_all() -> None:
    async def steady(connection: Connection, received: Received) -> None:
        await connection.send(STREAM_HEAD)
        for _ in range(6):
            await connection.send(chunk(b"x"))
            await asyncio.sleep(SHORT / 2)
        await connection.send(chunk(b""))

    async with raw_server(steady) as server, client() as transport:
        limits = PhaseLimits(first_token_s=SHORT, idle_s=2 * SHORT)
        assert await fetch(transport, server.url, limits=limits) == b"xxxxxx"


async def test_bytes_that_are_no_body_are_no_sign_of_life() -> None:
    async def drip(connection: Connection, received: Received) -> None:
        await connection.send(STREAM_HEAD, chunk(b"x"), b"5;")
        while not connection.writer.is_closing():
            await connection.send(b"y")
            await asyncio.sleep(SHORT / 10)

    async with raw_server(drip) as server, client() as transport:
        with pytest.raises(Unavailable, match="next part"):
            await fetch(transport, server.url, limits=PhaseLimits(idle_s=SHORT, total_s=1.0))


async def compressed_nothing(connection: Connection, received: Received) -> None:
    await connection.send(head(content_encoding="deflate"), b"\x78\x9c")
    with suppress(ConnectionError):
        while not connection.writer.is_closing():
            await connection.send(b"\0\0\0\xff\xff" * 10_000)  # empty blocks


async def test_a_steady_flow_of_nothing_is_ended_by_the_limits() -> None:
    """There is always something to read, so no wait for it ever lasts."""
    async with raw_server(compressed_nothing) as server:
        async with client(TransportSettings(max_response_bytes=2**40)) as transport, asyncio.timeout(10):
            with pytest.raises(Unavailable, match="end of the answer"):
                await fetch(transport, server.url, limits=PhaseLimits(total_s=5 * SHORT))
        async with client(TransportSettings(max_response_bytes=10_000_000)) as transport, asyncio.timeout(10):
            with pytest.raises(Malformed, match="larger than"):
                await fetch(transport, server.url)


async def test_a_compressed_body_that_lacks_its_end_is_malformed() -> None:
    packed = gzip.compress(b"hello")[:-3]
    async with raw_server(always(whole(packed, content_encoding="gzip"))) as server, client() as transport:
        with pytest.raises(Malformed, match="cannot be decoded"):
            await fetch(transport, server.url)


async def test_a_coding_nobody_asked_for_is_malformed() -> None:
    async with raw_server(always(whole(b"hello", content_encoding="br"))) as server, client() as transport:
        with pytest.raises(Malformed, match="'br' was not asked for"):
            await fetch(transport, server.url)
        await asyncio.wait_for(server.all_closed(), 5)


# Bodies larger than what a socket takes.


async def test_an_early_answer_ends_the_sending() -> None:
    """A server that refuses a body it has not read: its answer counts, and the rest is not sent."""

    size = 30_000_000
    received = 0
    gone = asyncio.Event()

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal received
        await reader.readuntil(b"\r\n\r\n")
        writer.write(whole(b"too much", 413, "Content Too Large"))
        with suppress(ConnectionError):
            while piece := await reader.read(65536):
                received += len(piece)
                await asyncio.sleep(0.001)
        writer.close()
        gone.set()

    async with await asyncio.start_server(greet, "127.0.0.1", 0, limit=1024) as server, client() as transport:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        request = HttpRequest(url=url, body=b"x" * size)
        async with transport.send(request, PhaseLimits(), FOREVER) as response:
            assert response.status == 413
            assert await response.read() == b"too much"
        await asyncio.wait_for(gone.wait(), 5)
    assert received < size // 2


async def test_a_body_that_is_read_slowly_arrives_whole() -> None:
    size = 5_000_000
    body = bytes(range(256)) * (size // 256)

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        received = b""
        while len(received) < len(body):
            received += await reader.read(50_000)
            await asyncio.sleep(0)
        writer.write(whole(b"same" if received == body else b"other"))
        writer.close()

    async with await asyncio.start_server(greet, "127.0.0.1", 0, limit=1024) as server, client() as transport:
        assert await fetch(transport, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", body=body) == b"same"


async def test_a_slow_reader_holds_the_provider_up() -> None:
    sent = 0
    size = 64 * 1024 * 1024

    async def handler(connection: Connection, received: Received) -> None:
        nonlocal sent
        await connection.send(head(content_length=str(size)))
        while sent < size:
            connection.writer.write(b"x" * 65536)
            await connection.writer.drain()
            sent += 65536

    settings = TransportSettings(max_response_bytes=2 * size)
    async with raw_server(handler) as server, client(settings) as transport:
        async with transport.send(HttpRequest(url=server.url), PhaseLimits(), FOREVER) as response:
            before = -1
            while sent != before:
                before = sent
                await asyncio.sleep(0.05)
            assert sent < size // 2
            read = 0
            async for piece in response:
                assert len(piece) <= 3 * HIGH_WATER_BYTES
                read += len(piece)
        assert read == size
        server.handler = always(whole(b"ok"))
        assert await fetch(transport, server.url) == b"ok"
        assert len(server.connections) == 1


# Event loops: asyncio's own and uvloop.


class OneAnswer:
    """A server on a thread, so that it outlives event loops; it notes when each of its connections ended."""

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self.ended = threading.Semaphore(0)
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            while connection.recv(65536):
                connection.sendall(whole(b"ok"))
        self.ended.release()

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listening.close()


LOOPS = [asyncio.new_event_loop, uvloop.new_event_loop]


@pytest.mark.parametrize("first", LOOPS)
@pytest.mark.parametrize("second", LOOPS)
def test_a_loop_that_ended_leaves_no_connection_open(
    first: Callable[[], asyncio.AbstractEventLoop], second: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    server = OneAnswer()
    transport = Http1Transport(EVERYWHERE)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # asyncio says that the first loop was closed too early
        with asyncio.Runner(loop_factory=first) as runner:
            assert runner.run(fetch(transport, server.url)) == b"ok"
        with asyncio.Runner(loop_factory=second) as runner:
            assert runner.run(fetch(transport, server.url)) == b"ok"
            assert server.ended.acquire(timeout=5)
            runner.run(transport.close())
            assert server.ended.acquire(timeout=5)
        gc.collect()
    server.close()


async def everything(server: RawServer, transport: Http1Transport) -> None:
    """The paths on which the loops differ: large bodies, limits, cancellation, resets."""
    assert await fetch(transport, server.url + "/whole", body=b"x" * 3_000_000) == b"3000000"
    assert await fetch(transport, server.url + "/whole") == b"2"
    assert len(server.connections) == 1
    with pytest.raises(Unavailable, match="next part"):
        await fetch(transport, server.url + "/stall", limits=PhaseLimits(idle_s=SHORT))
    with pytest.raises(Unavailable, match=r"reset|ended"):
        await fetch(transport, server.url + "/reset")
    task = asyncio.create_task(fetch(transport, server.url + "/stall"))
    await until(lambda: server.requests[-1].path == "/stall" and server.open_connections > 0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(ProviderError, match="connection failed"):
        await fetch(transport, "http://127.0.0.1:1024")


@pytest.mark.parametrize("factory", LOOPS)
def test_both_loops(factory: Callable[[], asyncio.AbstractEventLoop]) -> None:
    async def handler(connection: Connection, received: Received) -> None:
        match received.path:
            case "/whole":
                await connection.send(whole(str(len(received.body)).encode()))
            case "/stall":
                await stall(connection, received)
            case _:
                await connection.send(STREAM_HEAD, chunk(b"x"))
                connection.reset()

    async def main() -> None:
        async with raw_server(handler) as server, client() as transport:
            await everything(server, transport)
            await transport.close()
            await asyncio.wait_for(server.all_closed(), 5)

    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(main())
