"""An answer in Anthropic's Messages format: the whole body, or the events of a stream."""

from typing import Any

import msgspec

from quorate.upstream.openai_answer import Label
from quorate.upstream.pacing import Events
from quorate.upstream.prompt import Answer, Finish, Prompt
from quorate.wire.sse import encode_sse

_FINISH = {
    Finish.STOP: "end_turn",
    Finish.STOP_TEXT: "stop_sequence",
    Finish.LENGTH: "max_tokens",
    Finish.TOOLS: "tool_use",
}
_ARGUMENT_CHARS = 12
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


def message_body(prompt: Prompt, answer: Answer, label: Label) -> bytes:
    """Return the whole answer."""
    content: list[dict[str, Any]] = [
        {"type": "tool_use", "id": _call_id(label, position), "name": call.name, "input": _decode(call.arguments)}
        for position, call in enumerate(answer.calls)
    ] or [{"type": "text", "text": answer.text}]
    return _encode(
        {
            **_message(label),
            "content": content,
            "stop_reason": _FINISH[answer.finish],
            "stop_sequence": answer.stopped_by,
            "usage": {"input_tokens": prompt.tokens, "output_tokens": answer.tokens},
        }
    )


def message_events(prompt: Prompt, answer: Answer, label: Label) -> Events:
    """Return the events of a stream: one block of text, or one for each tool that is called."""
    start: dict[str, Any] = {
        **_message(label),
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": prompt.tokens, "output_tokens": 1},
    }
    end = {
        "delta": {"stop_reason": _FINISH[answer.finish], "stop_sequence": answer.stopped_by},
        "usage": {"output_tokens": answer.tokens},
    }
    opening = _event("message_start", message=start)
    tokens = (
        _call_events(answer, label)
        if answer.calls
        else [_delta(0, "text_delta", "text", text) for text in answer.pieces]
    )
    if not answer.calls:
        opening += _event("content_block_start", index=0, content_block={"type": "text", "text": ""}) + _event("ping")
    closing = (b"" if answer.calls else _event("content_block_stop", index=0)) + _event("message_delta", **end)
    return Events(opening=opening, tokens=tokens, closing=closing, last=_event("message_stop"))


def _message(label: Label) -> dict[str, Any]:
    return {"id": label.id, "type": "message", "role": "assistant", "model": label.model}


def _call_id(label: Label, position: int) -> str:
    return f"toolu_{label.id}_{position}"


def _call_events(answer: Answer, label: Label) -> list[bytes]:
    events: list[bytes] = []
    for position, call in enumerate(answer.calls):
        block: dict[str, Any] = {"type": "tool_use", "id": _call_id(label, position), "name": call.name, "input": {}}
        text = call.arguments
        events.append(_event("content_block_start", index=position, content_block=block))
        events += [
            _delta(position, "input_json_delta", "partial_json", text[at : at + _ARGUMENT_CHARS])
            for at in range(0, len(text), _ARGUMENT_CHARS)
        ]
        events[-1] += _event("content_block_stop", index=position)
    return events


def _delta(index: int, kind: str, field: str, text: str) -> bytes:
    return _event("content_block_delta", index=index, delta={"type": kind, field: text})


def _event(kind: str, **fields: Any) -> bytes:
    return encode_sse(_encode({"type": kind, **fields}), event=kind)
