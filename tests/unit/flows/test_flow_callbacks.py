"""The end of a run is told to whom its request named: signed, until it is taken, once."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flow_gateway import SECRET, FlowGateway, flow_gateway
from flow_site import flow, step
from patience import until, until_it
from quorate.core.errors import InvalidRequest
from quorate.core.ids import RunId
from quorate.flows.plan import Callbacks
from quorate.resilience.webhook import signature
from raw_server import Connection, Received, raw_server, whole

TELLS = flow(step("a"), callbacks=Callbacks(enabled=True, max_retries=2, retry_delay_s=0.01))
FAILS = flow(step("a", does={"fails": "no", "passing": False}), callbacks=Callbacks(enabled=True))


def answers(*statuses: int) -> Callable[[Connection, Received], Any]:
    """Answer with these, one after another, then with the last."""
    left = list(statuses)

    async def answer(connection: Connection, _: Received) -> None:
        await connection.send(whole(b"", status=left.pop(0) if len(left) > 1 else left[0]))

    return answer


async def told(gateway: FlowGateway, run: RunId) -> list[dict[str, Any]]:
    """The events of a run's callback."""
    events = [json.loads(each.data) for each in await gateway.flows.events(run)]
    return [event for event in events if event["event"].startswith("callback.")]


async def until_told(gateway: FlowGateway, run: RunId, count: int = 1) -> list[dict[str, Any]]:
    async def has_come() -> bool:
        return len(await told(gateway, run)) >= count

    await until_it(has_come)
    return await told(gateway, run)


async def test_the_end_is_told_signed(tmp_path: Path) -> None:
    async with raw_server(answers(204)) as server, flow_gateway(tmp_path, TELLS, reach=[server.url]) as gateway:
        run = await gateway.start(callback=f"{server.url}/hook")
        (event,) = await until_told(gateway, run)
        await asyncio.sleep(0.2)
        (got,) = server.requests
    assert (event["event"], event["tries"]) == ("callback.sent", 1)
    assert (got.method, got.path, got.json()["type"]) == ("POST", "/hook", "flow.run.finished")
    assert got.json()["data"]["run"]["outputs"] == {"a": "a"}
    assert (got.json()["data"]["run"]["id"], got.json()["data"]["run"]["status"]) == (run, "succeeded")
    headers = got.headers
    signed = signature(SECRET, headers["webhook-id"], int(headers["webhook-timestamp"]), got.body)
    assert headers["webhook-signature"] == signed


async def test_it_is_told_again_until_it_is_taken(tmp_path: Path) -> None:
    async with (
        raw_server(answers(500, 302, 200)) as server,
        flow_gateway(tmp_path, TELLS, reach=[server.url]) as gateway,
    ):
        run = await gateway.start(callback=server.url)
        events = await until_told(gateway, run, 3)
        await asyncio.sleep(0.2)
        requests = list(server.requests)
    assert [event["event"] for event in events] == ["callback.failed", "callback.failed", "callback.sent"]
    assert [event.get("message") for event in events] == ["status 500", "status 302", None]
    assert len({request.headers["webhook-id"] for request in requests}) == 1
    assert len({request.body for request in requests}) == 1
    assert len(requests) == 3


async def test_it_is_given_up(tmp_path: Path) -> None:
    async with raw_server(answers(500)) as server, flow_gateway(tmp_path, TELLS, reach=[server.url]) as gateway:
        run = await gateway.start(callback=server.url)
        events = await until_told(gateway, run, 3)
        await asyncio.sleep(0.2)
        assert len(server.requests) == 3
        assert [event["again_in_s"] is None for event in events] == [False, False, True]


async def test_failures_and_cancelled_runs_are_told(tmp_path: Path) -> None:
    async with raw_server(answers(200)) as server, flow_gateway(tmp_path, FAILS, reach=[server.url]) as gateway:
        run = await gateway.start(callback=server.url)
        await until_told(gateway, run)
        assert server.requests[0].json()["data"]["run"]["errors"][0]["code"] == "bad_data"


async def test_a_webhook_by_its_name(tmp_path: Path) -> None:
    async with raw_server(answers(200)) as server, flow_gateway(tmp_path, TELLS, named={"ops": server.url}) as gateway:
        await until_told(gateway, await gateway.start(callback="ops"))
        assert "webhook-signature" in server.requests[0].headers
        with pytest.raises(InvalidRequest, match="did you mean 'ops'"):
            await gateway.start(callback="opps")


async def test_the_next_process_tells_what_the_last_did_not(tmp_path: Path) -> None:
    async with raw_server(answers(200)) as server:
        async with flow_gateway(tmp_path, TELLS, reach=[server.url], calls_back=False) as gateway:
            run = await gateway.start(callback=server.url)
            await gateway.ended(run)
        assert server.requests == []
        (tmp_path / "gateway.db").unlink()
        async with flow_gateway(tmp_path, TELLS, reach=[server.url]) as gateway:
            await until_told(gateway, run)
        (tmp_path / "gateway.db").unlink()
        async with flow_gateway(tmp_path, TELLS, reach=[server.url]):
            await asyncio.sleep(0.2)
        assert len(server.requests) == 1


async def test_several_processes_tell_once(tmp_path: Path) -> None:
    async with (
        raw_server(answers(200)) as server,
        flow_gateway(tmp_path, TELLS, reach=[server.url], apart=True) as gateway,
        asyncio.TaskGroup() as group,
    ):
        serving = group.create_task(gateway.flows.callbacks.serve())
        runs = [await gateway.start(callback=server.url) for _ in range(8)]
        for run in runs:
            await until_told(gateway, run)
        await asyncio.sleep(0.2)
        assert len(server.requests) == 8
        serving.cancel()


async def test_an_end_after_resuming_is_another_message(tmp_path: Path) -> None:
    async with raw_server(answers(200)) as server, flow_gateway(tmp_path, FAILS, reach=[server.url]) as gateway:
        run = await gateway.start(callback=server.url)
        await until_told(gateway, run)
        await gateway.flows.resume(run)
        await until(lambda: len(server.requests) == 2)
        assert len({request.headers["webhook-id"] for request in server.requests}) == 2


async def test_a_flow_that_tells_nobody_is_not_started_with_a_callback(tmp_path: Path) -> None:
    silent = flow(step("a"))
    async with flow_gateway(tmp_path, silent) as gateway:
        with pytest.raises(InvalidRequest, match="tells nobody"):
            await gateway.start(callback="https://example.org/")
