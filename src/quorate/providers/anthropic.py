"""Anthropic's Messages API, version 2023-06-01: answers and streams in our words; requests in `anthropic_request`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from quorate.core.errors import Malformed, ProviderError
from quorate.model.usage import Usage
from quorate.providers.anthropic_request import request_body
from quorate.providers.dialect import StreamParser, Target, json_object, transfer_headers
from quorate.providers.error_table import fault_error
from quorate.providers.fault import fault_in, read_fault
from quorate.providers.loose_json import as_count, as_list, as_object, as_text
from quorate.providers.translate import tool_call
from quorate.providers.transport import HttpRequest
from quorate.wire.chat import ChatRequest, ChatResponse, Choice, FunctionCall, Message, ToolCall
from quorate.wire.open import JsonObject
from quorate.wire.sse import SseEvent
from quorate.wire.stream import ChatChunk, ChunkChoice, ChunkDelta

NAME = "anthropic"
VERSION = "2023-06-01"

_FINISH = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AnthropicDialect:
    """`{base_url}/messages`, below `/v1` if the base URL names no version; the key goes into `x-api-key`."""

    @property
    def name(self) -> str:
        """`anthropic`."""
        return NAME

    def build(self, request: ChatRequest, target: Target) -> HttpRequest:
        """Return the HTTP request; see `anthropic_request.request_body` for what is translated how."""
        headers = {**transfer_headers(request), "anthropic-version": VERSION}
        if target.api_key is not None:
            headers["x-api-key"] = target.api_key.reveal()
        return target.post("/messages", request_body(request, target.model_id), headers, version="v1")

    def parse(self, body: bytes) -> ChatResponse:
        """Return the whole answer."""
        return parse(body)

    def stream(self) -> StreamParser:
        """Return the parser of a new stream."""
        return AnthropicStream()

    def error(self, status: int, headers: Mapping[str, str], body: bytes, *, now: datetime) -> ProviderError:
        """Return what an error status means."""
        return fault_error(NAME, read_fault(status, body), headers=headers, now=now)


def parse(body: bytes) -> ChatResponse:
    """Return the whole answer in `body`.

    Thinking becomes `reasoning_content`, and `thinking_blocks` (with signatures) for sending back; a stop reason, a
    stop sequence and blocks that have no place in the format are kept beside it.
    """
    value = json_object(body, "the answer")
    if value.get("type") == "error":
        raise fault_error(NAME, fault_in(200, value))
    reason = value.get("stop_reason")
    if value.get("type") != "message" or not isinstance(reason, str):
        raise Malformed("the answer is not a finished message")
    message = _message(as_list(value.get("content")))
    choice = Choice(message=message, finish_reason=_FINISH.get(reason, "stop"), extra=_stop_extra(value))
    return ChatResponse(
        id=str(value.get("id", "")),
        model=str(value.get("model", "")),
        choices=(choice,),
        usage=usage_of(as_object(value.get("usage"))).to_wire(),
    )


def usage_of(counts: JsonObject) -> Usage:
    """Return the usage; `input_tokens` leaves out what was read from or written to the cache, our prompt does not."""
    read = as_count(counts, "cache_read_input_tokens")
    written = as_count(counts, "cache_creation_input_tokens")
    return Usage(
        prompt_tokens=as_count(counts, "input_tokens") + read + written,
        completion_tokens=as_count(counts, "output_tokens"),
        cached_tokens=read,
        cache_write_tokens=written,
    )


def _message(blocks: list[JsonObject]) -> Message:
    texts = [as_text(block, "text") for block in blocks if block.get("type") == "text"]
    thoughts = [block for block in blocks if as_text(block, "type") in {"thinking", "redacted_thinking"}]
    calls = [_call(block) for block in blocks if block.get("type") == "tool_use"]
    others = [
        block for block in blocks if as_text(block, "type") not in {"text", "thinking", "redacted_thinking", "tool_use"}
    ]
    extra: JsonObject = {}
    if thoughts:
        extra["thinking_blocks"] = thoughts
    if others:
        extra["provider_blocks"] = others
    return Message(
        role="assistant",
        content="".join(texts) if texts else None,
        reasoning_content="".join(as_text(block, "thinking") for block in thoughts) or None,
        tool_calls=tuple(calls) or None,
        extra=extra,
    )


def _call(block: JsonObject) -> ToolCall:
    return tool_call(as_text(block, "id"), as_text(block, "name"), _arguments(block))


def _spelled_input(text: str) -> object:
    """Return what the text spells out, or the text: it is the provider's own tool that was to read it."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return text


def _arguments(block: JsonObject) -> str:
    return msgspec.json.encode(block.get("input") or {}).decode()


def _stop_extra(value: JsonObject) -> JsonObject:
    kept = {"stop_reason": "native_finish_reason", "stop_sequence": "stop_sequence", "stop_details": "stop_details"}
    return {ours: value[theirs] for theirs, ours in kept.items() if value.get(theirs) is not None}


class AnthropicStream:
    """Parses one stream; a live object. Content blocks come one after another, each opened, filled and closed."""

    def __init__(self) -> None:
        self._finished = False
        self._id = ""
        self._model = ""
        self._counts: JsonObject = {}
        self._blocks: dict[int, JsonObject] = {}
        self._calls: dict[int, int] = {}
        self._inputs: dict[int, list[str]] = {}

    @property
    def finished(self) -> bool:
        """Whether `message_stop` was read."""
        return self._finished

    def feed(self, event: SseEvent) -> Sequence[ChatChunk]:
        """Return the chunks that the event adds; events of unknown types, and pings, add none."""
        value = json_object(event.data, "an event of the stream")
        kind = value.get("type", event.event)
        if kind == "error":
            raise fault_error(NAME, fault_in(200, value))
        match kind:
            case "message_start":
                return self._message_start(value)
            case "content_block_start":
                return self._block_start(value)
            case "content_block_delta":
                return self._block_delta(value)
            case "content_block_stop":
                return self._block_stop(value)
            case "message_delta":
                return self._message_delta(value)
            case "message_stop":
                self._finished = True
                return ()
            case _:
                return ()

    def _message_start(self, value: JsonObject) -> Sequence[ChatChunk]:
        message = as_object(value.get("message"))
        self._id, self._model = str(message.get("id", "")), str(message.get("model", ""))
        self._counts.update(as_object(message.get("usage")))
        return (self._chunk(ChunkDelta(role="assistant")),)

    def _block_start(self, value: JsonObject) -> Sequence[ChatChunk]:
        index, block = as_count(value, "index"), dict(as_object(value.get("content_block")))
        self._blocks[index] = block
        if block.get("type") == "tool_use":
            position = self._calls.setdefault(index, len(self._calls))
            call = tool_call(as_text(block, "id"), as_text(block, "name"), "", index=position)
            return (self._chunk(ChunkDelta(tool_calls=(call,))),)
        text = as_text(block, "text") if block.get("type") == "text" else ""
        return (self._chunk(ChunkDelta(content=text)),) if text else ()

    def _block_delta(self, value: JsonObject) -> Sequence[ChatChunk]:
        index, delta = as_count(value, "index"), as_object(value.get("delta"))
        block = self._blocks.setdefault(index, {})
        match delta.get("type"):
            case "text_delta":
                return (self._chunk(ChunkDelta(content=as_text(delta, "text"))),)
            case "thinking_delta":
                block["thinking"] = as_text(block, "thinking") + as_text(delta, "thinking")
                return (self._chunk(ChunkDelta(reasoning_content=as_text(delta, "thinking"))),)
            case "signature_delta":
                block["signature"] = as_text(block, "signature") + as_text(delta, "signature")
            case "input_json_delta":
                text = as_text(delta, "partial_json")
                self._inputs.setdefault(index, []).append(text)
                return self._arguments(index, text) if text else ()
            case _:
                pass
        return ()

    def _block_stop(self, value: JsonObject) -> Sequence[ChatChunk]:
        index = as_count(value, "index")
        block, spelled = self._blocks.pop(index, {}), "".join(self._inputs.pop(index, ()))
        match block.get("type"):
            case "thinking" | "redacted_thinking":
                return (self._chunk(ChunkDelta(extra={"thinking_blocks": [block]})),)
            case "tool_use":
                # Without pieces the input is what the block began with: nothing, which as arguments is "{}".
                return () if spelled else self._arguments(index, _arguments(block))
            case "text" | None:
                return ()
            case _:
                if spelled:
                    block["input"] = _spelled_input(spelled)
                return (self._chunk(ChunkDelta(extra={"provider_blocks": [block]})),)

    def _arguments(self, index: int, text: str) -> Sequence[ChatChunk]:
        """Return a piece of the arguments of the call in a block; a tool that the provider itself runs has none."""
        if index not in self._calls:
            return ()
        piece = ToolCall(index=self._calls[index], function=FunctionCall(arguments=text))
        return (self._chunk(ChunkDelta(tool_calls=(piece,))),)

    def _message_delta(self, value: JsonObject) -> Sequence[ChatChunk]:
        delta = as_object(value.get("delta"))
        # Counts here are totals, and only of what changed since the start.
        self._counts.update({k: v for k, v in as_object(value.get("usage")).items() if v is not None})
        reason = delta.get("stop_reason")
        if not isinstance(reason, str):
            return ()
        choice = ChunkChoice(finish_reason=_FINISH.get(reason, "stop"), extra=_stop_extra(delta))
        usage = usage_of(self._counts).to_wire()
        return (ChatChunk(id=self._id, model=self._model, choices=(choice,), usage=usage),)

    def _chunk(self, delta: ChunkDelta) -> ChatChunk:
        return ChatChunk(id=self._id, model=self._model, choices=(ChunkChoice(delta=delta),))
