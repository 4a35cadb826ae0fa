"""What a second attempt for late answers gives and costs: through the real wrapper, in virtual time.

Requests come at random moments to a model with the latencies of `bench.latencies`; each attempt draws its own. That is
the case in which hedging helps: the route is slow now and then. Where the request itself is slow, whoever is asked, it
gives nothing, and the row that says so is there as well.
"""

import asyncio
import random
import timeit
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial

import msgspec

from bench.latencies import SHARES, Latencies, cases, draw
from bench.report import Row, p50
from bench.sleeper import Sleeper
from quorate.model import Call, Completion, Delta, Model, complete, new_call, opens_reply
from quorate.resilience.hedge import Hedging
from quorate.resilience.hedge_policy import HedgePolicy
from quorate.resilience.retry import Retrying
from quorate.resilience.retry_policy import NO_RETRY
from quorate.testing import VirtualClock, run_virtual
from quorate.wire.chat import ChatRequest, ChatResponse, Choice, Message, user_request

REQUESTS = 20_000
PER_S = 10.0
SEED = 20_26
#: In a general slow-down every attempt takes so many times as long, in the middle half of the requests.
SLOWER = 5.0
LESS_P99 = 35.0
MORE_REQUESTS = 6.0
REPEATS = 2000
ROUNDS = 7
QUESTION = user_request("What is the capital of France?")
STREAMED = msgspec.structs.replace(QUESTION, stream=True)
#: From the call and the model's own generator to seconds.
Wait = Callable[[Call, random.Random], float]


class Drawn:
    """A model whose answers take as long as `wait` says; it counts how often it was asked."""

    name = "drawn"

    def __init__(self, wait: Wait) -> None:
        self._wait = wait
        self._rng = random.Random(SEED)
        message = Message(content="Paris.")
        response = ChatResponse(model=self.name, choices=(Choice(message=message, finish_reason="stop"),))
        self._completion = Completion(response=response, model=self.name)
        self._piece = Delta.of(self._completion)
        self.opens = 0

    @opens_reply
    async def open(self, request: ChatRequest, call: Call) -> AsyncGenerator[Delta | Completion]:
        self.opens += 1
        await asyncio.sleep(self._wait(call, self._rng))
        if request.stream:
            yield self._piece
        yield self._completion


@dataclass(slots=True, kw_only=True)
class Seen:
    """What the callers saw: seconds to the first token or to the whole answer, in order of the requests."""

    waits_s: list[float] = field(default_factory=list[float])
    asked: int = 0
    asked_at: list[int] = field(default_factory=list[int])

    @property
    def p50_s(self) -> float:
        return p50(self.waits_s)

    @property
    def p99_s(self) -> float:
        return sorted(self.waits_s)[int(0.99 * len(self.waits_s))]

    @property
    def more(self) -> float:
        """Percent of requests beyond one for each answer."""
        return 100 * (self.asked / len(self.waits_s) - 1)


def run() -> Iterable[Row]:
    for latencies in cases():
        yield from _rows(latencies, "time to first token", latencies.first_token_s, STREAMED)
        yield from _rows(latencies, "whole answer", latencies.whole_s, QUESTION)
    yield from _slow_down(cases()[0])
    yield from _slow_requests(cases()[0])
    yield from _overhead()


def _rows(latencies: Latencies, what: str, quantiles: Sequence[float], request: ChatRequest) -> Iterable[Row]:
    def wait(_: Call, rng: random.Random) -> float:
        return draw(quantiles, rng)

    bare = run_virtual(_seen(Drawn(wait), request, hedged=False))
    hedged = run_virtual(_seen(Drawn(wait), request, hedged=True))
    name = f"{what}, {latencies.name}"
    less = 100 * (1 - hedged.p99_s / bare.p99_s)
    yield Row(name=f"{name}: p50", value=hedged.p50_s, unit="s", note=f"{bare.p50_s:.2f} s without hedges")
    yield Row(name=f"{name}: p99", value=hedged.p99_s, unit="s", note=f"{bare.p99_s:.2f} s without hedges")
    # Nobody waits less than until p95, so a p99 that is near to it leaves little to win.
    tail = quantiles[SHARES.index(0.99)] / quantiles[SHARES.index(0.95)]
    target = LESS_P99 if request.stream else None
    note = f"without hedges p99 is {tail:.2g} times p95"
    yield Row(name=f"{name}: p99 lower by", value=less, unit="%", target=target, at_least=True, note=note)
    yield Row(name=f"{name}: more requests", value=hedged.more, unit="%", target=MORE_REQUESTS)


def _slow_down(latencies: Latencies) -> Iterable[Row]:
    begins_s, ends_s = 0.25 * REQUESTS / PER_S, 0.75 * REQUESTS / PER_S

    def wait(call: Call, rng: random.Random) -> float:
        slow = begins_s <= call.clock.monotonic() < ends_s
        return draw(latencies.first_token_s, rng) * (SLOWER if slow else 1.0)

    hedged = run_virtual(_seen(Drawn(wait), STREAMED, hedged=True))
    name = f"everything {SLOWER:g} times as slow for half of the time"
    # From the first slow request to the last: what the quiet time before had saved up is spent here as well.
    first, last = REQUESTS // 4, 3 * REQUESTS // 4
    asked = hedged.asked_at[last] - hedged.asked_at[first]
    more = 100 * (asked / (last - first) - 1)
    yield Row(name=f"{name}: more requests in it", value=more, unit="%", target=MORE_REQUESTS)
    yield Row(name=f"{name}: more requests in all", value=hedged.more, unit="%", target=MORE_REQUESTS)


def _slow_requests(latencies: Latencies) -> Iterable[Row]:
    """The same latency for both attempts of a request: the time is the request's own, e.g. a long answer."""

    def wait(call: Call, _: random.Random) -> float:
        return draw(latencies.whole_s, random.Random(call.seed))

    bare = run_virtual(_seen(Drawn(wait), QUESTION, hedged=False))
    hedged = run_virtual(_seen(Drawn(wait), QUESTION, hedged=True))
    less = 100 * (1 - hedged.p99_s / bare.p99_s)
    yield Row(name="slow for the request's own sake: p99 lower by", value=less, unit="%", note="nothing to win")


async def _seen(drawn: Drawn, request: ChatRequest, *, hedged: bool) -> Seen:
    model: Model = Hedging(drawn, HedgePolicy()) if hedged else drawn
    seen = Seen(waits_s=[0.0] * REQUESTS)
    arrivals = random.Random(SEED + 1)

    async def ask(number: int) -> None:
        call = new_call(clock=VirtualClock(), seed=number)
        async with model.open(request, call) as reply:
            async for delta in reply:
                if delta.says_something:
                    seen.waits_s[number] = call.at_s
                    break

    async with asyncio.TaskGroup() as group:
        for number in range(REQUESTS):
            seen.asked_at.append(drawn.opens)
            group.create_task(ask(number))
            await asyncio.sleep(arrivals.expovariate(PER_S))
    seen.asked = drawn.opens
    return seen


def _overhead() -> Iterable[Row]:
    """What the wrapper adds to a request that is not hedged; beside it what any wrapper adds."""
    instant = _Instant("instant", 0.0)
    wrapped: dict[str, Model] = {
        "bare": instant,
        "retry": Retrying(instant, NO_RETRY),
        "hedge": Hedging(instant, HedgePolicy(after_s=60)),
    }
    for what, request in (("whole", QUESTION), ("streamed", STREAMED)):
        times_us = dict.fromkeys(wrapped, float("inf"))
        for _ in range(ROUNDS):
            for name, model in wrapped.items():
                took_s = timeit.timeit(partial(_ask, model, request), number=1)
                times_us[name] = min(times_us[name], took_s / REPEATS * 1e6)
        yield Row(
            name=f"nothing hedged: added to a {what} request",
            value=times_us["hedge"] - times_us["bare"],
            unit="us",
            note=f"a retry that never happens adds {times_us['retry'] - times_us['bare']:.0f} us",
        )


class _Instant(Sleeper):
    """A model that answers at once."""

    async def wait(self) -> None:
        return


def _ask(model: Model, request: ChatRequest) -> None:
    async def ask() -> None:
        call = new_call()
        for _ in range(REPEATS):
            await complete(model, request, call)

    asyncio.run(ask())
