"""The items of a `/v1/responses` input as the messages of a conversation."""

from collections.abc import Callable, Mapping
from typing import Any, cast

from quorate.core.errors import InvalidRequest
from quorate.wire.chat import FunctionCall, ImageUrl, Message, Part, ToolCall
from quorate.wire.open import JsonObject

#: Item types that are taken.
ITEMS = ("message", "function_call", "function_call_output", "reasoning")
#: Part types that are taken.
PARTS = ("input_text", "output_text", "refusal", "input_image")
_ROLES = {"user": "user", "assistant": "assistant", "system": "system", "developer": "system"}


def messages_of(value: str | tuple[Any, ...]) -> tuple[Message, ...]:
    """Return the messages of an input: a text, or items.

    Function calls join the assistant's message before them, as chat completions want it. Reasoning items of earlier
    answers are passed over: no other model can read them. Raises `InvalidRequest` with the item's path.
    """
    if isinstance(value, str):
        return (Message(role="user", content=value),)
    messages: list[Message] = []
    for i, item in enumerate(value):
        path = f"input[{i}]"
        given = _object(item, path)
        kind = given.get("type", "message" if "role" in given else None)
        match kind:
            case "message":
                messages.append(_message(given, path))
            case "function_call":
                _add_call(messages, _call(given, path))
            case "function_call_output":
                messages.append(_output(given, path))
            case "reasoning":
                pass
            case _:
                raise InvalidRequest(
                    f"{path}.type is {kind!r}; this gateway takes {', '.join(ITEMS)}", param=f"{path}.type"
                )
    if not messages:
        raise InvalidRequest("input holds no message; ask something", param="input")
    return tuple(messages)


def _message(item: JsonObject, path: str) -> Message:
    role = _ROLES.get(str(item.get("role")))
    if role is None:
        raise InvalidRequest(f"{path}.role is {item.get('role')!r}; use {', '.join(_ROLES)}", param=f"{path}.role")
    content = item.get("content")
    if isinstance(content, str):
        return Message(role=role, content=content)
    parts = _parts(content, f"{path}.content")
    refusals = [part.extra["refusal"] for part in parts if part.type == "refusal"]
    others = tuple(part for part in parts if part.type != "refusal")
    if role != "user":  # only users show pictures, and not every provider takes parts from others
        return Message(
            role=role,
            content="".join(part.text or "" for part in others) if others or not refusals else None,
            refusal="".join(refusals) or None,
        )
    return Message(role=role, content=others)


def _parts(content: object, path: str) -> tuple[Part, ...]:
    if not isinstance(content, list):
        raise InvalidRequest(f"{path} is {type(content).__name__}; it has to be a text or a list of parts", param=path)
    return tuple(_part(item, f"{path}[{i}]") for i, item in enumerate(cast("list[object]", content)))


def _part(item: object, path: str) -> Part:
    part = _object(item, path)
    read = _READERS.get(str(part.get("type")))
    if read is None:
        raise InvalidRequest(
            f"{path}.type is {part.get('type')!r}; this gateway takes {', '.join(PARTS)}", param=f"{path}.type"
        )
    return read(part, path)


def _text_part(part: JsonObject, path: str) -> Part:
    return Part(type="text", text=_text(part, "text", path))


def _refusal_part(part: JsonObject, path: str) -> Part:
    return Part(type="refusal", extra={"refusal": _text(part, "refusal", path)})


def _image_part(part: JsonObject, path: str) -> Part:
    if part.get("image_url") is None:
        raise InvalidRequest(
            f"{path}.image_url is missing; this gateway keeps no files, so send the picture's URL or a data: URL",
            param=f"{path}.image_url",
        )
    detail = part.get("detail")
    if detail is not None and not isinstance(detail, str):
        raise InvalidRequest(f"{path}.detail is {detail!r}; use low, high or auto", param=f"{path}.detail")
    return Part(type="image_url", image_url=ImageUrl(url=_text(part, "image_url", path), detail=detail))


_READERS: Mapping[str, Callable[[JsonObject, str], Part]] = {
    "input_text": _text_part,
    "output_text": _text_part,
    "refusal": _refusal_part,
    "input_image": _image_part,
}


def _call(item: JsonObject, path: str) -> ToolCall:
    function = FunctionCall(name=_text(item, "name", path), arguments=_text(item, "arguments", path))
    return ToolCall(id=_text(item, "call_id", path), type="function", function=function)


def _add_call(messages: list[Message], call: ToolCall) -> None:
    if messages and messages[-1].role == "assistant":
        last = messages.pop()
        messages.append(
            Message(
                role="assistant",
                content=last.content,
                refusal=last.refusal,
                tool_calls=(*(last.tool_calls or ()), call),
            )
        )
    else:
        messages.append(Message(role="assistant", content=None, tool_calls=(call,)))


def _output(item: JsonObject, path: str) -> Message:
    output = item.get("output")
    if not isinstance(output, str):
        output = "".join(_text(_object(part, path), "text", path) for part in _listed(output, f"{path}.output"))
    return Message(role="tool", content=output, tool_call_id=_text(item, "call_id", path))


def _listed(value: object, path: str) -> list[object]:
    if not isinstance(value, list):
        raise InvalidRequest(f"{path} is {type(value).__name__}; it has to be a text or a list of texts", param=path)
    return cast("list[object]", value)


def _object(value: object, path: str) -> JsonObject:
    if not isinstance(value, dict):
        raise InvalidRequest(f"{path} is {str(value)[:80]!r}; it has to be an object", param=path)
    return cast("JsonObject", value)


def _text(item: JsonObject, name: str, path: str) -> str:
    value = item.get(name)
    if not isinstance(value, str):
        raise InvalidRequest(f"{path}.{name} is {str(value)[:80]!r}; it has to be a text", param=f"{path}.{name}")
    return value
