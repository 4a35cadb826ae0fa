"""Circuits and places of a whole gateway, before a real upstream."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway_site import Site, chat, site
from patience import until
from quorate.resilience.breaker import Circuit
from raw_client import Reply


@pytest.fixture
def gateway() -> Iterator[Site]:
    overrides: dict[str, Any] = {
        "defaults__retry__max_retries": 0,
        "defaults__breaker__failures": 2,
        "providers__hand__base_url": "http://127.0.0.1:1/v1",
        "providers__claude__concurrency__max_concurrent": 1,
        "providers__claude__concurrency__queue": 0,
    }
    with site(**overrides) as running:
        yield running


async def ask(gateway: Site, model: str, **fields: object) -> Reply:
    async with gateway.client() as client:
        return await client.ask("POST", "/v1/chat/completions", chat(model, **fields))


@pytest.mark.parametrize("stream", [False, True])
async def test_a_provider_that_is_away_is_left_alone(gateway: Site, stream: bool) -> None:
    for _ in range(2):
        assert (await ask(gateway, "by-hand", stream=stream)).status == 502
    refused = await ask(gateway, "by-hand", stream=stream)
    assert refused.status == 503
    assert refused.json["error"]["code"] == "circuit_open"
    assert 1 <= int(refused.headers["retry-after"]) <= 5
    assert (await ask(gateway, "plain", stream=stream)).status == 200
    states = {gate.key.model: gate.state for gate in gateway.gateway.services.gates.status(0)}
    assert (states["x"], states["fast"]) == (Circuit.OPEN, Circuit.CLOSED)


@pytest.fixture
def pair(redis_url: str, tmp_path: Path) -> Iterator[tuple[Site, Site]]:
    """Two gateways that share a Redis."""
    address = tmp_path / "redis"
    address.write_text(redis_url)
    overrides: dict[str, Any] = {
        "defaults__retry__max_retries": 0,
        "defaults__breaker__failures": 1,
        "providers__hand__base_url": "http://127.0.0.1:1/v1",
        "rate_limits__redis": f"file:{address}",
    }
    with site(**overrides) as first, site(**overrides) as second:
        second.gateway.services.catalog.resolve("by-hand")
        yield first, second


def opened(at: Site) -> bool:
    return any(gate.state is Circuit.OPEN for gate in at.gateway.services.gates.status(0))


async def test_workers_and_machines_tell_each_other(pair: tuple[Site, Site]) -> None:
    first, second = pair
    assert (await ask(first, "by-hand")).status == 502
    assert opened(first)
    await until(lambda: opened(second))
    assert (await ask(second, "by-hand")).json["error"]["code"] == "circuit_open"


async def test_a_busy_provider_lets_nobody_wait_where_there_is_no_queue(gateway: Site) -> None:
    waiting = asyncio.create_task(ask(gateway, "mute-translated"))
    services = gateway.gateway.services
    await until(lambda: any(gate.in_use for gate in services.gates.status(0)))
    refused = await ask(gateway, "translated")
    assert refused.status == 429
    assert refused.json["error"]["code"] == "queue_full"
    assert "retry-after" in refused.headers
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await gateway.idle()
    assert (await ask(gateway, "translated")).status == 200
    assert not any(gate.in_use for gate in services.gates.status(0))
