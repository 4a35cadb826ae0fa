"""The events of a streamed `/v1/responses` answer, made from the chunks of a chat completion."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from quorate.core.errors import QuorateError
from quorate.wire.chat import ChatResponse, ToolCall
from quorate.wire.open import JsonObject
from quorate.wire.problem import openai_error_body
from quorate.wire.responses_answer import (
    INCOMPLETE,
    ContentPart,
    FunctionCallItem,
    MessageItem,
    OutputItem,
    OutputRefusal,
    OutputText,
    ReasoningItem,
    ReasoningText,
    ResponseFault,
    ResponseObject,
    finished,
    item_suffix,
    logprobs_of,
)
from quorate.wire.sse import encode_sse
from quorate.wire.stream import ChatChunk, ChunkChoice

_encoder = msgspec.json.Encoder()

#: The words that this API has for failures of ours.
_RATE_LIMITED, _SERVER_ERROR = "rate_limit_exceeded", "server_error"
_RATE_STATUS = 429


@dataclass(slots=True, kw_only=True)
class _Open:
    """An item that is being written."""

    id: str
    index: int
    pieces: list[str] = field(default_factory=list[str])

    @property
    def text(self) -> str:
        return "".join(self.pieces)


@dataclass(slots=True, kw_only=True)
class _OpenText(_Open):
    """Text, a refusal, or reasoning: `kind` is the first part of the names of its events."""

    kind: str
    logprobs: list[JsonObject] = field(default_factory=list[JsonObject])


@dataclass(slots=True, kw_only=True)
class _OpenCall(_Open):
    given_id: str = ""
    name: str = ""

    def begins_another(self, piece: ToolCall, name: str) -> bool:
        """Whether `piece` opens a further call: some servers give all parallel calls the same index."""
        return bool(name and piece.id and self.given_id and piece.id != self.given_id)


_TEXT, _REFUSAL, _REASONING = "output_text", "refusal", "reasoning_text"


class ResponsesStream:
    """Turns the chunks of one answer into events; a live object: `begin`, then `chunk`s, then `end` or `fail`.

    Of several choices the first is told. Text, refusal and reasoning are items of their own, one closed before the next
    is opened; function calls stay open to the end, because their pieces may come in turns.
    """

    def __init__(self, head: ResponseObject) -> None:
        self._head = head
        self._suffix = item_suffix(head.id)
        self._number = 0
        self._begun = False
        self._output: dict[int, OutputItem] = {}
        self._items = 0
        self._writing: _OpenText | None = None
        self._calls: dict[int, list[_OpenCall]] = {}

    def begin(self) -> bytes:
        """Return the events before the first piece; empty if they have been returned."""
        if self._begun:
            return b""
        self._begun = True
        head = self._head
        return self._event("response.created", response=head) + self._event("response.in_progress", response=head)

    def name(self, model: str) -> None:
        """Name the model that answers, which may be another one than was asked for; before `begin`."""
        if not self._begun:
            self._head = msgspec.structs.replace(self._head, model=model)

    def chunk(self, chunk: ChatChunk) -> bytes:
        """Return the events of a chunk; empty if it brings nothing of the first choice."""
        return b"".join(event for choice in chunk.choices if choice.index == 0 for event in self._choice(choice))

    def end(self, answer: ChatResponse) -> bytes:
        """Return the events that end the answer: what is open is closed, then the whole response."""
        opening = self.begin()
        status = "incomplete" if answer.finish_reason in INCOMPLETE else "completed"
        if not self._items:  # an empty answer is an answer: clients expect a message
            events = [*self._text(_TEXT, "", ()), *self._close(status)]
        else:
            events = [*self._close(status), *self._close_calls()]
        whole = finished(self._head, tuple(self._output[index] for index in sorted(self._output)), answer)
        return opening + b"".join(events) + self._event(f"response.{whole.status}", response=whole)

    def fail(self, error: QuorateError) -> bytes:
        """Return the events that end a broken answer: the error, and the response as failed with what there was."""
        body = openai_error_body(error)["error"]
        code = _RATE_LIMITED if error.http_status == _RATE_STATUS else _SERVER_ERROR
        failed = msgspec.structs.replace(
            self._head,
            status="failed",
            error=ResponseFault(code=code, message=error.message),
            output=tuple(self._output[index] for index in sorted(self._output)),
        )
        opening = self.begin()
        told = opening + self._event("error", code=body["code"], message=error.message, param=error.param)
        return told + self._event("response.failed", response=failed)

    def _choice(self, choice: ChunkChoice) -> Iterator[bytes]:
        delta = choice.delta
        if thoughts := delta.reasoning_content or delta.reasoning:
            yield from self._text(_REASONING, thoughts, ())
        if delta.content:
            yield from self._text(_TEXT, delta.content, logprobs_of(choice.logprobs))
        if delta.refusal:
            yield from self._text(_REFUSAL, delta.refusal, ())
        for position, piece in enumerate(delta.tool_calls or ()):
            yield from self._close()
            yield from self._call(piece.index if piece.index is not None else position, piece)

    def _text(self, kind: str, text: str, logprobs: tuple[JsonObject, ...]) -> Iterator[bytes]:
        item = self._writing
        if item is None or item.kind != kind:
            yield from self._close()
            prefix = "rs" if kind == _REASONING else "msg"
            item = self._writing = _OpenText(id=self._next_id(prefix), index=self._items - 1, kind=kind)
            yield self._event(
                "response.output_item.added", output_index=item.index, item=_text_item(item, "in_progress", ())
            )
            yield self._event("response.content_part.added", **_place(item), part=_part(kind, "", ()))
        if text:
            item.pieces.append(text)
            item.logprobs.extend(logprobs)
            told: dict[str, Any] = {"logprobs": logprobs} if kind == _TEXT else {}
            yield self._event(f"response.{kind}.delta", **_place(item), delta=text, **told)

    def _close(self, status: str = "completed") -> Iterator[bytes]:
        """End the text that is being written; `status` is a message's."""
        item, self._writing = self._writing, None
        if item is None:
            return
        logprobs = tuple(item.logprobs)
        part = _part(item.kind, item.text, logprobs)
        told: dict[str, Any] = {"logprobs": logprobs} if item.kind == _TEXT else {}
        name = "refusal" if item.kind == _REFUSAL else "text"
        yield self._event(f"response.{item.kind}.done", **_place(item), **{name: item.text}, **told)
        yield self._event("response.content_part.done", **_place(item), part=part)
        yield self._done(item, _text_item(item, "completed" if item.kind == _REASONING else status, (part,)))

    def _call(self, index: int, piece: ToolCall) -> Iterator[bytes]:
        function = piece.function
        name = (function.name if function is not None else None) or ""
        calls = self._calls.setdefault(index, [])
        is_new = not calls or calls[-1].begins_another(piece, name)
        if is_new:
            calls.append(_OpenCall(id=self._next_id("fc"), index=self._items - 1))
        call = calls[-1]
        call.given_id, call.name = call.given_id or piece.id or "", call.name or name
        if is_new:
            yield self._event(
                "response.output_item.added", output_index=call.index, item=_call_item(call, "in_progress")
            )
        if arguments := function.arguments if function is not None else None:
            call.pieces.append(arguments)
            yield self._event(
                "response.function_call_arguments.delta", item_id=call.id, output_index=call.index, delta=arguments
            )

    def _close_calls(self) -> Iterator[bytes]:
        for call in sorted((call for calls in self._calls.values() for call in calls), key=lambda call: call.index):
            yield self._event(
                "response.function_call_arguments.done",
                item_id=call.id,
                output_index=call.index,
                name=call.name,
                arguments=call.text,
            )
            yield self._done(call, _call_item(call, "completed"))

    def _done(self, item: _Open, whole: OutputItem) -> bytes:
        self._output[item.index] = whole
        return self._event("response.output_item.done", output_index=item.index, item=whole)

    def _next_id(self, prefix: str) -> str:
        self._items += 1
        return f"{prefix}_{self._suffix}_{self._items - 1}"

    def _event(self, kind: str, **fields: Any) -> bytes:
        body = _encoder.encode({"type": kind, "sequence_number": self._number, **fields})
        self._number += 1
        return encode_sse(body, event=kind)


def _place(item: _OpenText) -> dict[str, Any]:
    return {"item_id": item.id, "output_index": item.index, "content_index": 0}


def _part(kind: str, text: str, logprobs: tuple[JsonObject, ...]) -> ContentPart | ReasoningText:
    if kind == _REASONING:
        return ReasoningText(text=text)
    return OutputRefusal(refusal=text) if kind == _REFUSAL else OutputText(text=text, logprobs=logprobs)


def _text_item(item: _OpenText, status: str, content: tuple[ContentPart | ReasoningText, ...]) -> OutputItem:
    if item.kind == _REASONING:
        thoughts = tuple(part for part in content if isinstance(part, ReasoningText))
        return ReasoningItem(id=item.id, status=status, content=thoughts)
    parts = tuple(part for part in content if not isinstance(part, ReasoningText))
    return MessageItem(id=item.id, status=status, content=parts)


def _call_item(call: _OpenCall, status: str) -> FunctionCallItem:
    return FunctionCallItem(
        id=call.id, status=status, call_id=call.given_id or call.id, name=call.name, arguments=call.text
    )
