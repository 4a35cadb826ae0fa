"""A whole gateway in front of simulated providers, for tests that come as other people's clients."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self, TypeVar

import httpx2

from quorate.testing.local_gateway import LocalGateway
from quorate.upstream import SeenRequest, UpstreamServer

T = TypeVar("T")

UPSTREAM_KEY = "upstream-key"
ENVIRON = {"UPSTREAM_KEY": UPSTREAM_KEY, "WRONG_KEY": "another-key"}
_WAIT_S = 40.0

#: `plain` and `other` speak OpenAI's language and are relayed; `translated` speaks Anthropic's. `panel` are three that
#: agree, `invented` is made inside the gateway. Any other behaviour is asked for as `upstream:BEHAVIOUR`, or translated
#: as `messages:BEHAVIOUR`; `locked:BEHAVIOUR` is one whose key is not taken. The gateway does not ask again by itself,
#: so that what clients do shows, and it leaves no model alone.
CONFIG = """
version: 1
providers:
  upstream: {{ type: openai, base_url: "{url}/v1", api_key: env:UPSTREAM_KEY }}
  messages: {{ type: anthropic, base_url: "{url}", api_key: env:UPSTREAM_KEY }}
  locked: {{ type: openai, base_url: "{url}/v1", api_key: env:WRONG_KEY }}
models:
  plain: {{ provider: upstream, model: fast, price: {{ input: 1, output: 2 }} }}
  other: {{ provider: upstream, model: "fast#other", price: {{ input: 1, output: 2 }} }}
  translated: {{ provider: messages, model: fast, price: {{ input: 1, output: 2 }} }}
  left: {{ provider: upstream, model: "fast#left", price: {{ input: 1, output: 2 }} }}
  middle: {{ provider: upstream, model: "fast#middle", price: {{ input: 1, output: 2 }} }}
  right: {{ provider: upstream, model: "fast#right", price: {{ input: 1, output: 2 }} }}
  panel: {{ type: ensemble, members: [left, middle, right], mode: all }}
  swift: {{ type: ensemble, members: [left, middle, right], mode: race }}
  text-embedding-3-small: {{ provider: upstream, model: fast, price: {{ input: 1, output: 0 }} }}
  invented: {{ type: simulated, profile: sim-atlas, latency_s: 0, tokens_per_s: 100000 }}
defaults:
  retry: {{ max_retries: 0 }}
  breaker: false
"""


class UpstreamThread:
    """A live object: the test upstream on an event loop and a thread of its own, so that any code can call it."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="upstream", daemon=True)
        self._server = UpstreamServer(api_key=UPSTREAM_KEY)
        self._url = ""

    @property
    def url(self) -> str:
        """Where it listens, without `/v1`."""
        return self._url

    def __enter__(self) -> Self:
        self._thread.start()
        self._run(self._server.__aenter__())
        self._url = self._server.url
        return self

    def __exit__(self, *_: object) -> None:
        self._run(self._server.__aexit__(None, None, None))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def requests(self, behaviour: str) -> list[SeenRequest]:
        """Return the requests for one model, oldest first."""
        return self._ask(lambda: [request for request in self._server.requests if request.model == behaviour])

    def wait_for_requests(self, behaviours: Iterable[str]) -> None:
        """Return when each of these models has been asked."""

        async def wait() -> None:
            missing = set(behaviours)
            while missing := missing - self._server.stats().by_model.keys():
                await self._server.received(self._server.stats().requests + 1)

        self._run(asyncio.wait_for(wait(), _WAIT_S))

    def wait_for_hangup(self, behaviour: str) -> SeenRequest:
        """Return the first request for a model whose answer was not read to its end; waits for it."""

        async def wait() -> SeenRequest:
            while True:
                found = [request for request in self._server.disconnects if request.model == behaviour]
                if found:
                    return found[0]
                await self._server.disconnected(self._server.stats().disconnects + 1)

        return self._run(asyncio.wait_for(wait(), _WAIT_S))

    def _ask(self, question: Callable[[], T]) -> T:
        async def ask() -> T:
            return question()

        return self._run(ask())

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_WAIT_S)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningGateway:
    """A gateway and what is behind it."""

    gateway: LocalGateway
    upstream: UpstreamThread

    @property
    def base_url(self) -> str:
        """What clients are given."""
        return self.gateway.base_url

    @property
    def url(self) -> str:
        """Where it listens, without `/v1`."""
        return self.gateway.url

    @property
    def key(self) -> str:
        """An admin's key."""
        return self.gateway.key

    def new_key(self, **fields: object) -> str:
        """Return a key that the gateway's own API made: `scopes`, `models`, `allowance`, `expires_at`."""
        answer = httpx2.post(
            f"{self.url}/api/v1/keys",
            json={"name": "for a test", **fields},
            headers={"authorization": f"Bearer {self.key}"},
        )
        answer.raise_for_status()
        secret: str = answer.json()["secret"]
        return secret


@contextmanager
def running_gateway() -> Generator[RunningGateway]:
    """Serve the models of `CONFIG` until the context ends."""
    with (
        UpstreamThread() as upstream,
        LocalGateway(CONFIG.format(url=upstream.url), environ=ENVIRON) as gateway,
    ):
        yield RunningGateway(gateway=gateway, upstream=upstream)
