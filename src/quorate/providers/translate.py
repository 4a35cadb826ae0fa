"""What the translations to other providers' request formats have in common."""

import re
from typing import Any, cast

import msgspec

from quorate.core.errors import InvalidRequest
from quorate.providers.dialect import OWN_FIELDS
from quorate.wire.chat import ChatRequest, FunctionCall, ToolCall
from quorate.wire.open import JsonObject

#: Fields of OpenAI's request that other formats have no word for and that do not change what is asked.
_OPENAI_ONLY = OWN_FIELDS | {
    "audio", "function_call", "functions", "logit_bias", "metadata", "modalities", "parallel_tool_calls", "prediction",
    "prompt_cache_key", "prompt_cache_retention", "response_format", "safety_identifier", "service_tier", "store",
    "stream_options", "verbosity", "web_search_options",
}  # fmt: skip

_DATA_URL = re.compile(r"data:(?P<type>[\w.+-]+/[\w.+-]+)(?:;[\w.+-]+=[^;,]*)*;base64,(?P<data>.*)", re.DOTALL)

#: Asks for what `response_format: {"type": "json_object"}` means, where the provider has no such switch.
JSON_INSTRUCTION = "Answer with one JSON object and nothing else."


def native_fields(request: ChatRequest) -> JsonObject:
    """Return the request's unknown fields that are not OpenAI's own: the caller's words in the provider's language."""
    return {name: value for name, value in request.extra.items() if name not in _OPENAI_ONLY}


def stop_list(request: ChatRequest) -> list[str] | None:
    """Return the stop texts as a list; `None` if there are none."""
    stop = request.stop
    if not stop:
        return None
    return [stop] if isinstance(stop, str) else list(stop)


def data_url(url: str) -> tuple[str, str] | None:
    """Return (media type, base64 text) of a `data:` URL; `None` for any other URL."""
    if not url.startswith("data:"):
        return None
    match = _DATA_URL.fullmatch(url)
    if match is None:
        raise InvalidRequest(
            f"{url[:40]!r}... is not a base64 data URL; write data:image/png;base64,...", param="messages"
        )
    return match["type"], match["data"]


def file_data(part: JsonObject) -> tuple[str, str]:
    """Return (media type, base64 text) of a part's `file`; only files carried inside the request can be translated."""
    file = part.get("file")
    data = cast("JsonObject", file).get("file_data") if isinstance(file, dict) else None
    found = data_url(data) if isinstance(data, str) else None
    if found is None:
        raise InvalidRequest("a file part needs file.file_data with a data: URL", param="messages")
    return found


def call_arguments(call: ToolCall) -> JsonObject:
    """Return a tool call's arguments as the object they spell out."""
    text = (call.function and call.function.arguments) or "{}"
    try:
        value: Any = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise InvalidRequest(f"the arguments of tool call {call.id!r} are not a JSON object: {text[:80]!r}")
    return cast("JsonObject", value)


def tool_call(
    call_id: str | None, name: str, arguments: str, *, index: int | None = None, extra: JsonObject | None = None
) -> ToolCall:
    """Return a tool call as the wire carries it."""
    function = FunctionCall(name=name, arguments=arguments)
    return ToolCall(index=index, id=call_id, type="function", function=function, extra=extra or {})


def functions(request: ChatRequest) -> list[JsonObject]:
    """Return the `function` objects of the request's tools; tools of other kinds are refused."""
    found: list[JsonObject] = []
    for position, tool in enumerate(request.tools or ()):
        function = tool.get("function")
        if not isinstance(function, dict):
            raise InvalidRequest(
                f"tool {tool.get('type')!r} cannot be translated; only functions can", param=f"tools[{position}]"
            )
        found.append(cast("JsonObject", function))
    return found


def chosen_function(choice: JsonObject) -> str:
    """Return the name in `tool_choice: {"type": "function", "function": {"name": ...}}`."""
    function = choice.get("function")
    name = cast("JsonObject", function).get("name") if isinstance(function, dict) else None
    if not isinstance(name, str):
        raise InvalidRequest(f"tool_choice {choice!r} names no function", param="tool_choice")
    return name


def json_schema(request: ChatRequest) -> JsonObject | None:
    """Return the schema of `response_format: {"type": "json_schema", ...}`; `None` for other formats."""
    wanted = request.response_format or {}
    if wanted.get("type") != "json_schema":
        return None
    holder = wanted.get("json_schema")
    schema = cast("JsonObject", holder).get("schema") if isinstance(holder, dict) else None
    if not isinstance(schema, dict):
        raise InvalidRequest("response_format.json_schema.schema is missing", param="response_format")
    return cast("JsonObject", schema)


def refuse_untranslatable(request: ChatRequest, provider: str, *, several: bool) -> None:
    """Raise `InvalidRequest` for what changes the answer's form and has no word at the provider."""
    if request.n is not None and request.n > 1 and not several:
        raise InvalidRequest(f"{provider} gives one answer per request; ask {request.n} times instead", param="n")
    kind = (request.response_format or {"type": "text"}).get("type")
    if kind not in {"text", "json_object", "json_schema"}:
        raise InvalidRequest(f"response_format {kind!r} cannot be translated for {provider}", param="response_format")
