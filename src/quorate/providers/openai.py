"""OpenAI's chat completions, as OpenAI, Azure, Groq, Mistral, OpenRouter, Ollama, vLLM and many others speak it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import msgspec

from quorate.core.errors import InvalidRequest, Malformed, ProviderError
from quorate.providers.broken_off import BROKEN_OFF, BrokenOff
from quorate.providers.dialect import OWN_FIELDS, StreamParser, Target, json_object, transfer_headers
from quorate.providers.error_table import fault_error
from quorate.providers.fault import fault_in, read_fault
from quorate.providers.loose_json import as_list, as_text
from quorate.providers.openai_liberties import put_right, settled, usage_beside, usage_in
from quorate.providers.transport import HttpRequest
from quorate.wire.chat import ChatRequest, ChatResponse, StreamOptions
from quorate.wire.open import JsonObject, OpenT, load
from quorate.wire.sse import DONE, SseEvent
from quorate.wire.stream import ChatChunk

NAME = "openai"


class KeyHeader(StrEnum):
    """Which header carries the key."""

    BEARER = "authorization"
    API_KEY = "api-key"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAIDialect:
    """Chat completions at any base URL (`{base_url}/chat/completions`).

    `include_usage` asks for the usage of streams; without it `stream_options` is never sent: some servers reject it,
    a few send the usage unasked.
    """

    key_header: KeyHeader = KeyHeader.BEARER
    include_usage: bool = True

    @property
    def name(self) -> str:
        """`openai`."""
        return NAME

    def build(self, request: ChatRequest, target: Target) -> HttpRequest:
        """Return the HTTP request: all that was asked for, unknown fields included, for the target's model."""
        return build(request, target, key_header=self.key_header, include_usage=self.include_usage)

    def parse(self, body: bytes) -> ChatResponse:
        """Return the whole answer."""
        return parse(body)

    def stream(self) -> StreamParser:
        """Return the parser of a new stream."""
        return OpenAIStream()

    def error(self, status: int, headers: Mapping[str, str], body: bytes, *, now: datetime) -> ProviderError:
        """Return what an error status means."""
        return fault_error(NAME, read_fault(status, body), headers=headers, now=now)


def build(request: ChatRequest, target: Target, *, key_header: KeyHeader, include_usage: bool) -> HttpRequest:
    """Return the HTTP request for `request`."""
    options: StreamOptions | None = None
    if request.stream and include_usage:
        options = msgspec.structs.replace(request.stream_options or StreamOptions(), include_usage=True)
    extra = request.extra
    if not OWN_FIELDS.isdisjoint(extra):
        extra = {name: value for name, value in extra.items() if name not in OWN_FIELDS}
    asked = msgspec.structs.replace(
        request, model=target.model_id, stream=request.stream or None, stream_options=options, extra=extra
    )
    headers = {**transfer_headers(request), **key_headers(target, key_header)}
    return target.post("/chat/completions", asked, headers)


def key_headers(target: Target, key_header: KeyHeader) -> dict[str, str]:
    """Return the header that carries the target's key; nothing if it has none."""
    if target.api_key is None:
        return {}
    key = target.api_key.reveal()
    return {str(key_header): f"Bearer {key}" if key_header is KeyHeader.BEARER else key}


def parse(body: bytes) -> ChatResponse:
    """Return the whole answer in `body`. Some gateways tell of errors in a body with status 200."""
    value = json_object(body, "the answer")
    _raise_error_in(value)
    response = _load(value, ChatResponse)
    if not response.choices:
        raise Malformed("the answer holds no choice")
    usage = response.usage and settled(response.usage)
    return response if usage is response.usage else msgspec.structs.replace(response, usage=usage)


class OpenAIStream:
    """Parses one stream; a live object."""

    def __init__(self) -> None:
        self._finished = False

    @property
    def finished(self) -> bool:
        """Whether `[DONE]` was read."""
        return self._finished

    def feed(self, event: SseEvent) -> Sequence[ChatChunk]:
        """Return the chunk in the event."""
        data = event.data.strip()
        if data == DONE:
            self._finished = True
            return ()
        if not data:
            return ()
        value = json_object(data, "an event of the stream")
        _raise_error_in(value, always=event.event == "error")
        chunk = _load(value, ChatChunk)
        usage = chunk.usage or usage_beside(chunk.extra)
        usage = usage and settled(usage)
        return (chunk if usage is chunk.usage else msgspec.structs.replace(chunk, usage=usage),)


def _raise_error_in(value: JsonObject, *, always: bool = False) -> None:
    """Raise the error that a body or an event tells of; OpenRouter puts it beside, and into, an empty last choice."""
    if always or value.get("error"):
        raise fault_error(NAME, fault_in(200, value))
    cut: str | None = None
    for choice in as_list(value.get("choices")):
        if choice.get("error"):
            raise fault_error(NAME, fault_in(200, choice))
        if cut is None and (reason := as_text(choice, "finish_reason")) in BROKEN_OFF:
            cut = reason
    if cut is not None:
        usage = usage_in(value)
        raise BrokenOff(cut, usage and settled(usage))


def _load(value: JsonObject, kind: type[OpenT]) -> OpenT:
    try:
        return load(put_right(value), kind)
    except InvalidRequest as error:
        raise Malformed(f"the answer does not follow the format: {error.message}") from None
