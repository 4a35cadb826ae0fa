"""What a flow's endpoint adds to the flow itself: a gateway of its own, with keys, records and metrics."""

import asyncio
import time
from collections.abc import Iterable
from http.client import HTTPConnection
from pathlib import Path

import uvloop

from bench.gateway.targets import Target, bench, quorate
from bench.report import Row, p50
from quorate.config import configure
from quorate.config.flows_setup import open_flows
from quorate.core.clock import SystemClock
from quorate.flows.outcome import RunStatus
from quorate.flows.plan import Durability
from quorate.model import new_call

ROUNDS = 5
REQUESTS = 100
FLOW = """
name: five
steps:
  - {name: a, executor: transform, config: {value: 1}}
  - {name: b, executor: transform, depends_on: [a], config: {value: 1}}
  - {name: c, executor: transform, depends_on: [a], config: {value: 1}}
  - {name: d, executor: transform, depends_on: [a], config: {value: 1}}
  - {name: e, executor: transform, depends_on: [b, c, d], config: {value: 1}}
"""


def endpoint_rows(folder: Path) -> Iterable[Row]:
    """Return how much longer a request to run a flow of five steps takes than running it, in memory both."""
    flows = folder / "served"
    flows.mkdir()
    (flows / "five.yaml").write_text(FLOW)
    sections = {"flows": {"folder": str(flows), "files": str(folder / "f"), "journal": f"sqlite:///{folder / 'h.db'}"}}
    added_ms: list[float] = []
    with bench() as setting, quorate(setting, **sections) as gateway:
        for _ in range(ROUNDS):  # in turn, so that what else the machine does falls on both
            alone_ms = uvloop.run(_alone_ms(flows, folder))
            added_ms.append(_requested_ms(gateway) - alone_ms)
    return [Row(name="endpoint of a 5-step flow over the flow itself, p50", value=p50(added_ms), unit="ms", target=1.0)]


async def _alone_ms(flows_folder: Path, folder: Path) -> float:
    built = configure(overrides={"flows.files": str(folder / "g"), "flows.journal": f"sqlite:///{folder / 'g.db'}"})
    flows = open_flows(built, SystemClock(), folder=flows_folder)
    plan = flows.plan("five")
    times: list[float] = []
    for _ in range(REQUESTS):
        began_s = time.perf_counter()
        result = await flows.run(plan, {}, new_call(), durability=Durability.FAST)
        times.append((time.perf_counter() - began_s) * 1000)
        assert result.status is RunStatus.SUCCEEDED, result.errors
        await asyncio.sleep(0)
    await flows.close()
    return p50(times)


def _requested_ms(gateway: Target) -> float:
    host, _, port = gateway.url.removeprefix("http://").partition(":")
    headers = {"authorization": f"Bearer {gateway.key}", "content-type": "application/json"}
    connection = HTTPConnection(host, int(port), timeout=10)
    times: list[float] = []
    for _ in range(REQUESTS):
        began_s = time.perf_counter()
        connection.request("POST", "/api/v1/flows/five/run?durability=fast", b"{}", headers)
        answer = connection.getresponse()
        body = answer.read()
        times.append((time.perf_counter() - began_s) * 1000)
        assert answer.status == 200, body
    connection.close()
    return p50(times)
