"""How soon the losers of a race let go of their connections, as their provider sees it."""

import asyncio
from collections.abc import Iterable

import msgspec

from bench.loopback import endpoints
from bench.report import Row, p50, p95
from quorate.model import new_call
from quorate.parallel.ensemble import Ensemble
from quorate.parallel.plan import Member, Mode, Plan
from quorate.parallel.resources import Resources
from quorate.wire.chat import user_request

ROUNDS = 60
DELAYS_S = {"fast": 0.005, "slow": 5.0, "slower": 5.0}


def run() -> Iterable[Row]:
    return asyncio.run(_run())


async def _run() -> list[Row]:
    rows: list[Row] = []
    for stream in (False, True):
        closed = await _closed_after_ms(stream=stream)
        how = "streamed race" if stream else "race"
        rows += [
            Row(name=f"{how}: losers' connections closed after the win, p50", value=p50(closed), unit="ms", target=5),
            Row(name=f"{how}: losers' connections closed after the win, p95", value=p95(closed), unit="ms"),
        ]
    return rows


async def _closed_after_ms(*, stream: bool) -> list[float]:
    """Return the milliseconds from the result to each hang-up that the provider noticed."""
    loop = asyncio.get_running_loop()
    after: list[float] = []
    async with endpoints(DELAYS_S) as (upstream, models):
        plan = Plan(members=tuple(Member(model=name) for name in models), mode=Mode.RACE)
        ensemble = Ensemble(name="bench", plan=plan, resources=Resources(resolve=models.__getitem__))
        request = msgspec.structs.replace(user_request("What is the capital of France?"), stream=stream or None)
        for _ in range(ROUNDS):
            seen = len(upstream.disconnects)
            async with ensemble.open(request, new_call()) as reply:
                await reply.completion()
                won_s = loop.time()
            await upstream.disconnected(seen + 2)
            after += [(gone.at_s - won_s) * 1000 for gone in upstream.disconnects[seen:]]
    return after
