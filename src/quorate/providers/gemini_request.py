"""A chat request in the words of Google's Gemini API (`generateContent`)."""

import re
from typing import cast

import msgspec

from quorate.core.errors import InvalidRequest
from quorate.providers.loose_json import as_object, as_text
from quorate.providers.translate import (
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
from quorate.wire.chat import ChatRequest, Message, Part, ToolCall
from quorate.wire.open import JsonObject

#: OpenAI's efforts in the levels of Gemini 3; `none` is a budget of 0, which some models refuse.
_LEVELS = {"minimal": "minimal", "low": "low", "medium": "medium", "high": "high", "xhigh": "high", "max": "high"}
#: Models that do not ask for signatures.
_OLDER = re.compile(r"gemini-[12]\b|gemma")
#: The signature for calls that were not made by Gemini, in Google's documentation of thought signatures.
_FOREIGN_CALL = "skip_thought_signature_validator"
_AUDIO_TYPES = {"wav": "audio/wav", "mp3": "audio/mp3", "flac": "audio/flac", "aac": "audio/aac", "ogg": "audio/ogg"}
_IMAGE_TYPES = {"png": "image/png", "webp": "image/webp", "gif": "image/gif", "heic": "image/heic", "bmp": "image/bmp"}


def request_body(request: ChatRequest, model_id: str) -> JsonObject:
    """Return the body of `models/{model}:generateContent`.

    System messages become `systemInstruction`. Schemas are passed on as JSON Schema (`responseJsonSchema`,
    `parametersJsonSchema`). Left out, because there is no word for it: `user`. Unknown fields of the request are
    passed on as they are (`safetySettings`, `cachedContent`); a `generationConfig` among them is merged and wins.
    Tool calls of the current turn that another provider's model made go to models from Gemini 3 on, which refuse calls
    without a signature, with the one that Google names for this.
    """
    refuse_untranslatable(request, "Gemini", several=True)
    native = native_fields(request)
    config = {**_generation_config(request), **as_object(native.pop("generationConfig", None))}
    fields: JsonObject = {
        "contents": _contents(request, signed=_OLDER.search(model_id) is None),
        "systemInstruction": _system(request),
        "tools": _tools(request),
        "toolConfig": _tool_config(request),
        "generationConfig": config or None,
        **native,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _system(request: ChatRequest) -> JsonObject | None:
    texts = [message.text for message in request.messages if message.role in {"system", "developer"}]
    parts = [{"text": text} for text in texts if text]
    return {"parts": parts} if parts else None


def _contents(request: ChatRequest, *, signed: bool) -> list[JsonObject]:
    users = [position for position, message in enumerate(request.messages) if message.role == "user"]
    asked = max(users, default=-1)
    names: dict[str | None, str] = {}  # of the calls so far: an id may come again in a later turn
    merged: list[JsonObject] = []
    for position, message in enumerate(request.messages):
        if message.role in {"system", "developer"}:
            continue
        names.update((call.id, (call.function and call.function.name) or "") for call in message.tool_calls or ())
        role, parts = _turn(message, names, f"messages[{position}]")
        if signed and position > asked:
            _sign_first_call(parts)
        if merged and merged[-1]["role"] == role:
            merged[-1]["parts"] = [*merged[-1]["parts"], *parts]
        elif parts:
            merged.append({"role": role, "parts": parts})
    if not merged:
        raise InvalidRequest("Gemini needs a message that is not a system message", param="messages")
    return merged


def _turn(message: Message, names: dict[str | None, str], param: str) -> tuple[str, list[JsonObject]]:
    match message.role:
        case "user":
            return "user", _parts(message, param)
        case "assistant":
            return "model", [*_parts(message, param), *(_function_call(call) for call in message.tool_calls or ())]
        case "tool":
            name = message.name or names.get(message.tool_call_id)
            if not name:
                raise InvalidRequest(f"no tool call has the id {message.tool_call_id!r}", param=param)
            response: JsonObject = {"name": name, "response": _tool_result(message)}
            if message.tool_call_id:
                response["id"] = message.tool_call_id
            return "user", [{"functionResponse": response}]
        case other:
            raise InvalidRequest(f"role {other!r} is not known; use system, user, assistant or tool", param=param)


def _function_call(call: ToolCall) -> JsonObject:
    function: JsonObject = {"name": (call.function and call.function.name) or "", "args": call_arguments(call)}
    if call.id:
        function["id"] = call.id
    part: JsonObject = {"functionCall": function}
    signature = as_text(as_object(as_object(call.extra.get("extra_content")).get("google")), "thought_signature")
    return {**part, "thoughtSignature": signature} if signature else part


def _sign_first_call(parts: list[JsonObject]) -> None:
    """Give the first of parallel calls, the one that carries the signature, one if it has none."""
    first = next((part for part in parts if "functionCall" in part), None)
    if first is not None:
        first.setdefault("thoughtSignature", _FOREIGN_CALL)


def _tool_result(message: Message) -> JsonObject:
    """Return the result as the object Gemini wants; anything but a JSON object is put under `result`."""
    try:
        value: object = msgspec.json.decode(message.text)
    except (msgspec.DecodeError, RecursionError):
        value = message.text
    return cast("JsonObject", value) if isinstance(value, dict) else {"result": value}


def _parts(message: Message, param: str) -> list[JsonObject]:
    content = message.content
    if isinstance(content, tuple):
        return [part for item in content if (part := _part(item, param)) is not None]
    return [{"text": content}] if content else []


def _part(part: Part, param: str) -> JsonObject | None:
    match part.type:
        case "text":
            return {"text": part.text} if part.text else None
        case "image_url" if part.image_url is not None:
            return _picture(part.image_url.url)
        case "file":
            return _inline(*file_data(part.extra))
        case "input_audio":
            audio = as_object(part.extra.get("input_audio"))
            media_type = _AUDIO_TYPES.get(as_text(audio, "format"), "audio/wav")
            return _inline(media_type, as_text(audio, "data"))
        case other:
            raise InvalidRequest(f"a part of type {other!r} cannot be sent to Gemini", param=param)


def _picture(url: str) -> JsonObject:
    found = data_url(url)
    if found is not None:
        return _inline(*found)
    ending = url.partition("?")[0].rpartition(".")[2].lower()
    return {"fileData": {"mimeType": _IMAGE_TYPES.get(ending, "image/jpeg"), "fileUri": url}}


def _inline(media_type: str, data: str) -> JsonObject:
    return {"inlineData": {"mimeType": media_type, "data": data}}


def _tools(request: ChatRequest) -> list[JsonObject] | None:
    declarations: list[JsonObject] = []
    for function in functions(request):
        declaration: JsonObject = {"name": function.get("name", "")}
        if function.get("description"):
            declaration["description"] = function["description"]
        if function.get("parameters"):
            declaration["parametersJsonSchema"] = function["parameters"]
        declarations.append(declaration)
    return [{"functionDeclarations": declarations}] if declarations else None


def _tool_config(request: ChatRequest) -> JsonObject | None:
    match request.tool_choice:
        case None:
            return None
        case "auto":
            calling: JsonObject = {"mode": "AUTO"}
        case "required":
            calling = {"mode": "ANY"}
        case "none":
            calling = {"mode": "NONE"}
        case dict() as choice:
            calling = {"mode": "ANY", "allowedFunctionNames": [chosen_function(choice)]}
        case other:
            raise InvalidRequest(f"tool_choice {other!r} is not known", param="tool_choice")
    return {"functionCallingConfig": calling}


def _generation_config(request: ChatRequest) -> JsonObject:
    schema = json_schema(request)
    as_json = (request.response_format or {}).get("type") in {"json_object", "json_schema"}
    fields: JsonObject = {
        "maxOutputTokens": request.output_limit,
        "temperature": request.temperature,
        "topP": request.top_p,
        "candidateCount": request.n,
        "stopSequences": stop_list(request),
        "seed": request.seed,
        "presencePenalty": request.presence_penalty,
        "frequencyPenalty": request.frequency_penalty,
        "responseLogprobs": request.logprobs,
        "logprobs": request.top_logprobs,
        "responseMimeType": "application/json" if as_json else None,
        "responseJsonSchema": schema,
        "thinkingConfig": _thinking(request),
    }
    return {name: value for name, value in fields.items() if value is not None}


def _thinking(request: ChatRequest) -> JsonObject | None:
    effort = request.reasoning_effort
    if effort is None:
        return None
    if effort == "none":
        return {"thinkingBudget": 0}
    if effort not in _LEVELS:
        raise InvalidRequest(
            f"reasoning_effort {effort!r} is not known; use none, {', '.join(_LEVELS)}", param="reasoning_effort"
        )
    return {"thinkingLevel": _LEVELS[effort], "includeThoughts": True}
