"""`/api/v1/status`, and the metrics of the same."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from quorate.access.permission import Scope
from quorate.core.clock import SystemClock
from quorate.core.errors import Unavailable
from quorate.engine.catalog import ModelCard, ModelKind
from quorate.model import new_call
from quorate.resilience.breaker import BreakerPolicy
from quorate.resilience.gate import GateKey
from quorate.resilience.gates import Gates
from quorate.resilience.places import PlacesPolicy
from quorate.server.gate_metrics import gate_values
from quorate.telemetry import names
from quorate.telemetry.metrics import CallMetrics
from stored_gateway import StoredGateway

GATES = Gates()
KEPT = (
    GATES.gate(GateKey(provider="up", model="gpt-up"), BreakerPolicy(failures=1), PlacesPolicy(max_concurrent=3)),
    GATES.gate(GateKey(provider="up", model="made-up"), BreakerPolicy(), PlacesPolicy(max_concurrent=3)),
    GATES.gate(GateKey(provider="other", model="x"), None, PlacesPolicy(max_concurrent=2)),
)
CARDS = [ModelCard(name=name, kind=ModelKind.ENDPOINT, provider="up", model_id="gpt-up") for name in ("fast", "quick")]


@pytest.fixture
def stored(tmp_path: Path) -> Iterator[StoredGateway]:
    gateway = StoredGateway(tmp_path, gates=GATES)
    yield gateway
    gateway.close()


@pytest.fixture(autouse=True, scope="module")
def outage() -> None:
    permit = KEPT[0].enter(new_call())
    assert permit is not None
    permit.end(Unavailable("down"), False)


async def test_it_tells_who_is_left_alone_and_how_busy_they_are(stored: StoredGateway) -> None:
    for card in CARDS:
        stored.services.catalog.add(card, lambda: pytest.fail("nobody is asked"))
    answer = await stored.ask("GET", "/api/v1/status", await stored.key("operator"))
    assert answer.status == 200
    busy, made_up, down = answer.json["data"][0], answer.json["data"][2], answer.json["data"][1]
    assert 0 < down.pop("next_probe_s") <= 5
    assert down == {
        "provider": "up",
        "model": "gpt-up",
        "names": ["fast", "quick"],
        "state": "open",
        "failures": 1,
        "opened": 1,
        "limit": 3,
        "in_use": 0,
        "waiting": 0,
    }
    assert (made_up["state"], made_up["names"]) == ("closed", [])
    assert (busy["provider"], busy["state"], busy["limit"]) == ("other", None, 2)


async def test_it_is_the_operators(stored: StoredGateway) -> None:
    assert (await stored.ask("GET", "/api/v1/status")).status == 401
    for tenant, scope, status in (
        ("acme", Scope.ADMIN, 403),
        ("acme", Scope.METRICS, 403),
        ("operator", Scope.CHAT, 403),
        ("operator", Scope.METRICS, 200),
    ):
        assert (await stored.ask("GET", "/api/v1/status", await stored.key(tenant, scope))).status == status


def test_metrics_have_the_names_of_the_catalog_and_no_others() -> None:
    metrics = CallMetrics(SystemClock())
    metrics.watch_each(lambda: gate_values(GATES.status(0), CARDS))
    found = {(value.name, value.labels): value.value for value in metrics.snapshot().values}
    assert {key: value for key, value in found.items() if "circuit" in key[0] or "concurrency" in key[0]} == {
        (names.CIRCUIT_STATE, ("up", "fast")): 2,
        (names.CIRCUIT_STATE, ("up", "quick")): 2,
        (names.CIRCUIT_STATE, ("up", "other")): 0,
        (names.CIRCUIT_OPENED, ("up", "fast")): 1,
        (names.CIRCUIT_OPENED, ("up", "quick")): 1,
        (names.CONCURRENCY_LIMIT, ("up",)): 3,
        (names.CONCURRENCY_IN_USE, ("up",)): 0,
        (names.CONCURRENCY_WAITING, ("up",)): 0,
        (names.CONCURRENCY_LIMIT, ("other",)): 2,
        (names.CONCURRENCY_IN_USE, ("other",)): 0,
        (names.CONCURRENCY_WAITING, ("other",)): 0,
    }
    assert b'quorate_circuit_state{model="fast",provider="up"} 2' in metrics.render()[0]
