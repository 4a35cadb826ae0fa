"""Google's Gemini API: answers and streams of `generateContent` in our words; requests in `gemini_request`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

import msgspec

from quorate.core.errors import Failure, Filtered, Malformed, ProviderError, Rejected
from quorate.model.usage import Usage
from quorate.providers.dialect import StreamParser, Target, json_object, transfer_headers
from quorate.providers.error_table import fault_error
from quorate.providers.fault import fault_in, read_fault
from quorate.providers.gemini_request import request_body
from quorate.providers.loose_json import as_count, as_list, as_object, as_text
from quorate.providers.translate import tool_call
from quorate.providers.transport import HttpRequest
from quorate.wire.chat import ChatRequest, ChatResponse, Choice, Message, ToolCall
from quorate.wire.open import JsonObject
from quorate.wire.sse import SseEvent
from quorate.wire.stream import ChatChunk, ChunkChoice, ChunkDelta

NAME = "gemini"
VERSION = "v1beta"

_FINISH = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    **dict.fromkeys(
        ("SAFETY", "RECITATION", "LANGUAGE", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "MODEL_ARMOR"), "content_filter"
    ),
    **dict.fromkeys(("IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION"), "content_filter"),
}
#: The model tried to call a tool and wrote nothing that can be used: worth another attempt.
_MALFORMED = frozenset({"MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS", "MALFORMED_RESPONSE"})
#: Keys of a part that its translation carries.
_KNOWN_PART = frozenset({"text", "thought", "functionCall", "thoughtSignature"})


@dataclass(frozen=True, slots=True, kw_only=True)
class GeminiDialect:
    """`{base_url}/models/{model}:generateContent`, below `/v1beta` if the base URL names no version.

    The key goes into `x-goog-api-key`, never into the URL.
    """

    @property
    def name(self) -> str:
        """`gemini`."""
        return NAME

    def build(self, request: ChatRequest, target: Target) -> HttpRequest:
        """Return the HTTP request; see `gemini_request.request_body` for what is translated how."""
        headers = transfer_headers(request)
        if target.api_key is not None:
            headers["x-goog-api-key"] = target.api_key.reveal()
        model = quote(target.model_id.removeprefix("models/"), safe="/")
        method = "streamGenerateContent" if request.stream else "generateContent"
        place = f"/{model}" if model.startswith(("tunedModels/", "publishers/")) else f"/models/{model}"
        query = {"alt": "sse"} if request.stream else None
        return target.post(
            f"{place}:{method}", request_body(request, target.model_id), headers, query=query, version=VERSION
        )

    def parse(self, body: bytes) -> ChatResponse:
        """Return the whole answer."""
        return parse(body)

    def stream(self) -> StreamParser:
        """Return the parser of a new stream."""
        return GeminiStream()

    def error(self, status: int, headers: Mapping[str, str], body: bytes, *, now: datetime) -> ProviderError:
        """Return what an error status means."""
        return fault_error(NAME, read_fault(status, body), headers=headers, now=now)


def parse(body: bytes) -> ChatResponse:
    """Return the whole answer in `body`.

    Thought parts become `reasoning_content`; a thought signature stays with its tool call, under
    `extra_content.google.thought_signature`, for sending back.
    """
    value = json_object(body, "the answer")
    _raise_refusal(value)
    candidates = as_list(value.get("candidates"))
    if not candidates:
        raise Malformed("the answer holds no candidate")
    answer_id = as_text(value, "responseId")
    choices = tuple(_choice(candidate, answer_id) for candidate in candidates)
    usage = as_object(value.get("usageMetadata"))
    return ChatResponse(
        id=answer_id,
        model=as_text(value, "modelVersion"),
        choices=choices,
        usage=usage_of(usage).to_wire() if usage else None,
    )


def usage_of(counts: JsonObject) -> Usage:
    """Return the usage; thoughts are counted beside the candidates, tool results beside the prompt."""
    thoughts = as_count(counts, "thoughtsTokenCount")
    return Usage(
        prompt_tokens=as_count(counts, "promptTokenCount") + as_count(counts, "toolUsePromptTokenCount"),
        completion_tokens=as_count(counts, "candidatesTokenCount") + thoughts,
        cached_tokens=as_count(counts, "cachedContentTokenCount"),
        reasoning_tokens=thoughts,
    )


class GeminiStream:
    """Parses one stream; a live object. Each event is a whole response whose parts add to the earlier ones'."""

    def __init__(self) -> None:
        self._calls: dict[int, int] = {}

    @property
    def finished(self) -> bool:
        """Never: these streams have no end mark; a finish reason tells that an answer is whole."""
        return False

    def feed(self, event: SseEvent) -> Sequence[ChatChunk]:
        """Return the chunk in the event."""
        value = json_object(event.data, "an event of the stream")
        _raise_refusal(value)
        usage = as_object(value.get("usageMetadata"))
        answer_id = as_text(value, "responseId")
        choices = tuple(self._choice(candidate, answer_id) for candidate in as_list(value.get("candidates")))
        return (
            ChatChunk(
                id=answer_id,
                model=as_text(value, "modelVersion"),
                choices=choices,
                usage=usage_of(usage).to_wire() if usage else None,
            ),
        )

    def _choice(self, candidate: JsonObject, answer_id: str) -> ChunkChoice:
        index = as_count(candidate, "index")
        parts = _parts(candidate)
        first = self._calls.get(index, 0)
        calls = _calls(parts, answer_id, first=first)
        self._calls[index] = first + len(calls)
        delta = ChunkDelta(
            content=_joined(parts, thought=False),
            reasoning_content=_joined(parts, thought=True),
            tool_calls=calls or None,
            extra=_other_parts(parts),
        )
        return ChunkChoice(
            index=index,
            delta=delta,
            finish_reason=_finish(candidate, called=bool(self._calls[index])),
            extra=_candidate_extra(candidate),
        )


def _choice(candidate: JsonObject, answer_id: str) -> Choice:
    parts = _parts(candidate)
    calls = tuple(msgspec.structs.replace(call, index=None) for call in _calls(parts, answer_id, first=0))
    finish = _finish(candidate, called=bool(calls))
    if finish is None:
        raise Malformed("the answer does not say why it ended")
    message = Message(
        role="assistant",
        content=_joined(parts, thought=False),
        reasoning_content=_joined(parts, thought=True),
        tool_calls=calls or None,
        extra=_other_parts(parts),
    )
    index = as_count(candidate, "index")
    return Choice(index=index, message=message, finish_reason=finish, extra=_candidate_extra(candidate))


def _raise_refusal(value: JsonObject) -> None:
    if value.get("error"):
        raise fault_error(NAME, fault_in(200, value))
    feedback = as_object(value.get("promptFeedback"))
    reason = as_text(feedback, "blockReason")
    if reason:
        message = as_text(feedback, "blockReasonMessage")
        raise Filtered(
            f"the prompt was refused: {reason}" + (f" ({message})" if message else ""),
            failure=Failure.CONTENT_REFUSAL,
            upstream_status=200,
            upstream_code=reason,
        )


def _finish(candidate: JsonObject, *, called: bool) -> str | None:
    reason = as_text(candidate, "finishReason")
    if reason in _MALFORMED:
        message = as_text(candidate, "finishMessage")
        raise Malformed(f"the model's tool call cannot be read: {message or reason}", upstream_code=reason)
    if reason == "MISSING_THOUGHT_SIGNATURE":
        raise Rejected(
            "a tool call in the conversation has lost its thought signature (extra_content.google.thought_signature)",
            failure=Failure.BAD_REQUEST,
            upstream_status=200,
            upstream_code=reason,
        )
    if not reason or reason == "FINISH_REASON_UNSPECIFIED":
        return None
    finish = _FINISH.get(reason, "stop")
    return "tool_calls" if called and finish == "stop" else finish


def _parts(candidate: JsonObject) -> list[JsonObject]:
    return as_list(as_object(candidate.get("content")).get("parts"))


def _joined(parts: list[JsonObject], *, thought: bool) -> str | None:
    texts = [as_text(part, "text") for part in parts if "text" in part and bool(part.get("thought")) is thought]
    return "".join(texts) if texts else None


def _calls(parts: list[JsonObject], answer_id: str, *, first: int) -> tuple[ToolCall, ...]:
    found = [part for part in parts if isinstance(part.get("functionCall"), dict)]
    return tuple(_call(part, answer_id, first + offset) for offset, part in enumerate(found))


def _call(part: JsonObject, answer_id: str, index: int) -> ToolCall:
    """Return the call; ids are optional here, so one without gets the answer's and its number.

    In a longer conversation no two calls may have one id, and others take at most 40 characters.
    """
    own_id = "_".join(("call", *([answer_id[-24:]] if answer_id else []), str(index)))
    function = as_object(part.get("functionCall"))
    signature = as_text(part, "thoughtSignature")
    return tool_call(
        as_text(function, "id") or own_id,
        as_text(function, "name"),
        msgspec.json.encode(as_object(function.get("args"))).decode(),
        index=index,
        extra={"extra_content": {"google": {"thought_signature": signature}}} if signature else None,
    )


def _other_parts(parts: list[JsonObject]) -> JsonObject:
    """Keep what has no place in the format: pictures, code and its results."""
    others = [part for part in parts if not part.keys() <= _KNOWN_PART]
    return {"provider_blocks": others} if others else {}


def _candidate_extra(candidate: JsonObject) -> JsonObject:
    kept = {
        "finishReason": "native_finish_reason",
        "finishMessage": "finish_message",
        "safetyRatings": "safety_ratings",
        "citationMetadata": "citation_metadata",
        "groundingMetadata": "grounding_metadata",
        "logprobsResult": "logprobs_result",
    }
    return {ours: candidate[theirs] for theirs, ours in kept.items() if candidate.get(theirs) is not None}
