"""`/v1/responses` over any model of the catalog: from its completion, or its reply, to the bytes of the API."""

from collections.abc import AsyncGenerator, Awaitable, Callable

import msgspec

from quorate.model import Completion, Delta, Reply
from quorate.wire.chat import ChatResponse
from quorate.wire.responses import ResponsesRequest
from quorate.wire.responses_answer import response_head, whole_response
from quorate.wire.responses_stream import ResponsesStream

_encoder = msgspec.json.Encoder()


def body(completion: Completion, request: ResponsesRequest, *, id: str, created_at: int) -> bytes:  # noqa: A002 - the wire's word
    """Return the JSON of the response to a request that was not streamed."""
    head = response_head(request, id=id, created_at=created_at)
    return _encoder.encode(whole_response(head, _with_usage(completion)))


async def events(
    reply: Reply,
    stream: ResponsesStream,
    *,
    heard: Callable[[Delta], object] | None = None,
    before_end: Callable[[], Awaitable[None]] | None = None,
) -> AsyncGenerator[bytes]:
    """Yield the bytes of the streamed response, whole events at a time; use it under `contextlib.aclosing`.

    `heard` is told of each piece before its bytes come, `before_end` is done before the last ones. An error comes out
    as it is: before the first piece it can still have a status of its own, after it `stream.fail` has the events that
    tell it.
    """
    async for delta in reply:
        if heard is not None:
            heard(delta)
        if data := stream.begin() + stream.chunk(delta.chunk):
            yield data
    completion = await reply.completion()
    if before_end is not None:
        await before_end()
    yield stream.end(_with_usage(completion))


def _with_usage(completion: Completion) -> ChatResponse:
    """Return the chat response with the completion's counts, which are there even if the provider sent none."""
    response = completion.response
    return (
        response if response.usage is not None else msgspec.structs.replace(response, usage=completion.usage.to_wire())
    )
