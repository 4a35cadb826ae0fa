"""Callers who leave, at any moment, and callers who read slowly."""

import asyncio
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from firehose import Firehose
from gateway_site import BEHAVIOURS, Site, chat, site
from quorate.model.event import State
from quorate.server.event_stream import PING

CHAT = "/v1/chat/completions"


async def begun(gateway: Site, *behaviours: str) -> None:
    await asyncio.to_thread(gateway.upstream.wait_for_requests, behaviours)


def asking(model: str, *, stream: bool, label: str) -> dict[str, Any]:
    """A request to a model of its own, so that tests do not see each other's."""
    return chat(f"up:{BEHAVIOURS[model]}#{label}", stream=stream)


@pytest.mark.parametrize(("model", "stream"), [("mute", False), ("mute", True), ("never", True), ("endless", False)])
async def test_before_the_first_byte(gateway: Site, model: str, stream: bool) -> None:
    label = f"{model}-{stream}"
    behaviour = f"{BEHAVIOURS[model]}#{label}"
    async with gateway.client() as client:
        request_id = await client.send("POST", CHAT, asking(model, stream=stream, label=label))
        await begun(gateway, behaviour)
        client.leave()
        await gateway.hung_up(behaviour)
    run = await gateway.run(request_id)
    assert (run.status, run.state, run.error_code) == (499, State.CANCELLED, "client_gone")
    assert run.estimated
    assert run.prompt_tokens > 0
    assert [branch.state for branch in run.branches] == [State.CANCELLED]


async def test_in_mid_stream(gateway: Site) -> None:
    async with gateway.client() as client:
        request_id = await client.send("POST", CHAT, chat("endless", stream=True))
        assert (await client.head()).status == 200
        for _ in range(5):
            await client.piece()
        client.leave()
        await gateway.hung_up(BEHAVIOURS["endless"])
    run = await gateway.run(request_id)
    assert (run.status, run.state) == (499, State.CANCELLED)
    assert run.estimated
    assert run.completion_tokens >= 3
    assert run.cost_microusd == run.branches[0].cost_microusd == run.prompt_tokens + 2 * run.completion_tokens
    assert run.first_token_at_s is not None


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("way", ["all", "quorum", "translated", "responses"])
async def test_every_branch_ends(gateway: Site, way: str, stream: bool) -> None:
    label = f"{way}-{stream}"
    never, mute = (f"{BEHAVIOURS[model]}#{label}" for model in ("never", "mute"))
    members = ["plain", f"up:{never}", f"up:{mute}"]
    bodies: dict[str, dict[str, Any]] = {
        "all": {"parallel": {"models": members, "mode": "all"}},
        "quorum": {"parallel": {"models": members, "mode": "quorum", "minModels": 3}},
        "translated": {"model": f"claude:{mute}"},
        "responses": {"model": f"claude:{mute}", "input": "hi"},
    }
    body = {**chat("x", stream=stream), **bodies[way]}
    path, left = CHAT, [never, mute]
    if "parallel" in body:
        del body["model"]
    else:
        left = [mute]
    if way == "responses":
        path = "/v1/responses"
        del body["messages"]
    async with gateway.client() as client:
        request_id = await client.send("POST", path, body)
        await begun(gateway, *left)
        client.leave()
        for behaviour in left:
            await gateway.hung_up(behaviour)
    run = await gateway.run(request_id)
    assert (run.status, run.state, run.error_code) == (499, State.CANCELLED, "client_gone")
    leaves = [branch for branch in run.branches if branch.leaf]
    assert {branch.state for branch in leaves[-len(left) :]} == {State.CANCELLED}
    assert run.prompt_tokens == sum(branch.prompt_tokens for branch in leaves) > 0
    assert run.estimated
    assert run.cost_microusd is None  # what is not configured has no known price


async def test_what_a_panel_had_cost_until_then(gateway: Site) -> None:
    async with gateway.client() as client:
        request_id = await client.send("POST", CHAT, chat("waiting"))
        await begun(gateway, *(BEHAVIOURS[model] for model in ("plain", "never", "mute")))
        client.leave()
    run = await gateway.run(request_id)
    assert (run.status, run.mode) == (499, "all")
    assert run.cost_microusd == sum(branch.cost_microusd or 0 for branch in run.branches if branch.leaf)
    assert (run.cost_microusd or 0) > 0


@pytest.mark.parametrize("model", ["plain", "translated", "panel", "invented"])
async def test_after_the_end_mark(gateway: Site, model: str) -> None:
    """Clients hang up when they have read it; that is no cancellation."""
    async with gateway.client() as client:
        request_id = await client.send("POST", CHAT, chat(model, stream=True))
        await client.head()
        while b"[DONE]" not in await client.piece():
            pass
        client.leave()
    run = await gateway.run(request_id)
    assert (run.status, run.state) == (200, State.FINISHED)


async def test_after_a_whole_answer(gateway: Site) -> None:
    async with gateway.client() as client:
        request_id = await client.send("POST", CHAT, chat("plain"))
        await client.head()
        client.leave()
    run = await gateway.run(request_id)
    assert (run.status, run.state) == (200, State.FINISHED)


async def test_while_the_body_is_being_sent(gateway: Site) -> None:
    """Nothing was admitted, so there is no run; and nothing is left behind."""
    before = gateway.gateway.services.writer.waiting
    async with gateway.client() as client:
        await client.send("POST", CHAT, b'{"model"', headers={"content-length": "500"})
        client.leave()
    async with gateway.client() as client:
        assert (await client.ask("POST", CHAT, chat("plain"))).status == 200
    await gateway.idle()
    assert gateway.gateway.services.writer.waiting <= before + 1


@pytest.fixture(scope="module")
def restless() -> Iterator[Site]:
    """A gateway that cannot bear silence."""
    with site(server__heartbeat_s=0.05) as running:
        yield running


async def test_a_silent_stream_is_kept_awake(restless: Site) -> None:
    async with restless.client() as client, asyncio.timeout(20):
        await client.send("POST", CHAT, chat("pausing", stream=True))
        assert (await client.head()).status == 200
        assert await client.piece() == PING
        seen = b""
        while piece := await client.piece():
            seen += piece
        assert seen.endswith(b"data: [DONE]\n\n")
        request_id = await client.send("POST", CHAT, chat("waiting", stream=True))
        await client.head()
        assert [await client.piece() for _ in range(3)] == [PING] * 3
        client.leave()
    assert (await restless.run(request_id)).status == 499


async def test_a_slow_reader_slows_the_provider_down(gateway: Site) -> None:
    """Whatever the caller does not read may not pile up in the gateway: the provider has to wait."""
    firehose = Firehose()
    server = await asyncio.start_server(firehose, "127.0.0.1", gateway.port)
    async with server, asyncio.timeout(25):
        async with gateway.client(limit=1024) as client:
            request_id = await client.send("POST", CHAT, chat("by-hand", stream=True))
            assert (await client.head()).status == 200
            await firehose.held.wait()
            held_at = firehose.sent
            assert gateway.gateway.services.in_flight == 1
            for _ in range(held_at // 65_000):
                await client.piece()  # reading makes it flow again
            while firehose.sent == held_at:
                await client.piece()
            client.leave()
        await firehose.left.wait()
    run = await gateway.run(request_id)
    assert (run.status, run.estimated) == (499, True)


@pytest.fixture
def ending() -> Iterator[Site]:
    with site(server__drain_s=0.1) as running:
        yield running


@pytest.mark.parametrize("stream", [False, True])
async def test_who_is_cut_off_by_the_end_of_the_gateway_is_told_and_recorded(ending: Site, stream: bool) -> None:
    async with asyncio.timeout(25), ending.client() as client:
        request_id = await client.send("POST", CHAT, chat("mute", stream=stream))
        await begun(ending, "delay-300s")
        await asyncio.to_thread(ending.gateway.stop)
        reply = await client.head()
        error = json.loads(await client.piece())["error"]
    assert (reply.status, error["code"]) == (503, "overloaded")
    assert int(reply.headers["retry-after"]) >= 1
    assert await asyncio.to_thread(recorded, ending, request_id) == [(503, "failed")]


@pytest.mark.parametrize(
    ("path", "body", "told"),
    [
        (CHAT, chat("endless", stream=True), b'data: {"error":'),
        (
            CHAT,
            {**chat("endless", stream=True), "parallel": {"models": ["endless"], "mode": "race"}},
            b'data: {"error":',
        ),
        ("/v1/responses", {"model": "endless", "input": "hi", "stream": True}, b"event: response.failed\n"),
    ],
    ids=["chat", "parallel", "responses"],
)
async def test_a_stream_that_is_cut_off_by_the_end_of_the_gateway_says_so(
    ending: Site, path: str, body: dict[str, Any], told: bytes
) -> None:
    async with asyncio.timeout(25), ending.client() as client:
        request_id = await client.send("POST", path, body)
        assert (await client.head()).status == 200
        await client.piece()
        stopping = asyncio.create_task(asyncio.to_thread(ending.gateway.stop))
        text = b""
        while piece := await client.piece():
            text += piece
        await stopping
    assert told in text
    assert text.count(b"overloaded") == 1
    assert b"the caller left" not in text
    assert b"[DONE]" not in text
    assert await asyncio.to_thread(recorded, ending, request_id) == [(200, "failed")]


def recorded(gateway: Site, request_id: str) -> list[Any]:
    """What the database holds of a request after the end of its gateway."""
    with closing(sqlite3.connect(str(gateway.gateway.services.database.file))) as database:
        return database.execute("SELECT status, state FROM runs WHERE request_id = ?", (request_id,)).fetchall()
