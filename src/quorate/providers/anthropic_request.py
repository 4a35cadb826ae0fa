"""A chat request in the words of Anthropic's Messages API (version 2023-06-01)."""

from typing import Any, cast

from quorate.core.errors import InvalidRequest
from quorate.providers.translate import (
    JSON_INSTRUCTION,
    call_arguments,
    chosen_function,
    data_url,
    file_data,
    functions,
    json_schema,
    native_fields,
    refuse_untranslatable,
    stop_list,
)
from quorate.wire.chat import ChatRequest, Message, Part
from quorate.wire.open import JsonObject

#: `max_tokens` is required; this is what an unlimited request gets.
DEFAULT_MAX_TOKENS = 4096
#: OpenAI's temperature goes to 2, this one to 1.
_MAX_TEMPERATURE = 1.0
_EFFORTS = {"minimal": "low", "low": "low", "medium": "medium", "high": "high", "xhigh": "xhigh", "max": "max"}

Block = JsonObject


def request_body(request: ChatRequest, model_id: str) -> JsonObject:
    """Return the body of `POST /v1/messages`.

    System messages become `system`; neighbouring messages of one role are merged. `json_schema` formats become
    `output_config.format`, `json_object` an instruction. Temperature is cut to 1. Left out, because there is no word
    for them: seed and penalties. Refused: `n` > 1, logprobs. Unknown fields of the request are passed on as they are
    and win (`thinking`, `top_k`, `output_config`).
    """
    refuse_untranslatable(request, "Anthropic", several=False)
    if request.logprobs:
        raise InvalidRequest("Anthropic gives no log probabilities", param="logprobs")
    fields: JsonObject = {
        "model": model_id,
        "max_tokens": DEFAULT_MAX_TOKENS if request.output_limit is None else request.output_limit,
        "messages": _messages(request),
        "system": _system(request),
        "stop_sequences": stop_list(request),
        "temperature": None if request.temperature is None else min(request.temperature, _MAX_TEMPERATURE),
        "top_p": request.top_p,
        "metadata": {"user_id": request.user} if request.user else None,
        "stream": request.stream or None,
        **_tools(request),
        **_effort(request),
    }
    return {name: value for name, value in {**fields, **native_fields(request)}.items() if value is not None}


def _system(request: ChatRequest) -> list[Block] | None:
    texts = [message.text for message in request.messages if message.role in {"system", "developer"}]
    if (request.response_format or {}).get("type") == "json_object":
        texts.append(JSON_INSTRUCTION)
    return [{"type": "text", "text": text} for text in texts if text] or None


def _messages(request: ChatRequest) -> list[JsonObject]:
    merged: list[JsonObject] = []
    for position, message in enumerate(request.messages):
        if message.role in {"system", "developer"}:
            continue
        role, blocks = _blocks(message, f"messages[{position}]")
        if merged and merged[-1]["role"] == role:
            merged[-1]["content"] = [*merged[-1]["content"], *blocks]
        elif blocks:
            merged.append({"role": role, "content": blocks})
    if not merged:
        raise InvalidRequest("Anthropic needs a message that is not a system message", param="messages")
    return merged


def _blocks(message: Message, param: str) -> tuple[str, list[Block]]:
    match message.role:
        case "user":
            return "user", _content(message, param)
        case "assistant":
            calls = message.tool_calls or ()
            uses = [
                {
                    "type": "tool_use",
                    "id": call.id or f"call_{index}",
                    "name": (call.function and call.function.name) or "",
                    "input": call_arguments(call),
                }
                for index, call in enumerate(calls)
            ]
            return "assistant", [*_thoughts(message), *_content(message, param), *uses]
        case "tool":
            result: Block = {"type": "tool_result", "tool_use_id": message.tool_call_id or ""}
            content = _content(message, param)
            return "user", [{**result, "content": content} if content else result]
        case other:
            raise InvalidRequest(f"role {other!r} is not known; use system, user, assistant or tool", param=param)


def _thoughts(message: Message) -> list[Block]:
    """Return the thinking blocks that an earlier answer carried: they must come back unchanged, first of all."""
    blocks: Any = message.extra.get("thinking_blocks")
    return cast("list[Block]", blocks) if isinstance(blocks, list) else []


def _content(message: Message, param: str) -> list[Block]:
    content = message.content
    if isinstance(content, tuple):
        return [block for part in content if (block := _part(part, param)) is not None]
    return [{"type": "text", "text": content}] if content else []


def _part(part: Part, param: str) -> Block | None:
    match part.type:
        case "text":
            return {"type": "text", "text": part.text, **part.extra} if part.text else None
        case "image_url" if part.image_url is not None:
            return {"type": "image", "source": _source(part.image_url.url)}
        case "file":
            media_type, data = file_data(part.extra)
            kind = "image" if media_type.startswith("image/") else "document"
            return {"type": kind, "source": {"type": "base64", "media_type": media_type, "data": data}}
        case other:
            raise InvalidRequest(f"a part of type {other!r} cannot be sent to Anthropic", param=param)


def _source(url: str) -> JsonObject:
    found = data_url(url)
    if found is None:
        return {"type": "url", "url": url}
    return {"type": "base64", "media_type": found[0], "data": found[1]}


def _tools(request: ChatRequest) -> JsonObject:
    tools: list[JsonObject] = [
        {
            "name": function.get("name", ""),
            "input_schema": function.get("parameters") or {"type": "object", "properties": {}},
            **{name: function[name] for name in ("description", "strict") if function.get(name) is not None},
        }
        for function in functions(request)
    ]
    if not tools:
        return {}
    choice = _tool_choice(request)
    return {"tools": tools} if choice is None else {"tools": tools, "tool_choice": choice}


def _tool_choice(request: ChatRequest) -> JsonObject | None:
    alone = request.extra.get("parallel_tool_calls") is False
    once: JsonObject = {"disable_parallel_tool_use": True} if alone else {}
    match request.tool_choice:
        case None:
            return {"type": "auto", **once} if alone else None
        case "auto":
            return {"type": "auto", **once}
        case "required":
            return {"type": "any", **once}
        case "none":
            return {"type": "none"}
        case dict() as choice:
            return {"type": "tool", "name": chosen_function(choice), **once}
        case other:
            raise InvalidRequest(f"tool_choice {other!r} is not known", param="tool_choice")


def _effort(request: ChatRequest) -> JsonObject:
    """Return thinking and output settings: adaptive thinking at the wanted effort, the wanted schema."""
    config: JsonObject = {}
    schema = json_schema(request)
    if schema is not None:
        config["format"] = {"type": "json_schema", "schema": schema}
    effort = request.reasoning_effort
    if effort is None:
        return {"output_config": config} if config else {}
    if effort == "none":
        return {"thinking": {"type": "disabled"}, **({"output_config": config} if config else {})}
    if effort not in _EFFORTS:
        raise InvalidRequest(
            f"reasoning_effort {effort!r} is not known; use none, {', '.join(_EFFORTS)}", param="reasoning_effort"
        )
    return {"thinking": {"type": "adaptive"}, "output_config": {**config, "effort": _EFFORTS[effort]}}
