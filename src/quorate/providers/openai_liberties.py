"""The liberties that servers take with OpenAI's format, put right before the format is required."""

from collections.abc import Mapping
from typing import Any, cast

import msgspec

from quorate.core.errors import InvalidRequest
from quorate.providers.loose_json import as_count, as_list, as_object, as_text
from quorate.wire.chat import MOST_TOKENS, PromptTokensDetails, WireUsage
from quorate.wire.open import JsonObject, load

#: Other words for OpenAI's finish reasons: of Mistral, Together, text-generation-inference.
_FINISH = {"model_length": "length", "eos": "stop", "eos_token": "stop", "stop_sequence": "stop"}
_COUNTS = ("prompt_tokens", "completion_tokens", "total_tokens")
_DETAIL_COUNTS = ("cached_tokens", "cache_write_tokens", "reasoning_tokens")
_DETAILS = ("prompt_tokens_details", "completion_tokens_details")
#: Where DeepSeek and Moonshot say how much of the prompt came from the cache.
_CACHE_COUNTS = ("prompt_cache_hit_tokens", "cached_tokens")


def put_right(value: JsonObject) -> JsonObject:
    """Return a response or a chunk without harmless liberties: `null` for nothing, fractions, contents in parts."""
    value = _without_nulls(value)
    if isinstance(created := value.get("created"), float):
        value = {**value, "created": int(created)}
    if isinstance(usage := value.get("usage"), dict):
        counted = _usage(cast("JsonObject", usage))
        if counted is not usage:
            value = {**value, "usage": counted}
    if isinstance(choices := value.get("choices"), list):
        items = cast("list[object]", choices)
        right = [_choice(cast("JsonObject", item)) if isinstance(item, dict) else item for item in items]
        value = {**value, "choices": right}
    return value


def settled(usage: WireUsage) -> WireUsage:
    """Return usage as OpenAI counts: reasoning is a part of the completion (xAI), cached tokens are in the details."""
    details = usage.completion_tokens_details
    reasoning = details.reasoning_tokens if details is not None else None
    if reasoning and usage.total_tokens == usage.prompt_tokens + usage.completion_tokens + reasoning:
        usage = msgspec.structs.replace(usage, completion_tokens=usage.completion_tokens + reasoning)
    cached = max(as_count(usage.extra, name) for name in _CACHE_COUNTS) if usage.extra else 0
    if cached:
        prompt = usage.prompt_tokens_details or PromptTokensDetails()
        if prompt.cached_tokens is None:
            prompt = msgspec.structs.replace(prompt, cached_tokens=cached)
            usage = msgspec.structs.replace(usage, prompt_tokens_details=prompt)
    return usage


def usage_beside(extra: Mapping[str, Any]) -> WireUsage | None:
    """Return the usage that Groq puts into `x_groq`."""
    return usage_in(as_object(extra.get("x_groq")))


def usage_in(value: JsonObject) -> WireUsage | None:
    """Return the usage in a response or a chunk, whatever else is in it; `None` if that says nothing."""
    usage = value.get("usage")
    if not isinstance(usage, dict):
        return None
    try:
        counted = _usage(cast("JsonObject", usage))
        return None if counted is None else load(counted, WireUsage)
    except InvalidRequest:
        return None


def _without_nulls(value: JsonObject) -> JsonObject:
    """Return `value` itself if nothing in it is `null`."""
    return {key: item for key, item in value.items() if item is not None} if None in value.values() else value


def _usage(usage: JsonObject) -> JsonObject | None:
    """Return counts as whole numbers >= 0, without what is not there; `usage` itself if that is how they are.

    `None` for a count that cannot be one: then nobody knows what the others are worth.
    """
    if any(isinstance(number := usage.get(name), int | float) and number > MOST_TOKENS for name in _COUNTS):
        return None
    usage = _counted(_without_nulls(usage), _COUNTS)
    for name in _DETAILS:
        details = usage.get(name)
        if isinstance(details, dict):
            counted = _counted(cast("JsonObject", details), _DETAIL_COUNTS)
            if counted is not details:
                usage = {**usage, name: counted}
        elif details is not None:
            usage = {key: item for key, item in usage.items() if key != name}
    return usage


def _counted(value: JsonObject, names: tuple[str, ...]) -> JsonObject:
    for name in names:
        number = value.get(name)
        if number is None or (type(number) is int and 0 <= number <= MOST_TOKENS):
            continue
        if isinstance(number, int | float):
            value = {**value, name: as_count(value, name)}
    return value


def _choice(choice: JsonObject) -> JsonObject:
    """Return `choice` without empty fields: `"delta": null`, `"finish_reason": ""` are no news."""
    choice = _without_nulls(choice)
    reason = choice.get("finish_reason")
    if reason == "":
        choice = {key: item for key, item in choice.items() if key != "finish_reason"}
    elif isinstance(reason, str) and reason in _FINISH:
        choice = {**choice, "finish_reason": _FINISH[reason]}
        choice.setdefault("native_finish_reason", reason)
    for name in ("message", "delta"):
        message = choice.get(name)
        if isinstance(message, dict):
            right = _message(cast("JsonObject", message))
            if right is not message:
                choice = {**choice, name: right}
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
