"""What is written while the database is away, and what is refused when no more can wait."""

import asyncio
import contextlib
import sqlite3
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from gateway_site import Site, chat, site
from patience import until
from quorate.storage.scope import ALL_TENANTS

CHAT = "/v1/chat/completions"
ROOM = 100


@pytest.fixture
def narrow() -> Iterator[Site]:
    """A gateway where a hundred records may wait."""
    with site(storage__queue_size=ROOM) as running:
        yield running


@contextlib.contextmanager
def away(gateway: Site) -> Generator[None]:
    """The database takes no writes until the context ends: somebody else holds it."""
    address = unquote(str(gateway.gateway.services.database.url_for_display))
    file = Path("/" + address.partition("///")[2].lstrip("/"))
    assert file.is_file(), address
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            other.execute("ROLLBACK")


async def test_requests_go_on_while_the_database_is_away_until_no_more_can_wait(narrow: Site) -> None:
    services = narrow.gateway.services
    with away(narrow):
        async with narrow.client() as client, asyncio.timeout(20):
            replies = [await client.ask("POST", CHAT, chat("plain")) for _ in range(ROOM)]
            assert {reply.status for reply in replies} == {200}
            await until(lambda: services.writer.waiting == ROOM)
            before = len(narrow.upstream.requests("fast"))
            refused = await client.ask("POST", CHAT, chat("plain"))
            assert (refused.status, refused.json["error"]["code"]) == (503, "overloaded")
            assert (refused.headers["x-should-retry"], refused.headers["retry-after"]) == ("true", "2")
            assert len(narrow.upstream.requests("fast")) == before
            assert (await client.ask("GET", "/healthz")).status == 200
    await until(lambda: services.writer.waiting == 0)
    runs = await asyncio.to_thread(services.database.runs.page, ALL_TENANTS, 200)
    assert {run.id for run in runs} == {reply.headers["x-quorate-run-id"] for reply in replies}
    async with narrow.client() as client:
        assert (await client.ask("POST", CHAT, chat("plain"))).status == 200


MODELS: dict[str, Any] = {
    "models__again": {"type": "ensemble", "members": ["cut"], "mode": "all"},
    "models__spare": {"type": "ensemble", "members": ["again", "plain"], "mode": "all"},
    "models__plain/other": {"provider": "up", "model": "fast#other", "price": {"input": 1, "output": 2}},
    "models__alike": {"type": "ensemble", "members": ["plain", "plain/other"], "mode": "all"},
    "models__written": {
        "type": "ensemble",
        "members": ["left", "right"],
        "mode": "all",
        "select": "synthesis",
        "synthesiser": "pausing",
    },
}


@pytest.fixture
def ensembles() -> Iterator[Site]:
    """A gateway with ensembles whose branches are not so easily counted."""
    with site(**MODELS) as running:
        yield running


async def test_what_the_branches_cost_is_what_the_run_costs(ensembles: Site) -> None:
    """Also where a member of a member fails, and where the name of one model begins with that of another."""
    async with ensembles.client() as client:
        for model, count in (("spare", 2), ("alike", 2)):
            for stream in (False, True):
                request_id = await client.send("POST", CHAT, chat(model, stream=stream))
                assert (await client.reply()).status == 200
                run = await ensembles.run(request_id)
                leaves = [branch for branch in run.branches if branch.leaf]
                assert len(leaves) == count
                assert sum(branch.cost_microusd or 0 for branch in leaves) == run.cost_microusd
                assert sum(branch.prompt_tokens for branch in leaves) == run.prompt_tokens
                assert sum(branch.completion_tokens for branch in leaves) == run.completion_tokens


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        (CHAT, chat("written")),
        (CHAT, chat("panel", parallel={"select": "synthesis", "synthesiser": "pausing"})),
        ("/v1/responses", {"model": "written", "input": "Where?"}),
    ],
)
async def test_the_first_token_is_that_of_the_answer(ensembles: Site, path: str, fields: dict[str, object]) -> None:
    """Not that of the first branch to speak, which nobody hears."""
    async with ensembles.client() as client:
        request_id = await client.send("POST", path, {**fields, "stream": True})
        assert (await client.reply()).status == 200
    run = await ensembles.run(request_id)
    writer = run.branches[-1]
    assert writer.branch == "synthesiser"
    assert run.first_token_at_s is not None
    assert writer.first_token_at_s is not None
    assert writer.first_token_at_s <= run.first_token_at_s <= run.finished_at_s


async def test_refused_requests_leave_no_run(gateway: Site) -> None:
    async with gateway.client() as client:
        request_id = await client.send("POST", CHAT, chat("nothing"))
        assert (await client.reply()).status == 404
        other = await client.send("POST", CHAT, chat("plain", api_base="http://x.test"))
        assert (await client.reply()).status == 400
        done = await client.send("POST", CHAT, chat("plain"))
        assert (await client.reply()).status == 200
    assert (await gateway.run(done)).status == 200
    runs = await asyncio.to_thread(gateway.gateway.services.database.runs.page, ALL_TENANTS, 200)
    assert not {request_id, other} & {run.request_id for run in runs}
