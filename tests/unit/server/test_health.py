"""`/healthz`, `/readyz` and `/metrics`."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from asgi import ask
from patience import until
from quorate.access.permission import Permission, Scope
from quorate.config.telemetry_section import MetricsAccess
from quorate.server.app import Gateway
from quorate.server.health import routes
from quorate.telemetry.metrics import CallMetrics
from stored_gateway import StoredGateway


@pytest.fixture
def stored(tmp_path: Path) -> Iterator[StoredGateway]:
    gateway = StoredGateway(tmp_path)
    yield gateway
    gateway.close()


async def test_alive_and_ready(stored: StoredGateway) -> None:
    assert (await stored.ask("GET", "/healthz")).json == {"status": "ok", "checks": {}}
    ready = await stored.ask("GET", "/readyz")
    assert (ready.status, ready.json["checks"]) == (200, {"draining": "no", "storage": "ok"})


async def test_draining_is_not_ready_and_alive(stored: StoredGateway) -> None:
    stored.services.draining = True
    ready = await stored.ask("GET", "/readyz")
    assert (ready.status, ready.json["status"], ready.json["checks"]["draining"]) == (503, "not ready", "yes")
    assert (await stored.ask("GET", "/healthz")).status == 200


async def test_a_database_that_is_away_is_not_ready(stored: StoredGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> None:
        raise OSError("secret-host refused")

    monkeypatch.setattr(stored.database, "ping", away)
    ready = await stored.ask("GET", "/readyz")
    assert (ready.status, ready.json["checks"]["storage"]) == (503, "unreachable")
    assert "secret-host" not in ready.body.decode()


async def test_a_database_that_hangs_keeps_one_thread(stored: StoredGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = 0
    go_on = threading.Event()

    def hang() -> None:
        nonlocal asked
        asked += 1
        go_on.wait(10)

    monkeypatch.setattr(stored.database, "ping", hang)
    async with asyncio.TaskGroup() as group:
        answers = [group.create_task(stored.ask("GET", "/readyz")) for _ in range(20)]
        await until(lambda: asked > 0)
        go_on.set()
    assert asked == 1
    assert {answer.result().status for answer in answers} == {200}


async def test_ready_while_all_shared_threads_are_busy(stored: StoredGateway) -> None:
    go_on = threading.Event()
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(1))
    busy = loop.run_in_executor(None, go_on.wait, 10)
    try:
        assert (await stored.ask("GET", "/readyz")).status == 200
    finally:
        go_on.set()
        await busy


async def test_metrics(stored: StoredGateway) -> None:
    reader = await stored.key("operator", Scope.METRICS)
    assert (await stored.ask("GET", "/metrics", reader)).status == 404
    stored.services.metrics = metrics = CallMetrics(stored.clock)
    stored.services.render_metrics = metrics.render
    answer = await stored.ask("GET", "/metrics", reader)
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/plain")
    assert b"quorate_" in answer.body
    assert (await stored.ask("GET", "/metrics")).status == 401
    assert (await stored.ask("GET", "/metrics", await stored.key("operator", Scope.CHAT))).status == 403
    assert (await stored.ask("GET", "/metrics", await stored.key("acme"))).status == 403


async def test_metrics_can_be_open(stored: StoredGateway) -> None:
    stored.services.metrics_access = MetricsAccess.OPEN
    stored.services.render_metrics = CallMetrics(stored.clock).render
    assert (await ask(Gateway(stored.services), "GET", "/metrics")).status == 200
    permissions = {access: routes(access)[-1].permission for access in MetricsAccess}
    assert permissions == {MetricsAccess.KEY: Permission.METRICS_READ, MetricsAccess.OPEN: None}
