"""Ten minutes of requests against a provider of which one in five fails, with one fallback; in virtual time."""

import asyncio
import random
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from fake_transport import FakeResponse
from quorate.core.clock import Deadline
from quorate.core.errors import Failure, QuorateError, Unavailable
from quorate.model import Model, complete, new_call
from quorate.providers.dialect import Target
from quorate.providers.endpoint import Endpoint
from quorate.providers.openai import OpenAIDialect
from quorate.providers.transport import HttpRequest, HttpResponse, PhaseLimits
from quorate.resilience.breaker import BreakerPolicy
from quorate.resilience.failover import Failover
from quorate.resilience.fallbacks import Fallbacks
from quorate.resilience.gate import GateKey
from quorate.resilience.gates import Gates
from quorate.resilience.resilient import OnCut, Resilient
from quorate.resilience.retry_policy import RetryPolicy
from quorate.testing import VirtualClock, run_virtual
from quorate.wire.chat import ChatRequest, Message

MINUTES_S = 600.0
EVERY_S = 0.2
REQUEST = ChatRequest(messages=(Message(role="user", content="?"),))
ANSWER = b'{"choices":[{"message":{"content":"Paris"},"finish_reason":"stop"}]}'
#: What goes wrong, each as often as the others.
FAULTS: tuple[FakeResponse | QuorateError, ...] = (
    FakeResponse(status=503, chunks=(b"{}",)),
    FakeResponse(status=500, chunks=(b"{}",)),
    FakeResponse(status=429, chunks=(b"{}",)),
    FakeResponse(chunks=(b'{"choices": [',)),
    Unavailable("connection reset", failure=Failure.TRANSIENT),
    Unavailable("cut", failure=Failure.CUT_STREAM),
    Unavailable("no headers within 5 s", failure=Failure.SILENCE),
)


@dataclass(slots=True)
class Provider:
    """A live transport: takes half a second, and fails when `fails` says so."""

    fails: Callable[[float], bool]
    rng: random.Random = field(default_factory=lambda: random.Random(5))
    requests: int = 0

    @asynccontextmanager
    async def send(
        self,
        request: HttpRequest,
        limits: PhaseLimits,
        deadline: Deadline,
        *,
        on_sent: Callable[[], None] = lambda: None,
    ) -> AsyncGenerator[HttpResponse]:
        self.requests += 1
        fault = self.rng.choice(FAULTS) if self.fails(asyncio.get_running_loop().time()) else None
        on_sent()
        await asyncio.sleep(5.0 if isinstance(fault, Unavailable) and fault.failure is Failure.SILENCE else 0.5)
        if isinstance(fault, QuorateError):
            raise Unavailable(fault.message, failure=fault.failure if isinstance(fault, Unavailable) else None)
        yield fault or FakeResponse(chunks=(ANSWER,))

    async def close(self) -> None:
        return


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What the ten minutes came to; `attempts` are of both providers, `at_first` of the failing one."""

    requests: int
    answered: int
    attempts: int
    at_first: int
    mean_s: float

    @property
    def success(self) -> float:
        return self.answered / self.requests

    @property
    def per_request(self) -> float:
        return self.attempts / self.requests


def endpoint(name: str, provider: Provider, breaker: BreakerPolicy | None, gates: Gates) -> Endpoint:
    return Endpoint(
        name=name,
        provider=name,
        dialect=OpenAIDialect(),
        target=Target(model_id=name, base_url="http://up.test/v1"),
        transport=provider,
        unpriced_warning=False,
        gate=gates.gate(GateKey(provider=name, model=name), breaker, None),
    )


async def ten_minutes(fails: Callable[[float], bool], breaker: BreakerPolicy | None) -> Tally:
    gates = Gates(random.Random(3))
    first, second = Provider(fails), Provider(lambda _: False)
    models: dict[str, Model] = {"second": endpoint("second", second, breaker, gates)}
    primary = Resilient(
        endpoint("first", first, breaker, gates),
        fallbacks=Fallbacks(models=("second",)),
        on_cut=OnCut.ERROR,
        resolve=models.__getitem__,
        window=lambda _: None,
    )
    model = Failover(model=primary, policy=RetryPolicy(max_retries=2), claim=lambda name: name != "first")
    times: list[float] = []

    async def ask(number: int) -> None:
        call = new_call(clock=VirtualClock(), timeout_s=60, seed=number)
        if (await complete(model, REQUEST, call)).text == "Paris":
            times.append(call.at_s)

    count = int(MINUTES_S / EVERY_S)
    tasks: list[asyncio.Task[None]] = []
    for number in range(count):
        tasks.append(asyncio.create_task(ask(number)))
        await asyncio.sleep(EVERY_S)
    await asyncio.gather(*tasks, return_exceptions=True)
    return Tally(
        requests=count,
        answered=len(times),
        attempts=first.requests + second.requests,
        at_first=first.requests,
        mean_s=sum(times) / len(times),
    )


def at_random() -> Callable[[float], bool]:
    """One request in five fails, whenever it comes."""
    rng = random.Random(11)
    return lambda _: rng.random() < 0.2


def in_outages() -> Callable[[float], bool]:
    """One minute in five nothing works: 24 s of each two minutes."""
    return lambda now_s: now_s % 120 > 96


@pytest.fixture(params=["at random", "in outages"])
def fails(request: pytest.FixtureRequest) -> Callable[[float], bool]:
    return at_random() if request.param == "at random" else in_outages()


def test_hardly_a_request_fails_and_few_are_sent_twice(fails: Callable[[float], bool]) -> None:
    tally = run_virtual(ten_minutes(fails, BreakerPolicy()))
    assert tally.success >= 0.999
    assert tally.per_request <= 1.35


def test_in_an_outage_the_breaker_saves_attempts_and_time() -> None:
    guarded = run_virtual(ten_minutes(in_outages(), BreakerPolicy()))
    bare = run_virtual(ten_minutes(in_outages(), None))
    assert bare.success == guarded.success == 1.0
    assert bare.per_request > guarded.per_request * 1.2
    assert bare.mean_s > guarded.mean_s * 1.2
