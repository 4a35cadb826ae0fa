"""Circuits and places of a whole gateway, before a real upstream."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from gateway_site import Site, chat, site
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


async def test_a_busy_provider_lets_nobody_wait_where_there_is_no_queue(gateway: Site) -> None:
    waiting = asyncio.create_task(ask(gateway, "mute-translated"))
    services = gateway.gateway.services
    async with asyncio.timeout(10):
        while not any(gate.in_use for gate in services.gates.status(0)):  # noqa: ASYNC110 - another thread's business
            await asyncio.sleep(0.01)
    refused = await ask(gateway, "translated")
    assert refused.status == 429
    assert refused.json["error"]["code"] == "queue_full"
    assert "retry-after" in refused.headers
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await gateway.idle()
    assert (await ask(gateway, "translated")).status == 200
    assert not any(gate.in_use for gate in services.gates.status(0))
