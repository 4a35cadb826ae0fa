"""What every program here does: it runs flows when it is told to on standard input, and says how long they took.

`latency N` runs N flows one after the other, `throughput N C` N flows, C at a time; the answer is one line of JSON with
seconds. Imports nothing of ours: it runs in another environment.
"""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable

Flow = Callable[[], Awaitable[object]]


async def serve(flow: Flow) -> None:
    await flow()  # whatever is made at the first run
    print(json.dumps({"ready": True}), flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        command, *numbers = line.split()
        counts = [int(number) for number in numbers]
        took_s = await (_latency(flow, counts[0]) if command == "latency" else _throughput(flow, counts[0], counts[1]))
        print(json.dumps({"seconds": took_s}), flush=True)


async def _latency(flow: Flow, count: int) -> list[float]:
    took_s: list[float] = []
    for _ in range(count):
        began_s = time.perf_counter()
        await flow()
        took_s.append(time.perf_counter() - began_s)
    return took_s


async def _throughput(flow: Flow, count: int, concurrency: int) -> list[float]:
    left = iter(range(count))

    async def work() -> None:
        for _ in left:
            await flow()

    began_s = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(concurrency)))
    return [time.perf_counter() - began_s]
