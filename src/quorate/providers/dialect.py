"""What a provider's API is to the rest of us: four pure steps, gathered in a `Dialect`."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, cast
from urllib.parse import urlencode

import msgspec

from quorate.core.errors import InvalidRequest, Malformed, ProviderError
from quorate.core.secret import Secret
from quorate.providers.transport import HttpRequest
from quorate.wire.chat import ChatRequest, ChatResponse
from quorate.wire.open import JsonObject, Open, encode
from quorate.wire.sse import SseEvent
from quorate.wire.stream import ChatChunk
from quorate.wire.surrogates import lone_surrogate, mended

_VERSIONED = re.compile(r"/v\d\w*$")

_CREDENTIALS = re.compile(r"(bearer|basic|token|apikey|api-key)\s", re.IGNORECASE)

#: Fields of a request that are ours or would configure the connection: whoever sends them, they never leave.
OWN_FIELDS = frozenset(
    {"parallel", "quorate", "timeout", "api_base", "base_url", "api_key", "extra_headers", "extra_body"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One model at one provider: where requests go and with which key.

    `headers` are added to, and replace, the dialect's own; `query` is added to every URL (`api-version`).
    """

    model_id: str
    base_url: str
    api_key: Secret | None = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    query: Mapping[str, str] = field(default_factory=dict[str, str])
    _replaced: frozenset[str] = field(init=False, repr=False, compare=False)
    _asked: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Work out once what is the same for each request: names of headers in lower case, the end of the URL."""
        object.__setattr__(self, "_replaced", frozenset(name.lower() for name in self.headers))
        object.__setattr__(self, "_asked", f"?{urlencode(self.query)}" if self.query else "")

    def secrets(self) -> tuple[Secret, ...]:
        """Return what must not show in messages, the longest first: the key, headers, and keys after `Bearer`."""
        values = {self.api_key.reveal()} if self.api_key is not None else set[str]()
        for value in self.headers.values():
            values |= {value, value.rpartition(" ")[2]} if _CREDENTIALS.match(value) else {value}
        return tuple(Secret(value) for value in sorted(values, key=len, reverse=True))

    def post(
        self,
        path: str,
        body: JsonObject | Open,
        headers: Mapping[str, str],
        *,
        query: Mapping[str, str] | None = None,
        version: str | None = None,
    ) -> HttpRequest:
        """Return the POST of `body` as JSON to `path` below the base URL.

        `version` is put between them if the base URL does not end in a version itself.
        """
        base = self.base_url.rstrip("/")
        if version is not None and _VERSIONED.search(base) is None:
            base = f"{base}/{version}"
        asked = f"?{urlencode({**self.query, **query})}" if query else self._asked
        sent = {"content-type": "application/json", **headers}
        if self.headers:
            kept = {name: value for name, value in sent.items() if name.lower() not in self._replaced}
            sent = {**kept, **self.headers}
        try:
            data = encode(body)
        except UnicodeEncodeError as error:
            raise InvalidRequest(f"the request holds half of a surrogate pair: {error.object!r}"[:200]) from None
        return HttpRequest(url=base + path + asked, headers=sent, body=data)


class StreamParser(Protocol):
    """Turns the events of one stream into chunks; made for each stream."""

    @property
    def finished(self) -> bool:
        """Whether the provider's own end mark was read."""
        ...

    def feed(self, event: SseEvent) -> Sequence[ChatChunk]:
        """Return what the event adds; raise `Malformed` if it cannot be read, `ProviderError` if it is an error."""
        ...


class Dialect(Protocol):
    """The language of a provider's API."""

    @property
    def name(self) -> str:
        """`openai`, `anthropic` or `gemini`."""
        ...

    def build(self, request: ChatRequest, target: Target) -> HttpRequest:
        """Return the HTTP request; raise `InvalidRequest` for what the provider has no way to say."""
        ...

    def parse(self, body: bytes) -> ChatResponse:
        """Return the whole answer; raise `Malformed`, or another `ProviderError` if the body tells of one."""
        ...

    def stream(self) -> StreamParser:
        """Return the parser of a new stream."""
        ...

    def error(self, status: int, headers: Mapping[str, str], body: bytes, *, now: datetime) -> ProviderError:
        """Return what an answer with an error status means. `now` is what an HTTP date is compared with."""
        ...


def transfer_headers(request: ChatRequest) -> dict[str, str]:
    """Return the headers that depend on whether the answer is streamed; events are not worth compressing."""
    if request.stream:
        return {"accept": "text/event-stream", "accept-encoding": "identity"}
    return {"accept": "application/json", "accept-encoding": "gzip, deflate"}


def json_object(data: bytes | str, what: str) -> JsonObject:
    """Return the JSON object in `data`; raise `Malformed` naming `what` it should have been.

    A half of a surrogate pair, which JSON may hold and a text may not, is read as U+FFFD.
    """
    try:
        value = _decoded(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed(f"{what} is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise Malformed(f"{what} is not a JSON object but {type(value).__name__}")
    return cast("JsonObject", value)


def _decoded(data: bytes | str) -> object:
    try:
        return msgspec.json.decode(data)
    except msgspec.DecodeError:
        written = data if isinstance(data, bytes) else data.encode()
        if lone_surrogate(written) is None:
            raise
        return msgspec.json.decode(mended(written))
