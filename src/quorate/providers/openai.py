"""OpenAI's chat completions, as OpenAI, Azure, Groq, Mistral, OpenRouter, Ollama, vLLM and many others speak it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, cast

import msgspec

from quorate.core.errors import InvalidRequest, Malformed, ProviderError
from quorate.providers.dialect import OWN_FIELDS, StreamParser, Target, json_object, transfer_headers
from quorate.providers.error_table import fault_error
from quorate.providers.fault import fault_in, read_fault
from quorate.providers.transport import HttpRequest
from quorate.wire.chat import ChatRequest, ChatResponse, WireUsage
from quorate.wire.open import JsonObject, OpenT, dump, load
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

    `include_usage` asks for the usage of streams, which some servers reject and a few send unasked.
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
    body = {name: value for name, value in dump(request).items() if name not in OWN_FIELDS}
    body["model"] = target.model_id
    if not request.stream:
        body.pop("stream", None)
        body.pop("stream_options", None)
    elif include_usage:
        body["stream_options"] = {**body.get("stream_options", {}), "include_usage": True}
    headers = transfer_headers(request)
    if target.api_key is not None:
        key = target.api_key.reveal()
        headers[key_header.value] = f"Bearer {key}" if key_header is KeyHeader.BEARER else key
    return target.post("/chat/completions", body, headers)


def parse(body: bytes) -> ChatResponse:
    """Return the whole answer in `body`. Some gateways tell of errors in a body with status 200."""
    value = json_object(body, "the answer")
    _raise_error_in(value)
    response = _load(value, ChatResponse)
    if not response.choices:
        raise Malformed("the answer holds no choice")
    return response if response.usage is None else msgspec.structs.replace(response, usage=_settled(response.usage))


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
        usage = chunk.usage or _nested_usage(chunk.extra)
        return (chunk if usage is None else msgspec.structs.replace(chunk, usage=_settled(usage)),)


def _raise_error_in(value: JsonObject, *, always: bool = False) -> None:
    if always or (value.get("error") and not value.get("choices")):
        raise fault_error(NAME, fault_in(200, value))


def _load(value: JsonObject, kind: type[OpenT]) -> OpenT:
    try:
        return load(_tolerant(value), kind)
    except InvalidRequest as error:
        raise Malformed(f"the answer does not follow the format: {error.message}") from None


def _tolerant(value: JsonObject) -> JsonObject:
    """Return `value` with the harmless liberties of real servers put right: `null` for text, fractional seconds."""
    value = {key: item for key, item in value.items() if item is not None}
    if isinstance(created := value.get("created"), float):
        value["created"] = int(created)
    choices = value.get("choices")
    if isinstance(choices, list):
        items = cast("list[object]", choices)
        value["choices"] = [_choice(cast("JsonObject", item)) if isinstance(item, dict) else item for item in items]
    return value


def _choice(choice: JsonObject) -> JsonObject:
    """Return `choice` without empty fields: `"delta": null`, `"finish_reason": ""` are no news."""
    return {key: item for key, item in choice.items() if item is not None and (key, item) != ("finish_reason", "")}


def _nested_usage(extra: Mapping[str, Any]) -> WireUsage | None:
    """Return the usage that Groq puts into `x_groq`."""
    groq = extra.get("x_groq")
    usage = cast("JsonObject", groq).get("usage") if isinstance(groq, dict) else None
    if not isinstance(usage, dict):
        return None
    try:
        return load(cast("JsonObject", usage), WireUsage)
    except InvalidRequest:
        return None


def _settled(usage: WireUsage) -> WireUsage:
    """Return usage in which reasoning is a part of the completion: some providers count it beside it (xAI)."""
    details = usage.completion_tokens_details
    reasoning = (details.reasoning_tokens or 0) if details is not None else 0
    if reasoning and usage.total_tokens == usage.prompt_tokens + usage.completion_tokens + reasoning:
        return msgspec.structs.replace(usage, completion_tokens=usage.completion_tokens + reasoning)
    return usage
