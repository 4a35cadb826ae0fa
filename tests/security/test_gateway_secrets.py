"""Canaries: whatever is secret shows in nothing that leaves the gateway or is kept by it."""

import asyncio
import io
import logging
import re
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from gateway_site import chat
from private_server import free_port
from quorate.storage.scope import ALL_TENANTS
from quorate.testing.local_gateway import LocalGateway
from raw_client import client
from running_gateway import UpstreamThread

PROVIDER_KEY = "sk-canary-provider-0123456789"
HEADER_KEY = "canary-header-0123456789"
PROXY = "http://canary-user:canary-proxy-password@127.0.0.1:{port}"
CONFIG = """
version: 1
providers:
  refusing:
    type: openai
    base_url: "{url}/v1"
    api_key: env:PROVIDER_KEY
    headers: {{ x-secret-token: env:HEADER_KEY }}
  claude: {{ type: anthropic, base_url: "{url}", api_key: env:PROVIDER_KEY }}
  nowhere: {{ type: openai, base_url: "http://127.0.0.1:{port}/v1", api_key: env:PROVIDER_KEY }}
  proxied: {{ type: openai, base_url: "http://up.test/v1", api_key: env:PROVIDER_KEY, proxy: env:PROXY }}
models:
  refused: {{ provider: refusing, model: fast }}
  translated: {{ provider: claude, model: fast }}
  away: {{ provider: nowhere, model: fast }}
  behind: {{ provider: proxied, model: fast }}
  all-of-them: {{ type: ensemble, members: [refused, translated, away, behind], mode: all }}
  invented: {{ type: simulated, profile: sim-atlas, latency_s: 0, tokens_per_s: 100000 }}
defaults: {{ retry: {{ max_retries: 0 }}, breaker: false }}  # so that each request meets its provider
telemetry:
  metrics: {{ access: open }}
  tracing: {{ enabled: true, endpoint: "http://127.0.0.1:{collector}" }}
"""


class Collector(ThreadingHTTPServer):
    """A live receiver of spans; `spans` holds their bytes, in which texts stand as they are."""

    def __init__(self) -> None:
        self.spans: list[bytes] = []
        super().__init__(("127.0.0.1", 0), Reception)


class Reception(BaseHTTPRequestHandler):
    """One post of spans."""

    def do_POST(self) -> None:
        server = self.server
        assert isinstance(server, Collector)
        server.spans.append(self.rfile.read(int(self.headers["content-length"])))
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        return


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def spoken(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.DEBUG)
    return caplog


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What is written to the standard error; a gateway keeps the one that it finds when it starts."""
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    return stream


@pytest.fixture
def gateway(collector: Collector, logged: io.StringIO) -> Iterator[LocalGateway]:
    port = free_port()
    secrets = {"PROVIDER_KEY": PROVIDER_KEY, "HEADER_KEY": HEADER_KEY, "PROXY": PROXY.format(port=port)}
    with (
        UpstreamThread() as upstream,  # takes another key: it refuses, and says so
        LocalGateway(
            CONFIG.format(url=upstream.url, port=port, collector=collector.server_port),
            environ=secrets,
            overrides={"telemetry.logs.level": "debug"},
        ) as running,
    ):
        yield running


def canaries(*keys: str) -> re.Pattern[str]:
    words = [PROVIDER_KEY, HEADER_KEY, "canary-proxy-password", "canary-user", *(key[12:] for key in keys)]
    return re.compile("|".join(map(re.escape, words)))


async def test_no_canary_sings(
    gateway: LocalGateway,
    collector: Collector,
    spoken: pytest.LogCaptureFixture,
    logged: io.StringIO,
) -> None:
    seen: list[str] = []
    admin_key = gateway.key
    async with client(gateway.url, admin_key) as admin, asyncio.timeout(25):
        made: Any = (await admin.ask("POST", "/api/v1/keys", {"name": "n"})).json
        key = made["secret"]
        async with client(gateway.url, key) as connection:
            for model in ("refused", "translated", "away", "behind", "all-of-them", "invented", PROVIDER_KEY):
                for stream in (False, True):
                    reply = await connection.ask("POST", "/v1/chat/completions", chat(model, stream=stream))
                    assert reply.status in ({200} if model == "invented" else {400, 404, 429, 502, 504}), reply
                    if model != PROVIDER_KEY:  # what the caller says itself may be said back
                        seen.append(repr(reply))
            away = {"model": "away", "input": "x"}
            seen += [repr(await connection.ask("POST", path, away)) for path in ("/v1/embeddings", "/v1/responses")]
        wrong = key[:-4] + "0000"
        async with client(gateway.url, wrong) as stranger:
            seen.append(repr(await stranger.ask("POST", "/v1/chat/completions", chat("refused"))))
        listed = (
            "/api/v1/keys",
            f"/api/v1/keys/{made['key']['id']}",
            "/api/v1/me",
            "/v1/models",
            "/api/v1/runs?limit=200",
        )
        for path in (*listed, "/metrics", "/openapi.json", "/readyz"):
            reply = await admin.ask("GET", path)
            assert reply.status == 200
            seen.append(repr(reply))
        services = gateway.services
        assert await asyncio.to_thread(services.writer.flush, 5)
        runs = await asyncio.to_thread(services.database.runs.page, ALL_TENANTS, 200)
        own = [run.id for run in runs if run.model != PROVIDER_KEY]
        seen += [repr(await admin.ask("GET", f"/api/v1/runs/{run_id}")) for run_id in own]
    await asyncio.to_thread(gateway.stop)  # by then logs and spans have left
    spans = b"".join(collector.spans).decode("latin-1")
    assert "all-of-them" in spans
    assert '"event":"request"' in logged.getvalue()
    seen += [logged.getvalue(), spoken.text, spans]
    for text in seen:
        found = canaries(admin_key, key, wrong).search(text)
        assert found is None, text[max(0, found.start() - 200) : found.end() + 20]


async def test_no_key_is_kept(gateway: LocalGateway, tmp_path: Path) -> None:
    async with client(gateway.url, gateway.key) as admin:
        made: Any = (await admin.ask("POST", "/api/v1/keys", {"name": "n"})).json
    address = str(gateway.services.database.url_for_display)
    file = Path(address.removeprefix("sqlite:///").removeprefix("sqlite:"))
    kept = b"".join(part.read_bytes() for part in file.parent.rglob("*") if part.is_file())
    assert made["key"]["id"].encode() in kept
    for key in (gateway.key, made["secret"]):
        assert key.encode() not in kept
        assert key[12:].encode() not in kept
