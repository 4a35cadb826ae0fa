"""What a request costs in the HTTP client: CPU time and time to the first piece, our own client beside aiohttp.

The provider is a canned loopback server in a process of its own. The clients take turns within one run, and the
figures are the median of the rounds. Without uvloop, asyncio's own loop is measured.
"""

import asyncio
import multiprocessing
import multiprocessing.connection
import time
from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from importlib.util import find_spec
from typing import cast

from bench.report import Row, p50, p95
from quorate.core.clock import Deadline, SystemClock
from quorate.core.net import OutboundGate
from quorate.providers.aiohttp_transport import AiohttpTransport
from quorate.providers.http1_transport import Http1Transport
from quorate.providers.transport import HttpRequest, PhaseLimits, Transport

ROUNDS = 7
REQUESTS = 2048
CONCURRENCY = 64
STREAMS = 64
STREAM_ROUNDS = 5
PIECES = 20
PIECE_EVERY_S = 0.020
ANSWER = b'{"id":"x","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"' + (
    b"word " * 100 + b'"},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":100}}'
)
BODY = b'{"model":"m","messages":[{"role":"user","content":"What is the capital of France?"}]}'
HEADERS = {"content-type": "application/json", "authorization": "Bearer key", "accept": "application/json"}


class Canned(asyncio.Protocol):
    """Answers each request at once, or with a slow stream if its path says so."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._left = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by name

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        if not data.startswith(b"POST /stream"):
            head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-request-id: 1\r\ncontent-length: %d\r\n\r\n"
            self._transport.write(head % len(ANSWER) + ANSWER)
            return
        self._transport.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        self._left = PIECES
        self._piece()

    def _piece(self) -> None:
        assert self._transport is not None
        if self._transport.is_closing():
            return
        if not self._left:
            self._transport.write(b"0\r\n\r\n")
            return
        data = b"data: %.6f\n\n" % time.monotonic()
        self._transport.write(b"%x\r\n%b\r\n" % (len(data), data))
        self._left -= 1
        asyncio.get_running_loop().call_later(PIECE_EVERY_S, self._piece)


def _serve(pipe: multiprocessing.connection.Connection) -> None:
    async def main() -> None:
        server = await asyncio.get_running_loop().create_server(Canned, "127.0.0.1", 0)
        pipe.send(server.sockets[0].getsockname()[1])
        await asyncio.to_thread(pipe.recv)

    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(main())


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    if find_spec("uvloop") is None:
        return None
    from uvloop import new_event_loop  # noqa: PLC0415 - optional dependency

    return new_event_loop


@contextmanager
def _provider() -> Generator[int]:
    """Give the port of a canned provider that runs in its own process."""
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=_serve, args=(theirs,), daemon=True)
    process.start()
    theirs.close()  # so that a child that died is the end of the pipe, and nothing to wait for
    try:
        yield ours.recv()
    finally:
        ours.send(None)
        process.join()


class Bare(asyncio.Protocol):
    """The reference: sends the same bytes and looks at nothing but that something came back."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.waiter: asyncio.Future[bytes] | None = None
        self.ended = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if self.waiter is not None:
            self.waiter.set_result(data)
            self.waiter = None
        if data.endswith(b"0\r\n\r\n"):
            self.ended.set()

    async def ask(self, path: str) -> None:
        assert self.transport is not None
        self.waiter = asyncio.get_running_loop().create_future()
        head = "".join(f"{name}: {value}\r\n" for name, value in HEADERS.items())
        line = f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {len(BODY)}\r\n{head}\r\n"
        self.transport.write(line.encode() + BODY)
        await self.waiter


class Client:
    """Asks by way of a transport, or of bare connections for `None`."""

    def __init__(self, url: str, transport: Transport | None) -> None:
        self._url = url
        self._transport = transport
        self._bare: list[Bare] = []

    async def ask(self) -> None:
        """Return when the whole answer has been read."""
        if self._transport is None:
            async with self._borrowed() as bare:
                await bare.ask("/chat")
            return
        request = HttpRequest(url=f"{self._url}/chat", headers=HEADERS, body=BODY)
        async with self._transport.send(request, PhaseLimits(), _deadline()) as response:
            body = await response.read()
            assert len(body) == len(ANSWER)

    async def first_piece_ms(self) -> float:
        """Return the time from the request to the first piece of a stream, and read the rest of it."""
        began_s = time.perf_counter()
        if self._transport is None:
            async with self._borrowed() as bare:
                bare.ended.clear()
                await bare.ask("/stream")
                took_s = time.perf_counter() - began_s
                await bare.ended.wait()
            return took_s * 1000
        request = HttpRequest(url=f"{self._url}/stream", headers=HEADERS, body=BODY)
        async with self._transport.send(request, PhaseLimits(), _deadline()) as response:
            pieces = aiter(response)
            await anext(pieces)
            took_s = time.perf_counter() - began_s
            async for _ in pieces:
                pass
        return took_s * 1000

    async def close(self) -> None:
        if self._transport is not None:
            await self._transport.close()
        for bare in self._bare:
            assert bare.transport is not None
            bare.transport.abort()

    @asynccontextmanager
    async def _borrowed(self) -> AsyncGenerator[Bare]:
        if not self._bare:
            host, _, port = self._url.removeprefix("http://").partition(":")
            _, bare = await asyncio.get_running_loop().create_connection(Bare, host, int(port))
        else:
            bare = self._bare.pop()
        yield bare
        self._bare.append(bare)


def _deadline() -> Deadline:
    return Deadline.after(SystemClock(), 600.0)


async def _cpu_us(client: Client) -> float:
    """Return the CPU time of this process per request."""
    left = iter(range(REQUESTS))

    async def work() -> None:
        for _ in left:
            await client.ask()

    began_s = time.process_time()
    await asyncio.gather(*(work() for _ in range(CONCURRENCY)))
    return (time.process_time() - began_s) / REQUESTS * 1e6


async def _first_pieces_ms(client: Client) -> list[float]:
    """Return the times to the first piece while `STREAMS` streams run, begun one after another."""

    async def work(delay_s: float) -> list[float]:
        await asyncio.sleep(delay_s)
        return [await client.first_piece_ms() for _ in range(STREAM_ROUNDS)][1:]

    spread_s = PIECES * PIECE_EVERY_S / STREAMS
    per_stream = await asyncio.gather(*(work(number * spread_s) for number in range(STREAMS)))
    return [took_ms for taken in per_stream for took_ms in taken]


async def _measure(port: int) -> list[Row]:
    url = f"http://127.0.0.1:{port}"
    gate = OutboundGate.for_base_urls([url])
    clients = {
        "own": Client(url, Http1Transport(gate)),
        "aiohttp": Client(url, AiohttpTransport(gate)),
        "bare": Client(url, None),
    }
    cpu_us: dict[str, list[float]] = {name: [] for name in clients}
    first_ms: dict[str, list[float]] = {name: [] for name in clients}
    for client in clients.values():
        await _cpu_us(client)
    for _ in range(ROUNDS):
        for name, client in clients.items():
            cpu_us[name].append(await _cpu_us(client))
    for name, client in clients.items():
        first_ms[name] = await _first_pieces_ms(client)
        await client.close()
    return [*_cpu_rows(cpu_us), *_first_rows(first_ms)]


def _cpu_rows(cpu_us: dict[str, list[float]]) -> Iterator[Row]:
    bare = p50(cpu_us["bare"])
    for name, values in cpu_us.items():
        yield Row(name=f"CPU per request at {CONCURRENCY}, {name}", value=p50(values), unit="us", note=_note(name))
    yield Row(name="CPU per request, own, above bare", value=p50(cpu_us["own"]) - bare, unit="us", target=30)
    yield Row(name="CPU per request, aiohttp, above bare", value=p50(cpu_us["aiohttp"]) - bare, unit="us")


def _first_rows(first_ms: dict[str, list[float]]) -> Iterator[Row]:
    bare = p50(first_ms["bare"])
    for name, values in first_ms.items():
        yield Row(name=f"first piece, {STREAMS} streams, {name}, p50", value=p50(values), unit="ms", note=_note(name))
        yield Row(name=f"first piece, {STREAMS} streams, {name}, p95", value=p95(values), unit="ms", note=_note(name))
    yield Row(name="first piece, own, above bare, p50", value=p50(first_ms["own"]) - bare, unit="ms", target=0.5)


def _note(name: str) -> str:
    return "sockets alone, nothing parsed" if name == "bare" else ""


async def _bare_us(port: int) -> list[float]:
    client = Client(f"http://127.0.0.1:{port}", None)
    figures = [await _cpu_us(client) for _ in range(ROUNDS + 1)]
    await client.close()
    return figures[1:]


def bare_exchange_us() -> float:
    """Return the CPU time of one request over bare sockets: how fast this machine is today, about a second."""
    with _provider() as port, asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return p50(runner.run(_bare_us(port)))


def run() -> Iterable[Row]:
    with _provider() as port, asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(_measure(port))
