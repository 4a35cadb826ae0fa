"""A thousand questions at once, three branches each: errors, tasks left behind, memory."""

import asyncio
import resource
import time
from collections.abc import Iterable, Mapping

from bench.loopback import endpoints
from bench.report import Row
from bench.sleeper import Sleeper
from quorate.model import Model, new_call
from quorate.parallel.ensemble import Ensemble
from quorate.parallel.plan import Member, Mode, Plan
from quorate.parallel.resources import Resources
from quorate.parallel.result import Result
from quorate.wire.chat import user_request

ASKS = 1000
DELAYS_S = (0.3, 0.35, 0.4)


def run() -> Iterable[Row]:
    return asyncio.run(_run())


async def _run() -> list[Row]:
    sleepers = {f"m{i}": Sleeper(f"m{i}", delay_s) for i, delay_s in enumerate(DELAYS_S)}
    rows = await _asked("in process", sleepers)
    async with endpoints({f"m{i}": delay_s for i, delay_s in enumerate(DELAYS_S)}) as (_, models):
        rows += await _asked("over HTTP, the provider in the same process", models)
    return rows


async def _asked(how: str, models: Mapping[str, Model]) -> list[Row]:
    before_mib = _peak_mib()
    before_tasks = _tasks()
    plan = Plan(members=tuple(Member(model=name) for name in models), mode=Mode.ALL)
    ensemble = Ensemble(name="bench", plan=plan, resources=Resources(resolve=models.__getitem__))
    cpu_s, began_s = time.process_time(), time.perf_counter()
    asks = (ensemble.run(user_request(f"Question {i}"), new_call()) for i in range(ASKS))
    results = await asyncio.gather(*asks, return_exceptions=True)
    took_s, cpu_s = time.perf_counter() - began_s, time.process_time() - cpu_s
    errors = [result for result in results if isinstance(result, BaseException)]
    failed = [result for result in results if isinstance(result, Result) and result.failures]
    return [
        Row(name=f"{ASKS} asks of 3, {how}: errors", value=len(errors) + len(failed), unit="", target=0),
        Row(name=f"{ASKS} asks of 3, {how}: tasks left", value=_tasks() - before_tasks, unit="", target=0),
        Row(name=f"{ASKS} asks of 3, {how}: time", value=took_s, unit="s", note="slowest branch 0.4 s"),
        Row(name=f"{ASKS} asks of 3, {how}: CPU per ask", value=cpu_s / ASKS * 1e6, unit="us"),
        Row(name=f"peak memory, {how}", value=_peak_mib(), unit="MiB", note=f"{before_mib:.0f} before"),
    ]


def _tasks() -> int:
    """Return the number of tasks, without those of the provider, which keep its connections."""
    return sum("RequestHandler" not in repr(task.get_coro()) for task in asyncio.all_tasks())


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
