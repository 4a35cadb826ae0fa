"""The liberties that servers take with OpenAI's format, put right before the format is required."""

from collections.abc import Mapping
from typing import Any, cast

import msgspec

from quorate.core.errors import Failure, InvalidRequest, Unavailable
from quorate.providers.loose_json import as_count, as_list, as_object, as_text
from quorate.wire.chat import PromptTokensDetails, WireUsage
from quorate.wire.open import JsonObject, load

#: Finish reasons that mean that the answer was not finished: of OpenRouter and Mistral, of vLLM, of DeepSeek.
BROKEN_OFF = {
    "error": Failure.TRANSIENT,
    "abort": Failure.TRANSIENT,
    "insufficient_system_resource": Failure.OVERLOAD,
}
#: Other words for OpenAI's finish reasons: of Mistral, Together, text-generation-inference.
_FINISH = {"model_length": "length", "eos": "stop", "eos_token": "stop", "stop_sequence": "stop"}
_COUNTS = ("prompt_tokens", "completion_tokens", "total_tokens")
_DETAIL_COUNTS = ("cached_tokens", "cache_write_tokens", "reasoning_tokens")
_DETAILS = ("prompt_tokens_details", "completion_tokens_details")
#: Where DeepSeek and Moonshot say how much of the prompt came from the cache.
_CACHE_COUNTS = ("prompt_cache_hit_tokens", "cached_tokens")


def put_right(value: JsonObject) -> JsonObject:
    """Return a response or a chunk without harmless liberties: `null` for nothing, fractions, contents in parts."""
    value = {key: item for key, item in value.items() if item is not None}
    if isinstance(created := value.get("created"), float):
        value["created"] = int(created)
    if isinstance(usage := value.get("usage"), dict):
        value["usage"] = _usage(cast("JsonObject", usage))
    if isinstance(choices := value.get("choices"), list):
        items = cast("list[object]", choices)
        value["choices"] = [_choice(cast("JsonObject", item)) if isinstance(item, dict) else item for item in items]
    return value


def raise_if_broken_off(value: JsonObject) -> None:
    """Raise `Unavailable` if a choice of a response or a chunk ended because the provider failed."""
    for choice in as_list(value.get("choices")):
        failure = BROKEN_OFF.get(reason := as_text(choice, "finish_reason"))
        if failure is not None:
            message = f"the provider broke the answer off (finish reason {reason!r})"
            raise Unavailable(message, failure=failure, upstream_status=200, upstream_code=reason)


def settled(usage: WireUsage) -> WireUsage:
    """Return usage as OpenAI counts: reasoning is a part of the completion (xAI), cached tokens are in the details."""
    details = usage.completion_tokens_details
    reasoning = (details.reasoning_tokens or 0) if details is not None else 0
    if reasoning and usage.total_tokens == usage.prompt_tokens + usage.completion_tokens + reasoning:
        usage = msgspec.structs.replace(usage, completion_tokens=usage.completion_tokens + reasoning)
    cached = max(as_count(usage.extra, name) for name in _CACHE_COUNTS)
    prompt = usage.prompt_tokens_details or PromptTokensDetails()
    if cached and prompt.cached_tokens is None:
        prompt = msgspec.structs.replace(prompt, cached_tokens=cached)
        usage = msgspec.structs.replace(usage, prompt_tokens_details=prompt)
    return usage


def usage_beside(extra: Mapping[str, Any]) -> WireUsage | None:
    """Return the usage that Groq puts into `x_groq`."""
    usage = as_object(extra.get("x_groq")).get("usage")
    if not isinstance(usage, dict):
        return None
    try:
        return load(_usage(cast("JsonObject", usage)), WireUsage)
    except InvalidRequest:
        return None


def _usage(usage: JsonObject) -> JsonObject:
    """Return counts as whole numbers >= 0, without what is not there."""
    usage = _counted({key: item for key, item in usage.items() if item is not None}, _COUNTS)
    for name in _DETAILS:
        if isinstance(details := usage.get(name), dict):
            usage[name] = _counted(cast("JsonObject", details), _DETAIL_COUNTS)
        else:
            usage.pop(name, None)
    return usage


def _counted(value: JsonObject, names: tuple[str, ...]) -> JsonObject:
    counts = {name: as_count(value, name) for name in names if isinstance(value.get(name), int | float)}
    return {**value, **counts}


def _choice(choice: JsonObject) -> JsonObject:
    """Return `choice` without empty fields: `"delta": null`, `"finish_reason": ""` are no news."""
    choice = {key: item for key, item in choice.items() if item is not None and (key, item) != ("finish_reason", "")}
    reason = choice.get("finish_reason")
    if isinstance(reason, str) and reason in _FINISH:
        choice["finish_reason"] = _FINISH[reason]
        choice.setdefault("native_finish_reason", reason)
    for name in ("message", "delta"):
        if isinstance(message := choice.get(name), dict):
            choice[name] = _message(cast("JsonObject", message))
    return choice


def _message(message: JsonObject) -> JsonObject:
    if message.get("role", "") is None:
        message = {key: item for key, item in message.items() if key != "role"}
    if isinstance(content := message.get("content"), list):
        message = {**message, **_in_parts(cast("list[object]", content))}
    if isinstance(calls := message.get("tool_calls"), list):
        items = cast("list[object]", calls)
        message = {**message, "tool_calls": [_call(item) for item in items]}
    return message


def _in_parts(content: list[object]) -> JsonObject:
    """Return what a content of typed parts holds: text, thoughts (Mistral), and what has no place in the format."""
    parts = as_list(content)
    texts = [as_text(part, "text") for part in parts if part.get("type") == "text"]
    thoughts = "".join(_thought(part.get("thinking")) for part in parts if part.get("type") == "thinking")
    others = [part for part in parts if as_text(part, "type") not in {"text", "thinking"}]
    found: JsonObject = {"content": "".join(texts) if texts else None}
    if thoughts:
        found["reasoning_content"] = thoughts
    if others:
        found["provider_blocks"] = others
    return found


def _thought(thinking: object) -> str:
    if isinstance(thinking, str):
        return thinking
    return "".join(as_text(part, "text") for part in as_list(thinking))


def _call(call: object) -> object:
    """Return a tool call whose arguments are text, also where a server gives the object itself."""
    function = as_object(as_object(call).get("function"))
    arguments = function.get("arguments")
    if not isinstance(arguments, dict):
        return call
    text = msgspec.json.encode(cast("JsonObject", arguments)).decode()
    return {**as_object(call), "function": {**function, "arguments": text}}
