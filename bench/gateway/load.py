"""The load generator, a process of its own: `python -m bench.gateway.load < JOB` prints a report.

Every latency is taken here, at the caller. uvloop's timers count in milliseconds, so a single wait is off by up to one;
all sides of a comparison are off in the same way, which is why medians of interleaved rounds are compared.
"""

import asyncio
import sys
import time
from array import array
from collections import Counter, deque
from collections.abc import Sequence
from urllib.parse import urlsplit

import msgspec
import uvloop

from bench.gateway.client import Connection, connect
from bench.gateway.job import Job, Report

_CONNECTING_AT_ONCE = 100


class Samples:
    """A live object: what was measured so far, in seconds."""

    def __init__(self) -> None:
        self.latencies = array("d")
        self.firsts = array("d")
        self.late = array("d")
        self.errors: Counter[str] = Counter()
        self.count = 0


class Caller:
    """A live object: sends the bodies of a job together, again and again, over connections of its own."""

    def __init__(self, load: "Load", connections: Sequence[Connection]) -> None:
        self._load = load
        self._connections = connections
        self._open = 0
        self._due_s = 0.0
        self._first_s = 0.0
        self._error = ""
        for connection in connections:
            connection.on_done = self._answered

    def begin(self, due_s: float) -> None:
        self._open = len(self._connections)
        self._due_s, self._error, self._first_s = due_s, "", 0.0
        for connection, request in zip(self._connections, self._load.requests, strict=True):
            connection.send(request)

    @property
    def alive(self) -> bool:
        return all(connection.alive for connection in self._connections)

    def close(self) -> None:
        for connection in self._connections:
            connection.close()

    def _answered(self, connection: Connection) -> None:
        self._open -= 1
        self._error = self._error or connection.error
        self._first_s = max(self._first_s, connection.first_s)
        if not self._open:
            now_s = time.perf_counter()
            first_s = self._first_s - self._due_s if self._first_s else 0.0
            self._load.finished(self, now_s - self._due_s, first_s, self._error)


class Load:
    """A live object: one run of a job."""

    def __init__(self, job: Job) -> None:
        address = urlsplit(job.url)
        self._host, self._port = address.hostname or "127.0.0.1", address.port or 80
        self._job = job
        self._loop = asyncio.get_running_loop()
        self.requests = [_request(job, bytes(body)) for body in job.bodies]
        self._samples = Samples()
        self._ends_s = 0.0
        self._left = job.requests or sys.maxsize
        self._under_way = 0
        self._idle: deque[Caller] = deque()
        self._over = asyncio.Event()
        self._lost: deque[Caller] = deque()
        self._reconnect = asyncio.Event()

    async def run(self) -> Report:
        job = self._job
        callers = await self._callers(job.concurrency)
        began_s = time.perf_counter()
        self._ends_s = began_s + job.seconds
        mending = self._loop.create_task(self._mend())
        try:
            if job.loop == "open":
                self._idle.extend(callers)
                await self._send_on_time(began_s)
            else:
                for position, caller in enumerate(callers):
                    self._loop.call_later(job.spread_s * position / len(callers), self._again, caller)
            await asyncio.wait_for(self._over.wait(), job.seconds + job.timeout_s)
        except TimeoutError:
            self._samples.errors["never answered"] += self._under_way
        finally:
            mending.cancel()
        seconds = time.perf_counter() - began_s
        for caller in (*callers, *self._idle):
            caller.close()
        return _report(self._samples, seconds)

    def finished(self, caller: Caller, latency_s: float, first_s: float, error: str) -> None:
        samples = self._samples
        samples.count += 1
        if error:
            samples.errors[error] += 1
        else:
            samples.latencies.append(latency_s)
            if first_s:
                samples.firsts.append(first_s)
        self._under_way -= 1
        if not caller.alive:
            self._lost.append(caller)
            self._reconnect.set()
        elif self._job.loop == "open":
            self._idle.append(caller)
        else:
            self._again(caller)
        self._check_end()

    def _again(self, caller: Caller) -> None:
        if self._left > 0 and time.perf_counter() < self._ends_s:
            self._left -= 1
            self._under_way += 1
            caller.begin(time.perf_counter())
        else:
            self._check_end()

    def _check_end(self) -> None:
        if not self._under_way and (self._left <= 0 or time.perf_counter() >= self._ends_s):
            self._over.set()

    async def _send_on_time(self, began_s: float) -> None:
        count = round(self._job.rate * self._job.seconds)
        for number in range(count):
            due_s = began_s + number / self._job.rate
            wait_s = due_s - time.perf_counter()
            if wait_s > 0:
                await asyncio.sleep(wait_s)
            caller = self._idle.popleft() if self._idle else (await self._callers(1))[0]
            self._under_way += 1
            self._samples.late.append(time.perf_counter() - due_s)
            caller.begin(due_s)
        self._left = 0
        self._check_end()

    async def _callers(self, count: int) -> list[Caller]:
        gate = asyncio.Semaphore(_CONNECTING_AT_ONCE)

        async def one() -> Caller:
            async with gate:
                connections = [await connect(self._host, self._port, stream=self._job.stream) for _ in self.requests]
            return Caller(self, connections)

        return await asyncio.gather(*(one() for _ in range(count)))

    async def _mend(self) -> None:
        """Replace callers whose connection was closed."""
        while True:
            await self._reconnect.wait()
            self._reconnect.clear()
            while self._lost:
                self._lost.popleft().close()
                (caller,) = await self._callers(1)
                if self._job.loop == "open":
                    self._idle.append(caller)
                else:
                    self._again(caller)


def _request(job: Job, body: bytes) -> bytes:
    host = urlsplit(job.url).netloc
    key = f"authorization: Bearer {job.key}\r\n" if job.key else ""
    return (
        f"POST {job.path} HTTP/1.1\r\nhost: {host}\r\n{key}content-type: application/json\r\n"
        f"content-length: {len(body)}\r\n\r\n"
    ).encode() + body


def _report(samples: Samples, seconds: float) -> Report:
    latencies = sorted(samples.latencies)
    firsts, late = sorted(samples.firsts), sorted(samples.late)
    return Report(
        requests=samples.count,
        errors=dict(samples.errors),
        seconds=seconds,
        per_s=samples.count / seconds if seconds > 0 else 0.0,
        p50_ms=_at(latencies, 0.5),
        p90_ms=_at(latencies, 0.9),
        p99_ms=_at(latencies, 0.99),
        max_ms=_at(latencies, 1.0),
        first_p50_ms=_at(firsts, 0.5),
        first_p99_ms=_at(firsts, 0.99),
        late_p99_ms=_at(late, 0.99),
    )


def _at(values: Sequence[float], share: float) -> float:
    """Return a quantile in milliseconds, 0 if there is nothing."""
    return values[min(len(values) - 1, int(len(values) * share))] * 1000 if values else 0.0


async def _main() -> None:
    job = msgspec.json.decode(sys.stdin.buffer.read(), type=Job)
    report = await Load(job).run()
    print(msgspec.json.encode(report).decode(), flush=True)


if __name__ == "__main__":
    uvloop.run(_main())
