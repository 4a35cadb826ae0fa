"""The answer of `/v1/responses`: a response with its output items, from a chat response."""

from typing import Any, cast

import msgspec

from quorate.wire.chat import ChatResponse, CompletionTokensDetails, PromptTokensDetails, ToolCall, WireUsage
from quorate.wire.open import JsonObject
from quorate.wire.responses import ResponsesRequest

#: Finish reason of a chat completion -> why a response is incomplete.
INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}


class OutputText(msgspec.Struct, frozen=True, kw_only=True, tag="output_text", tag_field="type"):
    """Text of the answer."""

    text: str
    annotations: tuple[JsonObject, ...] = ()
    logprobs: tuple[JsonObject, ...] = ()


class OutputRefusal(msgspec.Struct, frozen=True, kw_only=True, tag="refusal", tag_field="type"):
    """What the model says when it will not answer."""

    refusal: str


class ReasoningText(msgspec.Struct, frozen=True, kw_only=True, tag="reasoning_text", tag_field="type"):
    """What a model showed of its reasoning."""

    text: str


ContentPart = OutputText | OutputRefusal


class MessageItem(msgspec.Struct, frozen=True, kw_only=True, tag="message", tag_field="type"):
    """The assistant's message."""

    id: str
    status: str
    content: tuple[ContentPart, ...]
    role: str = "assistant"


class FunctionCallItem(msgspec.Struct, frozen=True, kw_only=True, tag="function_call", tag_field="type"):
    """A function that the model wants called; the answer goes back under `call_id`."""

    id: str
    status: str
    call_id: str
    name: str
    arguments: str


class ReasoningItem(msgspec.Struct, frozen=True, kw_only=True, tag="reasoning", tag_field="type"):
    """The reasoning before the answer, as far as the model shows it."""

    id: str
    status: str
    content: tuple[ReasoningText, ...]
    summary: tuple[JsonObject, ...] = ()


OutputItem = MessageItem | FunctionCallItem | ReasoningItem


class InputDetails(msgspec.Struct, frozen=True, kw_only=True):
    """How the tokens of the input divide."""

    cached_tokens: int = 0
    cache_write_tokens: int = 0


class OutputDetails(msgspec.Struct, frozen=True, kw_only=True):
    """How the tokens of the output divide."""

    reasoning_tokens: int = 0


class ResponseUsage(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens used."""

    input_tokens: int
    output_tokens: int
    total_tokens: int
    input_tokens_details: InputDetails
    output_tokens_details: OutputDetails


class ResponseFault(msgspec.Struct, frozen=True, kw_only=True):
    """Why a response failed."""

    code: str
    message: str


class IncompleteDetails(msgspec.Struct, frozen=True, kw_only=True):
    """Why a response ended early."""

    reason: str


class ResponseObject(msgspec.Struct, frozen=True, kw_only=True):
    """A response; what of the request decides how to read it is repeated, as clients expect.

    `simulated` is there, and true, when no real model answered; so is `cached` when a saved prompt had kept the answer.
    """

    id: str
    created_at: int
    model: str
    status: str
    output: tuple[OutputItem, ...]
    tools: tuple[JsonObject, ...]
    tool_choice: str | JsonObject
    parallel_tool_calls: bool
    text: JsonObject
    object: str = "response"
    error: ResponseFault | None = None
    incomplete_details: IncompleteDetails | None = None
    instructions: str | None = None
    max_output_tokens: int | None = None
    metadata: JsonObject = {}
    previous_response_id: str | None = None
    reasoning: JsonObject = {}
    store: bool = False
    temperature: float | None = None
    top_p: float | None = None
    truncation: str = "disabled"
    usage: ResponseUsage | None = None
    user: str | None = None
    simulated: bool | msgspec.UnsetType = msgspec.UNSET
    cached: bool | msgspec.UnsetType = msgspec.UNSET


def response_head(request: ResponsesRequest, *, id: str, created_at: int) -> ResponseObject:  # noqa: A002 - the wire's word
    """Return the response as it is before the first piece of the answer."""
    metadata = request.extra.get("metadata")
    return ResponseObject(
        id=id,
        created_at=created_at,
        model=request.model,
        status="in_progress",
        output=(),
        tools=tuple({"strict": None, "parameters": None, **tool} for tool in request.tools or ()),
        tool_choice=request.tool_choice or "auto",
        parallel_tool_calls=request.parallel_tool_calls is not False,
        text={"format": (request.text.format if request.text is not None else None) or {"type": "text"}},
        instructions=request.instructions,
        max_output_tokens=request.max_output_tokens,
        metadata=cast("JsonObject", metadata) if isinstance(metadata, dict) else {},
        reasoning={"effort": request.reasoning.effort} if request.reasoning is not None else {},
        temperature=request.temperature,
        top_p=request.top_p,
        user=request.user,
    )


def finished(head: ResponseObject, output: tuple[OutputItem, ...], answer: ChatResponse) -> ResponseObject:
    """Return the response when the answer is there: complete, or incomplete with the reason."""
    reason = INCOMPLETE.get(answer.finish_reason or "")
    return msgspec.structs.replace(
        head,
        status="completed" if reason is None else "incomplete",
        incomplete_details=None if reason is None else IncompleteDetails(reason=reason),
        output=output,
        usage=None if answer.usage is None else usage_of(answer.usage),
        simulated=True if answer.extra.get("simulated") is True else msgspec.UNSET,
        cached=True if answer.extra.get("cached") is True else msgspec.UNSET,
    )


def whole_response(head: ResponseObject, answer: ChatResponse) -> ResponseObject:
    """Return the response to a request that was not streamed; of several choices, the first."""
    return finished(head, output_of(head.id, answer), answer)


def output_of(response_id: str, answer: ChatResponse) -> tuple[OutputItem, ...]:
    """Return the items of an answer: reasoning, then the message, then the function calls."""
    message, suffix = answer.message, item_suffix(response_id)
    complete = "incomplete" if answer.finish_reason in INCOMPLETE else "completed"
    items: list[OutputItem] = []
    if message.thoughts:
        thoughts = (ReasoningText(text=message.thoughts),)
        items.append(ReasoningItem(id=f"rs_{suffix}_0", status="completed", content=thoughts))
    parts: list[ContentPart] = []
    if message.text or not (message.refusal or message.tool_calls):
        logprobs = answer.choices[0].logprobs if answer.choices else None
        parts.append(OutputText(text=message.text, logprobs=logprobs_of(logprobs)))
    if message.refusal:
        parts.append(OutputRefusal(refusal=message.refusal))
    if parts:
        items.append(MessageItem(id=f"msg_{suffix}_{len(items)}", status=complete, content=tuple(parts)))
    for call in message.tool_calls or ():
        items.append(_function_call(call, f"fc_{suffix}_{len(items)}"))
    return tuple(items)


def _function_call(call: ToolCall, item_id: str) -> FunctionCallItem:
    function = call.function
    return FunctionCallItem(
        id=item_id,
        status="completed",
        call_id=call.id or item_id,
        name=(function.name if function is not None else None) or "",
        arguments=(function.arguments if function is not None else None) or "",
    )


def usage_of(usage: WireUsage) -> ResponseUsage:
    """Return the counts under the names of this API."""
    prompt = usage.prompt_tokens_details or PromptTokensDetails()
    completion = usage.completion_tokens_details or CompletionTokensDetails()
    return ResponseUsage(
        input_tokens=usage.prompt_tokens,
        output_tokens=usage.completion_tokens,
        total_tokens=usage.total_tokens,
        input_tokens_details=InputDetails(
            cached_tokens=prompt.cached_tokens or 0, cache_write_tokens=prompt.cache_write_tokens or 0
        ),
        output_tokens_details=OutputDetails(reasoning_tokens=completion.reasoning_tokens or 0),
    )


def logprobs_of(logprobs: JsonObject | None) -> tuple[JsonObject, ...]:
    """Return the log-probabilities of the text's tokens, in the form of this API; none if there are none."""
    content: Any = (logprobs or {}).get("content")
    if not isinstance(content, list):
        return ()
    tokens = [cast("JsonObject", token) for token in cast("list[object]", content) if isinstance(token, dict)]
    return tuple({**token, "bytes": token.get("bytes") or [], "top_logprobs": _tops(token)} for token in tokens)


def _tops(token: JsonObject) -> list[JsonObject]:
    tops: Any = token.get("top_logprobs")
    if not isinstance(tops, list):
        return []
    listed = [cast("JsonObject", top) for top in cast("list[object]", tops) if isinstance(top, dict)]
    return [{**top, "bytes": top.get("bytes") or []} for top in listed]


def item_suffix(response_id: str) -> str:
    """Return what the ids of a response's items have in common."""
    return response_id.removeprefix("resp_")
