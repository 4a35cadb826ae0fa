"""A thousand questions at once, three branches each: errors, tasks left behind, memory."""

import asyncio
import resource
import time
from collections.abc import Iterable

from bench.report import Row
from bench.sleeper import Sleeper
from quorate.core.errors import QuorateError
from quorate.model import new_call
from quorate.parallel.ensemble import Ensemble
from quorate.parallel.plan import Member, Mode, Plan
from quorate.parallel.result import Result
from quorate.wire.chat import user_request

ASKS = 1000
DELAYS_S = (0.3, 0.35, 0.4)


def run() -> Iterable[Row]:
    return asyncio.run(_run())


async def _run() -> list[Row]:
    before_mib = _peak_mib()
    models = {f"m{i}": Sleeper(f"m{i}", delay_s) for i, delay_s in enumerate(DELAYS_S)}
    plan = Plan(members=tuple(Member(model=name) for name in models), mode=Mode.ALL)
    ensemble = Ensemble(name="bench", plan=plan, resolve=models.__getitem__)
    cpu_s, began_s = time.process_time(), time.perf_counter()
    asks = (ensemble.run(user_request(f"Question {i}"), new_call()) for i in range(ASKS))
    results = await asyncio.gather(*asks, return_exceptions=True)
    took_s, cpu_s = time.perf_counter() - began_s, time.process_time() - cpu_s
    errors = [result for result in results if isinstance(result, BaseException)]
    failed = [result for result in results if isinstance(result, Result) and result.failures]
    unexpected = [error for error in errors if not isinstance(error, QuorateError)]
    return [
        Row(name=f"{ASKS} asks of 3 branches: errors", value=len(errors) + len(failed), unit="", target=0),
        Row(name=f"{ASKS} asks: errors that are not ours", value=len(unexpected), unit="", target=0),
        Row(name=f"{ASKS} asks: tasks left", value=len(asyncio.all_tasks()) - 1, unit="", target=0),
        Row(name=f"{ASKS} asks: time (slowest branch 0.4 s)", value=took_s, unit="s"),
        Row(name="CPU per ask of 3 branches", value=cpu_s / ASKS * 1e6, unit="us"),
        Row(name="peak memory of the process", value=_peak_mib(), unit="MiB", note=f"{before_mib:.0f} before the asks"),
    ]


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
