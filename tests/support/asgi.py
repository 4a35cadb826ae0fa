"""The gateway's application without a socket: a request goes in as messages, the answer comes out as messages."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from quorate.access.rate_limiter import RateLimiter
from quorate.config.defaults_section import Defaults
from quorate.config.server_section import ServerSection
from quorate.core.clock import Clock, SystemClock
from quorate.engine.catalog import Catalog, ModelCard, ModelKind
from quorate.model import Model
from quorate.model.run import RunRecord
from quorate.server.inbound import Message
from quorate.server.relays import Relays
from quorate.server.router import App
from quorate.server.services import Services

Headers = list[tuple[bytes, bytes]]
JSON: Headers = [(b"content-type", b"application/json")]


@dataclass(slots=True, kw_only=True)
class RunList:
    """A live writer that keeps what it is given; `room` is how many places it has."""

    room: int = 1000
    reserved: int = 0
    runs: list[RunRecord] = field(default_factory=list[RunRecord])

    def reserve(self) -> bool:
        if self.reserved >= self.room:
            return False
        self.reserved += 1
        return True

    def release(self) -> None:
        self.reserved -= 1

    def put(self, record: RunRecord) -> None:
        self.runs.append(record)


def catalog_of(models: Mapping[str, Model]) -> Catalog:
    """A catalog of models that are there already."""
    catalog = Catalog()
    for name, model in models.items():
        card = ModelCard(name=name, kind=ModelKind.SIMULATED, provider="test")
        catalog.add(card, lambda model=model: model)
    return catalog


def services_of(
    models: Mapping[str, Model] | None = None,
    *,
    clock: Clock | None = None,
    writer: RunList | None = None,
    **fields: Any,
) -> Services:
    """The services of a gateway without keys and without a database."""
    clock = clock or SystemClock()
    catalog = catalog_of(models or {})
    given: dict[str, Any] = {
        "settings": ServerSection(),
        "defaults": Defaults(),
        "database": None,
        "keys": None,
        "limiter": RateLimiter(clock=clock),
        "writer": writer or RunList(),
        **fields,
    }
    return Services(catalog=catalog, clock=clock, relays=Relays(catalog), **given)


def runs_of(services: Services) -> list[RunRecord]:
    """What was recorded."""
    return cast("RunList", services.writer).runs


@dataclass(slots=True, kw_only=True)
class Answer:
    """A live answer: what was sent so far."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict[str, str])
    pieces: list[bytes] = field(default_factory=list[bytes])
    complete: bool = False

    @property
    def body(self) -> bytes:
        return b"".join(self.pieces)

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Exchange:
    """A live request: `leave()` is the caller's hang-up, `wrote(n)` waits for the n-th piece of the answer."""

    def __init__(self, *body: bytes) -> None:
        self.answer = Answer()
        self._inbox = asyncio.Queue[Message]()
        self._changed = asyncio.Condition()
        pieces = body or (b"",)
        for number, piece in enumerate(pieces, 1):
            self._inbox.put_nowait({"type": "http.request", "body": piece, "more_body": number < len(pieces)})

    async def receive(self) -> Message:
        return await self._inbox.get()

    async def send(self, message: Message) -> None:
        answer = self.answer
        if message["type"] == "http.response.start":
            assert not answer.status, "a response began twice"
            answer.status = message["status"]
            answer.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            assert answer.status, "a body without a beginning"
            assert not answer.complete, "a piece after the end"
            if message.get("body"):
                answer.pieces.append(message["body"])
            answer.complete = not message.get("more_body", False)
        async with self._changed:
            self._changed.notify_all()

    def leave(self) -> None:
        self._inbox.put_nowait({"type": "http.disconnect"})

    async def wrote(self, count: int = 1) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: len(self.answer.pieces) >= count)


def scope_of(method: str, path: str, headers: Headers | None = None) -> dict[str, Any]:
    """An HTTP scope as the server makes it; a query after `?`."""
    bare, _, query = path.partition("?")
    return {
        "type": "http",
        "method": method,
        "path": bare,
        "raw_path": bare.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [*(headers or [])],
        "client": ("192.0.2.1", 50_000),
        "server": ("127.0.0.1", 8080),
        "scheme": "http",
        "http_version": "1.1",
    }


async def ask(app: App, method: str, path: str, body: object = b"", headers: Headers | None = None) -> Answer:
    """The whole answer to a request; a body that is no bytes is sent as JSON."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    given = headers if headers is not None else (JSON if data else [])
    exchange = Exchange(data)
    await app(scope_of(method, path, given), exchange.receive, exchange.send)
    assert exchange.answer.complete
    return exchange.answer


def chat_body(model: str = "m", text: str = "hi", **fields: Any) -> dict[str, Any]:
    """A chat request."""
    return {"model": model, "messages": [{"role": "user", "content": text}], **fields}
