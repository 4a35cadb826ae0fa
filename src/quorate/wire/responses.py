"""OpenAI's `POST /v1/responses`, the part of it that needs no state: what is taken, and the request in our words."""

from typing import Any

from quorate.core.errors import InvalidRequest
from quorate.wire.chat import ChatRequest, Message
from quorate.wire.open import JsonObject, Open, decode
from quorate.wire.responses_input import messages_of

#: Fields that clients send and that change nothing here: no error, because every answer is right without them.
WITHOUT_EFFECT = frozenset(
    {
        "include",
        "max_tool_calls",
        "metadata",
        "prompt_cache_key",
        "prompt_cache_options",
        "prompt_cache_retention",
        "safety_identifier",
        "service_tier",
        "stream_options",
    }
)

#: Fields that ask for something this gateway does not do, and what to do instead.
REFUSED: dict[str, str] = {
    "background": "send the request with stream: true and read along",
    "context_management": "shorten the input yourself",
    "conversation": "send the earlier items in input",
    "moderation": "ask a moderation model yourself",
    "previous_response_id": "send the earlier items in input",
    "prompt": "send instructions and input",
    "store": "leave it out, or false",
    "truncation": "leave it out, or disabled, and shorten the input yourself",
}
#: What a refused field may hold all the same, because it asks for nothing.
_HARMLESS: dict[str, tuple[object, ...]] = {
    "background": (None, False),
    "store": (None, False),
    "truncation": (None, "disabled"),
}

_LOGPROBS = "message.output_text.logprobs"


class TextOptions(Open, frozen=True, kw_only=True):
    """`format`: text, JSON, or JSON by a schema (in the flat form); `verbosity` is passed on."""

    format: JsonObject | None = None
    verbosity: str | None = None


class ReasoningOptions(Open, frozen=True, kw_only=True):
    """`effort` is passed on; a `summary` is not made: reasoning comes as the model shows it."""

    effort: str | None = None


class ResponsesRequest(Open, frozen=True, kw_only=True):
    """A request as it came; `extra` holds the fields of `WITHOUT_EFFECT` and what was harmless of `REFUSED`."""

    model: str
    input: str | tuple[Any, ...]
    instructions: str | None = None
    tools: tuple[JsonObject, ...] | None = None
    tool_choice: str | JsonObject | None = None
    parallel_tool_calls: bool | None = None
    text: TextOptions | None = None
    reasoning: ReasoningOptions | None = None
    max_output_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_logprobs: int | None = None
    stream: bool | None = None
    user: str | None = None


def read_responses(data: bytes) -> ResponsesRequest:
    """Return the request in `data`.

    Raises `InvalidRequest` naming the field for what is malformed, for what needs a state that this gateway does not
    keep, and for fields that it does not know: silence would answer another question than the one asked.
    """
    request = decode(data, ResponsesRequest)
    for name, value in request.extra.items():
        if name in REFUSED:
            if value not in _HARMLESS.get(name, (None,)):
                raise InvalidRequest(
                    f"{name} is not supported, because this gateway keeps no state; {REFUSED[name]}", param=name
                )
        elif name not in WITHOUT_EFFECT and value is not None:
            raise InvalidRequest(f"{name} is not supported here; leave it out", param=name)
    return request


def chat_request(request: ResponsesRequest) -> ChatRequest:
    """Return the chat request that asks the same; raises `InvalidRequest` naming what it cannot be asked of a model."""
    system = () if request.instructions is None else (Message(role="system", content=request.instructions),)
    include = request.extra.get("include")
    wants_logprobs = request.top_logprobs is not None or (isinstance(include, list) and _LOGPROBS in include)
    extra: JsonObject = {}
    if request.parallel_tool_calls is not None and request.tools:
        extra["parallel_tool_calls"] = request.parallel_tool_calls
    if request.text is not None and request.text.verbosity is not None:
        extra["verbosity"] = request.text.verbosity
    return ChatRequest(
        messages=(*system, *messages_of(request.input)),
        model=request.model,
        stream=request.stream,
        temperature=request.temperature,
        top_p=request.top_p,
        max_completion_tokens=request.max_output_tokens,
        tools=_tools(request.tools),
        tool_choice=_tool_choice(request.tool_choice) if request.tools else None,
        response_format=_response_format(request.text),
        logprobs=True if wants_logprobs else None,
        top_logprobs=request.top_logprobs,
        reasoning_effort=request.reasoning.effort if request.reasoning is not None else None,
        user=request.user,
        extra=extra,
    )


def _tools(tools: tuple[JsonObject, ...] | None) -> tuple[JsonObject, ...] | None:
    """Return functions in the nested form of chat completions."""
    if not tools:
        return None
    nested: list[JsonObject] = []
    for i, tool in enumerate(tools):
        if (kind := tool.get("type")) != "function":
            raise InvalidRequest(
                f"tools[{i}].type is {kind!r}; this gateway runs no tools of its own, only functions of yours",
                param=f"tools[{i}].type",
            )
        if not isinstance(tool.get("name"), str):
            raise InvalidRequest(f"tools[{i}].name is {tool.get('name')!r}; it has to be a text", param=f"tools[{i}]")
        given = {key: tool[key] for key in ("name", "description", "parameters", "strict") if tool.get(key) is not None}
        nested.append({"type": "function", "function": given})
    return tuple(nested)


def _tool_choice(choice: str | JsonObject | None) -> str | JsonObject | None:
    if choice in (None, "none", "auto", "required"):
        return choice
    if not isinstance(choice, str | None) and choice.get("type") == "function" and isinstance(choice.get("name"), str):
        return {"type": "function", "function": {"name": choice["name"]}}
    raise InvalidRequest(
        f"tool_choice is {str(choice)[:80]!r}; use none, auto, required, or a function by name", param="tool_choice"
    )


def _response_format(text: TextOptions | None) -> JsonObject | None:
    chosen = text.format if text is not None else None
    match chosen and chosen.get("type"):
        case None | "text":
            return None
        case "json_object":
            return {"type": "json_object"}
        case "json_schema" if chosen is not None and isinstance(chosen.get("schema"), dict):
            names = ("name", "schema", "strict", "description")
            given = {key: chosen[key] for key in names if chosen.get(key) is not None}
            return {"type": "json_schema", "json_schema": {"name": "answer", **given}}
        case kind:
            raise InvalidRequest(
                f"text.format.type is {kind!r}; use text, json_object, or json_schema with a schema",
                param="text.format",
            )
