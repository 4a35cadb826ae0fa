"""The end of a gateway: what is under way is finished or told, and nothing else is waited for."""

import asyncio
import logging
import sqlite3
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from typing import cast

import pytest
import uvicorn

from asgi import services_of
from firehose import Firehose
from gateway_site import Site, chat, site
from patience import until
from quorate.access.permission import Permission
from quorate.config.server_section import ServerSection
from quorate.core.tasks import background
from quorate.server.draining_server import DrainingServer
from quorate.server.event_stream import EventStream
from quorate.server.guarded_protocol import GuardedProtocol
from quorate.server.route import Answer, Exchange, Route
from quorate.server.router import Router
from quorate.server.serve import listen
from raw_client import RawClient, client

CHAT = "/v1/chat/completions"
KEYS = "/api/v1/keys"
NEW_KEY = {"name": "made during a drain", "scopes": ["chat"]}


@pytest.fixture
def patient() -> Iterator[Site]:
    with site() as running:
        yield running


@pytest.fixture
def hasty() -> Iterator[Site]:
    with site(server__drain_s=0.1) as running:
        yield running


@contextmanager
def locked(gateway: Site) -> Generator[sqlite3.Connection]:
    """Somebody else holds the one write lock of the database, until they roll back."""
    with closing(sqlite3.connect(str(gateway.gateway.services.database.file), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield other


async def key_under_way(gateway: Site, client: RawClient) -> str:
    """Ask for a new key, which has to wait; the request's id."""
    request_id = await client.send("POST", KEYS, NEW_KEY)
    await until(lambda: gateway.gateway.services.busy)
    return request_id


async def test_a_change_under_way_is_finished(patient: Site) -> None:
    async with asyncio.timeout(25), patient.client() as client:
        with locked(patient) as other:
            await key_under_way(patient, client)
            stopping = asyncio.create_task(asyncio.to_thread(patient.gateway.stop))
            await until(patient.gateway.services.ending.is_set)
            other.execute("ROLLBACK")
        reply = await client.reply()
        await stopping
    assert (reply.status, reply.json["key"]["name"]) == (201, NEW_KEY["name"])


async def test_a_change_that_is_cut_off_is_told(hasty: Site, caplog: pytest.LogCaptureFixture) -> None:
    async with asyncio.timeout(25), hasty.client() as client:
        with locked(hasty):
            request_id = await key_under_way(hasty, client)
            stopping = asyncio.create_task(asyncio.to_thread(hasty.gateway.stop))
            reply = await client.reply()
        await stopping
    assert (reply.status, reply.headers["content-type"]) == (503, "application/problem+json")
    assert (reply.json["code"], reply.headers["x-request-id"]) == ("overloaded", request_id)
    assert caplog.text == ""


async def test_a_body_that_still_comes_holds_nothing_up(hasty: Site, caplog: pytest.LogCaptureFixture) -> None:
    async with asyncio.timeout(25), hasty.client() as client:
        await client.send("POST", CHAT, b'{"model"', headers={"content-length": "500"})
        async with hasty.client() as other:  # whose answer shows that the gateway reads the first one
            assert (await other.ask("GET", "/healthz")).status == 200
        stopping = asyncio.create_task(asyncio.to_thread(hasty.gateway.stop))
        reply = await client.reply()
        await stopping
    assert (reply.status, reply.json["error"]["code"]) == (503, "overloaded")
    assert caplog.text == ""


async def test_who_reads_nothing_is_cut_off_quietly(hasty: Site, caplog: pytest.LogCaptureFixture) -> None:
    firehose = Firehose()
    server = await asyncio.start_server(firehose, "127.0.0.1", hasty.port)
    async with server, asyncio.timeout(25), hasty.client(limit=1024) as client:
        request_id = await client.send("POST", CHAT, chat("by-hand", stream=True))
        assert (await client.head()).status == 200
        await firehose.held.wait()
        await asyncio.to_thread(hasty.gateway.stop)
    assert caplog.text == ""
    with closing(sqlite3.connect(str(hasty.gateway.services.database.file))) as database:
        found = database.execute("SELECT status, state FROM runs WHERE request_id = ?", (request_id,)).fetchall()
    assert found == [(200, "failed")]


async def pour(exchange: Exchange) -> Answer:
    """A stream that only follows something, faster than it is read."""

    async def write(stream: EventStream) -> None:
        while True:
            await stream.write(b": " + b"x" * 65_000 + b"\n\n")

    del exchange
    return Answer(events=write)


async def test_a_stream_that_nobody_reads_holds_nothing_up(caplog: pytest.LogCaptureFixture) -> None:
    services = services_of(settings=ServerSection(drain_s=600))
    route = Route(method="GET", path="/follow", handler=pour, summary="", permission=Permission.RUNS_READ)
    config = uvicorn.Config(Router((route,), services), http=GuardedProtocol, lifespan="off", log_config=None)
    server = DrainingServer(config, services)
    listener = listen("127.0.0.1", 0)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    async with (
        asyncio.timeout(25),
        background(server.serve(sockets=[listener])) as serving,
        client(url, limit=1024) as reader,
    ):
        await reader.send("GET", "/follow")
        assert (await reader.head()).status == 200
        (connection,) = cast("set[GuardedProtocol]", server.server_state.connections)
        await until(lambda: connection.flow.write_paused)
        server.handle_exit(15, None)
        await serving
    assert [line for line in caplog.records if line.levelno >= logging.WARNING] == []
