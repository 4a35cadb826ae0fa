"""A gateway on a real port before a real upstream, and a look at what it recorded."""

import asyncio
from collections.abc import Generator, Mapping
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

from patience import until, until_it
from private_server import free_port
from quorate.core.ids import RunId
from quorate.model.run import RunRecord
from quorate.storage.scope import ALL_TENANTS
from quorate.testing.local_gateway import LocalGateway
from raw_client import RawClient, client
from running_gateway import UPSTREAM_KEY, UpstreamThread

#: Each model costs 1 and 2 dollars a million tokens. `never` sends its headers at once and then nothing, `mute` not
#: even these; `endless` goes on for minutes; the other names say it.
BEHAVIOURS = {
    "plain": "fast",
    "left": "fast#left",
    "middle": "fast#middle",
    "right": "fast#right",
    "never": "first-300s",
    "mute": "delay-300s",
    "endless": "gap-5ms+tokens-50000",
    "once": "f03",
    "busy": "f04",
    "reset": "f05",
    "cut": "f08",
    "garbled": "f10",
    "unended": "f11",
    "long": "f12",
    "filtered": "f13",
    "pausing": "first-300ms",
}
_CONFIG = """
version: 1
providers:
  up: {{ type: openai, base_url: "{url}/v1", api_key: env:UPSTREAM_KEY }}
  claude: {{ type: anthropic, base_url: "{url}", api_key: env:UPSTREAM_KEY }}
  hand: {{ type: openai, base_url: "http://127.0.0.1:{port}/v1", api_key: env:UPSTREAM_KEY }}
models:
{models}
  translated: {{ provider: claude, model: fast, price: {{ input: 1, output: 2 }} }}
  mute-translated: {{ provider: claude, model: delay-300s, price: {{ input: 1, output: 2 }} }}
  invented: {{ type: simulated, profile: sim-atlas, latency_s: 0, tokens_per_s: 100000 }}
  panel: {{ type: ensemble, members: [left, middle, right], mode: all }}
  swift: {{ type: ensemble, members: [plain, never, mute], mode: race }}
  most: {{ type: ensemble, members: [left, middle, never], mode: quorum, min_models: 2 }}
  waiting: {{ type: ensemble, members: [plain, never, mute], mode: all }}
  by-hand: {{ provider: hand, model: x, price: {{ input: 1, output: 2 }} }}
defaults:
  retry: {{ max_retries: 1, delay_s: 0.01 }}
"""


def config_of(url: str, port: int, more: str = "") -> str:
    """The configuration of the gateway before the upstream at `url`, and what a test listens with on `port`."""
    models = "\n".join(
        f'  {name}: {{ provider: up, model: "{model}", price: {{ input: 1, output: 2 }} }}'
        for name, model in BEHAVIOURS.items()
    )
    return _CONFIG.format(url=url, port=port, models=models) + more


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A gateway, and the upstream behind it; the model `by-hand` is whatever listens on `port`."""

    gateway: LocalGateway
    upstream: UpstreamThread
    port: int

    def client(self, key: str | None = None, **more: Any) -> AbstractAsyncContextManager[RawClient]:
        """A connection, with an admin's key if no other is named."""
        return client(self.gateway.url, self.gateway.key if key is None else key, **more)

    async def runs(self, request_id: str, count: int = 1) -> list[RunRecord]:
        """The runs of a request with their branches, once nothing is under way and `count` of them are written."""

        async def written() -> bool:
            found[:] = await asyncio.to_thread(self._written, request_id)
            return len(found) >= count

        found = list[RunRecord]()
        await until_it(written)
        return found

    async def run(self, request_id: str) -> RunRecord:
        """The one run of a request."""
        (run,) = await self.runs(request_id)
        return run

    async def idle(self) -> None:
        """Wait until nothing is under way."""
        await until(lambda: not self.gateway.services.in_flight)

    async def hung_up(self, behaviour: str) -> None:
        """Wait until the upstream has seen that nobody waits for an answer of this behaviour."""
        await asyncio.to_thread(self.upstream.wait_for_hangup, behaviour)

    def _written(self, request_id: str) -> list[RunRecord]:
        services = self.gateway.services
        if services.in_flight or not services.writer.flush(5):
            return []
        store = services.database.runs
        page = store.page(ALL_TENANTS, 200)
        return [store.get(ALL_TENANTS, RunId(run.id)).run for run in page if run.request_id == request_id]


@contextmanager
def site(more: str = "", **overrides: object) -> Generator[Site]:
    """Serve until the context ends; `overrides` have `__` for the dots of their names."""
    given: Mapping[str, object] = {name.replace("__", "."): value for name, value in overrides.items()}
    port = free_port()
    with (
        UpstreamThread() as upstream,
        LocalGateway(
            config_of(upstream.url, port, more),
            environ={"UPSTREAM_KEY": UPSTREAM_KEY},
            overrides={"telemetry.logs.requests": False, **given},
        ) as gateway,
    ):
        yield Site(gateway=gateway, upstream=upstream, port=port)


def chat(model: str, **fields: Any) -> dict[str, Any]:
    """A chat request."""
    return {"model": model, "messages": [{"role": "user", "content": "What is the capital of France?"}], **fields}
