"""Callbacks that come with runs of flows reach nothing but public web servers and what the operator allowed."""

import asyncio
import json
from pathlib import Path

import pytest

from flow_gateway import flow_gateway
from flow_site import flow, step
from patience import until_it
from quorate.core.errors import InvalidRequest
from quorate.flows.plan import Callbacks
from raw_server import always, raw_server, whole

TELLS = flow(step("a"), callbacks=Callbacks(enabled=True, max_retries=0))

#: Refused before a run begins.
REFUSED = [
    "http://127.0.0.1/",
    "http://127.1:8080/",
    "http://2130706433/",
    "http://0x7f.0.0.1/",
    "http://0177.0.0.1/",
    "http://0.0.0.0/",
    "http://10.1.2.3/",
    "http://172.16.0.1/",
    "http://192.168.0.1/",
    "http://[::1]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[fc00::1]/",
    "http://169.254.169.254/latest/meta-data/",
    "http://metadata.google.internal/",
    "http://user:word@example.org/",
    "http://example.org@127.0.0.1/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:6379/_FLUSHALL",
    "ftp://example.org/",
    "//127.0.0.1/",
    "127.0.0.1",
    "",
    "x" * 3000,
    "https://example.org/" + "x" * 3000,
]
#: Refused when the message would leave.
BLOCKED = ["http://localhost:1/", "http://localhost.:1/", "http://example.org:25/", "http://example.org:6379/"]


@pytest.mark.parametrize("url", REFUSED)
async def test_what_leads_inside_is_refused_at_once(tmp_path: Path, url: str) -> None:
    async with flow_gateway(tmp_path, TELLS) as gateway:
        with pytest.raises(InvalidRequest) as refused:
            await gateway.start(callback=url)
        assert refused.value.param == "callback"
        assert "word@" not in refused.value.message
        assert await gateway.flows.journal.runs() == []


@pytest.mark.parametrize("url", BLOCKED)
async def test_names_and_ports_of_others_are_blocked_when_it_is_sent(tmp_path: Path, url: str) -> None:
    async with flow_gateway(tmp_path, TELLS) as gateway:
        run = await gateway.start(callback=url)

        async def has_failed() -> bool:
            return any(b"callback.failed" in each.data for each in await gateway.flows.events(run))

        await until_it(has_failed)
        last = json.loads((await gateway.flows.events(run))[-1].data)
    assert last["again_in_s"] is None


async def test_a_redirect_is_not_followed(tmp_path: Path) -> None:
    async with raw_server(always(whole(b""))) as inside:
        moved = whole(b"", status=307, location=inside.url)
        async with (
            raw_server(always(moved)) as server,
            flow_gateway(tmp_path, TELLS, reach=[server.url]) as gateway,
        ):
            run = await gateway.start(callback=server.url)
            await gateway.ended(run)
            await asyncio.sleep(0.3)
            assert len(server.requests) == 1
        assert inside.requests == []
