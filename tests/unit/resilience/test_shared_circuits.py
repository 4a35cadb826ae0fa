"""Two processes and a Redis: what one learns about a provider, the other knows a moment later."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
from redis.exceptions import RedisError

from patience import until
from private_server import free_port
from quorate.core.clock import ManualClock
from quorate.core.errors import CircuitOpen, Misconfigured, Unavailable
from quorate.core.tasks import background
from quorate.model import Call, new_call
from quorate.resilience.breaker import BreakerPolicy, Circuit
from quorate.resilience.gate import EndpointGate, GateKey
from quorate.resilience.gates import Gates
from quorate.resilience.shared_circuits import SharedCircuits

KEY = GateKey(provider="up", model="gpt-up")
POLICY = BreakerPolicy(failures=1, cooldown_s=10, max_cooldown_s=10)


class Process:
    """A live stand-in for a worker: gates of its own, a clock that began at its own time, a link to Redis."""

    def __init__(self, url: str, began_s: float = 0.0) -> None:
        self.clock = ManualClock()
        self.clock.advance(began_s)
        self.gates = Gates()
        self.gate = self.new_gate()
        self.link = SharedCircuits(url, self.gates, self.clock)

    def new_gate(self) -> EndpointGate:
        gate = self.gates.gate(KEY, POLICY, None)
        assert isinstance(gate, EndpointGate)
        return gate

    @property
    def state(self) -> Circuit | None:
        return self.gate.status(0).state

    def call(self) -> Call:
        return new_call(clock=self.clock)

    def ask(self, error: Exception | None = None) -> None:
        permit = self.gate.enter(self.call())
        assert permit is not None
        permit.end(error, error is None)


@asynccontextmanager
async def processes(url: str) -> AsyncGenerator[tuple[Process, Process]]:
    first, second = Process(url), Process(url, began_s=5000)
    try:
        yield first, second
    finally:
        await first.link.close()
        await second.link.close()


async def test_an_opening_and_a_closing_are_heard(redis_url: str) -> None:
    async with processes(redis_url) as (first, second):
        first.ask(Unavailable("down"))
        await first.link.sync()
        assert second.state is Circuit.CLOSED
        await second.link.sync()
        with pytest.raises(CircuitOpen) as caught:
            second.gate.enter(second.call())
        assert 4 < (caught.value.retry_after_s or 0) <= 12.5
        for _ in range(3):  # hearing the same again changes nothing
            until_s = [each.gate.breaker and each.gate.breaker.until_s for each in (first, second)]
            await first.link.sync()
            await second.link.sync()
            assert until_s == [each.gate.breaker and each.gate.breaker.until_s for each in (first, second)]
        first.clock.advance(10)
        first.ask()
        assert first.state is Circuit.CLOSED
        await first.link.sync()
        await second.link.sync()
        assert second.state is Circuit.CLOSED
        await first.link.sync()
        assert first.state is Circuit.CLOSED


async def test_a_gate_that_is_made_later_hears_it_too(redis_url: str) -> None:
    async with processes(redis_url) as (first, second):
        first.ask(Unavailable("down"))
        await first.link.sync()
        del second.gate
        await second.link.sync()
        second.gate = second.new_gate()
        assert second.state is Circuit.CLOSED
        await second.link.sync()
        assert second.state is Circuit.OPEN


async def test_a_probe_that_fails_elsewhere_is_heard_too(redis_url: str) -> None:
    async with processes(redis_url) as (first, second):
        first.ask(Unavailable("down"))
        await first.link.sync()
        await second.link.sync()
        first.clock.advance(10)
        first.ask(Unavailable("still down"))
        await first.link.sync()
        assert second.gate.breaker is not None
        before_s = second.gate.breaker.until_s
        await second.link.sync()
        assert second.gate.breaker.until_s != before_s


async def test_a_probe_under_way_is_not_disturbed(redis_url: str) -> None:
    async with processes(redis_url) as (first, second):
        first.ask(Unavailable("down"))
        await first.link.sync()
        await second.link.sync()
        second.clock.advance(20)
        probe = second.gate.enter(second.call())
        assert probe is not None
        first.clock.advance(10)
        first.ask(Unavailable("still down"))
        await first.link.sync()
        await second.link.sync()
        probe.end(None, True)
        assert second.state is Circuit.CLOSED


async def test_without_redis_a_process_learns_by_itself(caplog: pytest.LogCaptureFixture) -> None:
    alone = Process(f"redis://127.0.0.1:{free_port()}/0")
    alone.ask(Unavailable("down"))
    with pytest.raises((RedisError, OSError)):
        await alone.link.sync()
    async with background(alone.link.watch()):
        await until(lambda: "learns by itself" in caplog.text)
    assert alone.state is Circuit.OPEN
    await alone.link.close()


async def test_what_could_not_be_told_is_told_later(redis_url: str) -> None:
    async with processes(redis_url) as (first, second):
        away = SharedCircuits(f"redis://127.0.0.1:{free_port()}/0", first.gates, first.clock)
        first.ask(Unavailable("down"))
        with pytest.raises((RedisError, OSError)):
            await away.sync()
        await away.close()
        await first.link.sync()
        await second.link.sync()
        assert second.state is Circuit.OPEN


def test_an_address_that_is_none() -> None:
    with pytest.raises(Misconfigured, match=r"rate_limits\.redis: this is no URL of a Redis"):
        SharedCircuits("http://x", Gates(), ManualClock())
