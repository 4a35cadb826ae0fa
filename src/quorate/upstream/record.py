"""What was asked of the upstream: counts for each model, the last requests, who hung up."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, cast

import msgspec

#: Models with a count of their own; requests for further ones are counted under `OTHERS`.
MAX_COUNTED = 10_000
OTHERS = "(others)"


class SeenRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request as it came in; `at_s` is the loop's time, `connection` tells connections apart."""

    method: str
    path: str
    raw_headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    at_s: float
    connection: int

    @property
    def headers(self) -> dict[str, str]:
        """The headers with names in lower case; of one that comes twice, the last."""
        return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in self.raw_headers}

    @property
    def json(self) -> Any:
        """The body decoded; raises `msgspec.DecodeError` if it is not JSON."""
        return msgspec.json.decode(self.body)

    @property
    def model(self) -> str:
        """The model that the body names; empty if it names none."""
        try:
            body = self.json
        except msgspec.DecodeError:
            return ""
        return str(cast("dict[str, object]", body).get("model", "")) if isinstance(body, dict) else ""


class Stats(msgspec.Struct, frozen=True, kw_only=True):
    """Counts since the start or the last reset; `refused` are answers with an error status."""

    requests: int
    refused: int
    disconnects: int
    connections: int
    open_connections: int
    by_model: dict[str, int]


class Record:
    """A live object: what came in so far. It keeps the last `keep` requests and disconnects."""

    def __init__(self, keep: int) -> None:
        self.requests: deque[SeenRequest] = deque(maxlen=keep)
        self.disconnects: deque[SeenRequest] = deque(maxlen=keep)
        self.keeps = keep > 0
        self.total = self.refused = self.hung_up = self.connections = self.open_connections = 0
        self._by_model: dict[str, int] = {}
        self._waiting: list[tuple[Callable[[], bool], asyncio.Future[None]]] = []

    def request(self) -> None:
        """Count a request."""
        self.total += 1
        if self._waiting:
            self._tell()

    def model(self, name: str) -> None:
        """Count a request for a model."""
        counts = self._by_model
        if name not in counts and len(counts) >= MAX_COUNTED:
            name = OTHERS
        counts[name] = counts.get(name, 0) + 1

    def disconnect(self, request: SeenRequest | None) -> None:
        """Count a client that left before its answer was complete."""
        self.hung_up += 1
        if request is not None:
            self.disconnects.append(request)
        self._tell()

    async def wait(self, condition: Callable[[], bool]) -> None:
        """Return as soon as `condition` holds; it is asked after every change."""
        if condition():
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        entry = (condition, future)
        self._waiting.append(entry)
        try:
            await future
        finally:
            self._waiting.remove(entry)

    def reset(self) -> None:
        """Begin counting anew; connections stay as they are."""
        self.requests.clear()
        self.disconnects.clear()
        self._by_model.clear()
        self.total = self.refused = self.hung_up = 0

    def stats(self) -> Stats:
        """Return the counts."""
        return Stats(
            requests=self.total,
            refused=self.refused,
            disconnects=self.hung_up,
            connections=self.connections,
            open_connections=self.open_connections,
            by_model=dict(self._by_model),
        )

    def _tell(self) -> None:
        for condition, future in self._waiting:
            if not future.done() and condition():
                future.set_result(None)
