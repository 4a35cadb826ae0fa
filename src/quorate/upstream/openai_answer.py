"""An answer in OpenAI's format: the whole body, or the events of a stream."""

from collections.abc import Sequence
from typing import Any

import msgspec

from quorate.upstream.openai_request import ChatAsk
from quorate.upstream.pacing import Events
from quorate.upstream.prompt import Answer, Finish, Prompt

FINGERPRINT = "simulated"

_FINISH = {
    Finish.STOP: "stop",
    Finish.STOP_TEXT: "stop",
    Finish.LENGTH: "length",
    Finish.TOOLS: "tool_calls",
}
_ARGUMENT_CHARS = 12
_encode = msgspec.json.Encoder().encode
DONE_EVENT = b"data: [DONE]\n\n"


class Label(msgspec.Struct, frozen=True, kw_only=True):
    """What every body says of itself; `created` is in Unix seconds."""

    id: str
    model: str
    created: int


def chat_body(ask: ChatAsk, prompt: Prompt, answer: Answer, label: Label) -> bytes:
    """Return the whole answer."""
    count = ask.n or 1
    message: dict[str, Any] = {"role": "assistant", "content": None if answer.calls else answer.text, "refusal": None}
    if answer.calls:
        message["tool_calls"] = _tool_calls(answer, label)
    logprobs = {"content": _logprobs(answer.pieces, ask), "refusal": None} if ask.logprobs else None
    finish = _FINISH[answer.finish]
    choices = [
        {"index": index, "message": message, "logprobs": logprobs, "finish_reason": finish} for index in range(count)
    ]
    return _encode(
        {
            "id": label.id,
            "object": "chat.completion",
            "created": label.created,
            "model": label.model,
            "choices": choices,
            "usage": _usage(prompt, answer, count),
            "system_fingerprint": FINGERPRINT,
        }
    )


def chat_events(ask: ChatAsk, prompt: Prompt, answer: Answer, label: Label) -> Events:
    """Return the events of a stream; the choices of `n` come side by side."""
    count = ask.n or 1
    start = _start(label)
    pieces = _deltas(ask, answer, label)
    opening = b"".join(
        _event(start, index, b'{"role":"assistant","content":%b}' % (b"null" if answer.calls else b'""'))
        for index in range(count)
    )
    tokens = [b"".join(_event(start, index, delta, extra) for index in range(count)) for delta, extra in pieces]
    reason = b'"%b"' % _FINISH[answer.finish].encode()
    closing = b"".join(_event(start, index, b"{}", finish=reason) for index in range(count))
    if ask.stream_options is not None and ask.stream_options.include_usage:
        closing += b'%b"choices":[],"usage":%b}\n\n' % (start, _encode(_usage(prompt, answer, count)))
    return Events(opening=opening, tokens=tokens, closing=closing, last=DONE_EVENT)


def _start(label: Label) -> bytes:
    fields = {
        "id": label.id,
        "object": "chat.completion.chunk",
        "created": label.created,
        "model": label.model,
        "system_fingerprint": FINGERPRINT,
    }
    return b"data: " + _encode(fields)[:-1] + b","


def _event(start: bytes, index: int, delta: bytes, logprobs: bytes = b"null", finish: bytes = b"null") -> bytes:
    return b'%b"choices":[{"index":%d,"delta":%b,"logprobs":%b,"finish_reason":%b}]}\n\n' % (
        start,
        index,
        delta,
        logprobs,
        finish,
    )


def _deltas(ask: ChatAsk, answer: Answer, label: Label) -> list[tuple[bytes, bytes]]:
    """Return the deltas and the log probabilities beside them."""
    if answer.calls:
        return [(b'{"tool_calls":[%b]}' % _encode(part), b"null") for part in _tool_parts(answer, label)]
    if not ask.logprobs:
        return [(b'{"content":%b}' % _encode(piece), b"null") for piece in answer.pieces]
    return [
        (b'{"content":%b}' % _encode(piece), _encode({"content": _logprobs((piece,), ask), "refusal": None}))
        for piece in answer.pieces
    ]


def _tool_calls(answer: Answer, label: Label) -> list[dict[str, Any]]:
    return [
        {
            "id": f"call_{label.id}_{position}",
            "type": "function",
            "function": {"name": call.name, "arguments": call.arguments},
        }
        for position, call in enumerate(answer.calls)
    ]


def _tool_parts(answer: Answer, label: Label) -> list[dict[str, Any]]:
    """Return the calls in pieces: first the name, then the arguments bit by bit."""
    parts: list[dict[str, Any]] = []
    for position, call in enumerate(_tool_calls(answer, label)):
        text = call["function"]["arguments"]
        parts.append({"index": position, **call, "function": {"name": call["function"]["name"], "arguments": ""}})
        parts += [
            {"index": position, "function": {"arguments": text[at : at + _ARGUMENT_CHARS]}}
            for at in range(0, len(text), _ARGUMENT_CHARS)
        ]
    return parts


def _logprobs(pieces: Sequence[str], ask: ChatAsk) -> list[dict[str, Any]]:
    """Return made-up but proper log probabilities: the token itself is the likeliest, each rival half as likely."""
    return [
        {
            **_logprob(piece, -0.25),
            "top_logprobs": [
                _logprob(piece if rank == 0 else f"{piece}~{rank}", -0.25 - 0.7 * rank)
                for rank in range(ask.top_logprobs or 0)
            ],
        }
        for piece in pieces
    ]


def _logprob(token: str, value: float) -> dict[str, Any]:
    return {"token": token, "logprob": value, "bytes": list(token.encode("utf-8", "replace"))}


def _usage(prompt: Prompt, answer: Answer, count: int) -> dict[str, Any]:
    completion = answer.tokens * count
    return {
        "prompt_tokens": prompt.tokens,
        "completion_tokens": completion,
        "total_tokens": prompt.tokens + completion,
        "prompt_tokens_details": {"cached_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0},
    }
