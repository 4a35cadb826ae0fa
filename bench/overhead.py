"""What the engine adds to the branch it waits for, beside the same waits in bare asyncio.

A shared virtual core that has been idle for more than a millisecond or two runs the next instructions several times
slower, whoever they belong to; the reference shows it as well. So the figures with a target are taken with short waits,
on a core that is kept awake as a busy server's is. The same with long waits on an idle core stand beside them.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager

from bench.report import Row, p50, p95
from bench.sleeper import Sleeper
from quorate.core.tasks import background
from quorate.model import new_call
from quorate.parallel.ensemble import Ensemble
from quorate.parallel.plan import Member, Mode, Plan
from quorate.parallel.resources import Resources
from quorate.wire.chat import user_request

ROUNDS = 300
QUESTION = user_request("What is the capital of France?")
TEXTS = ("Paris.", "The capital of France is Paris.", "It is Paris")
SHORT_S = (0.0010, 0.0015, 0.0020)
LONG_S = (0.005, 0.010, 0.015)


def run() -> Iterable[Row]:
    return asyncio.run(_run())


async def _run() -> list[Row]:
    rows: list[Row] = []
    for mode, over in ((Mode.ALL, "slowest"), (Mode.RACE, "fastest")):
        async with _awake():
            engine, bare = await _interleaved(mode, SHORT_S)
        idle_engine, idle_bare = await _interleaved(mode, LONG_S)
        name = f"{mode.value}, 3 branches: added to the {over}"
        rows += [
            Row(name=f"{name}, p50", value=p50(engine), unit="ms", target=0.5),
            Row(name=f"{name}, p95", value=p95(engine), unit="ms"),
            Row(name=f"{name}, bare asyncio, p50", value=p50(bare), unit="ms", note="reference"),
            Row(name=f"{name}, idle core, p50", value=p50(idle_engine), unit="ms"),
            Row(name=f"{name}, idle core, bare asyncio, p50", value=p50(idle_bare), unit="ms", note="reference"),
        ]
    return rows


@asynccontextmanager
async def _awake() -> AsyncGenerator[None]:
    """Keep the core busy with something that is no work and lets everybody else go first."""
    loop = asyncio.get_running_loop()

    async def turn() -> None:
        while loop.is_running():  # noqa: ASYNC110 - turning is the point
            await asyncio.sleep(0)

    async with background(turn()):
        yield


async def _interleaved(mode: Mode, delays_s: Sequence[float]) -> tuple[list[float], list[float]]:
    """Return the milliseconds around the awaited branch's own wait: of the engine, and of bare asyncio."""
    sleepers = [Sleeper(f"m{i}", delay_s, TEXTS[i]) for i, delay_s in enumerate(delays_s)]
    models = {sleeper.name: sleeper for sleeper in sleepers}
    plan = Plan(members=tuple(Member(model=name) for name in models), mode=mode)
    ensemble = Ensemble(name="bench", plan=plan, resources=Resources(resolve=models.__getitem__))
    awaited = sleepers[-1] if mode is Mode.ALL else sleepers[0]
    engine: list[float] = []
    bare: list[float] = []
    for _ in range(ROUNDS):
        engine.append(await _around(awaited, lambda: ensemble.run(QUESTION, new_call())))
        bare.append(await _around(awaited, lambda: _bare(mode, sleepers)))
    return engine, bare


async def _around(awaited: Sleeper, work: Callable[[], Awaitable[object]]) -> float:
    began_s = time.perf_counter()
    await work()
    return (time.perf_counter() - began_s - awaited.waited_s) * 1000


async def _bare(mode: Mode, sleepers: Sequence[Sleeper]) -> None:
    if mode is Mode.ALL:
        await asyncio.gather(*(sleeper.wait() for sleeper in sleepers))
        return
    tasks = [asyncio.ensure_future(sleeper.wait()) for sleeper in sleepers]
    _, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
