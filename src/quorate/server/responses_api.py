"""`/v1/responses` over any model of the catalog: from its completion, or its reply, to the bytes of the API."""

from collections.abc import AsyncGenerator

import msgspec

from quorate.core.errors import QuorateError
from quorate.model import Completion, Reply
from quorate.wire.chat import ChatResponse
from quorate.wire.responses import ResponsesRequest
from quorate.wire.responses_answer import response_head, whole_response
from quorate.wire.responses_stream import ResponsesStream

_encoder = msgspec.json.Encoder()


def body(completion: Completion, request: ResponsesRequest, *, id: str, created_at: int) -> bytes:  # noqa: A002 - the wire's word
    """Return the JSON of the response to a request that was not streamed."""
    head = response_head(request, id=id, created_at=created_at)
    return _encoder.encode(whole_response(head, _with_usage(completion)))


async def events(reply: Reply, request: ResponsesRequest, *, id: str, created_at: int) -> AsyncGenerator[bytes]:  # noqa: A002 - the wire's word
    """Yield the bytes of the streamed response, whole events at a time; use it under `contextlib.aclosing`.

    An error before the first piece comes out as it is, so that it can still have a status of its own. One after that
    is told in the stream, as `error` and `response.failed`, and comes out afterwards, for the record.
    """
    stream = ResponsesStream(response_head(request, id=id, created_at=created_at))
    begun = False
    try:
        async for delta in reply:
            opening, begun = b"" if begun else stream.begin(), True
            data = opening + stream.chunk(delta.chunk)
            if data:
                yield data
        yield stream.end(_with_usage(await reply.completion()))
    except QuorateError as error:
        if begun:
            yield stream.fail(error)
        raise


def _with_usage(completion: Completion) -> ChatResponse:
    """Return the chat response with the completion's counts, which are there even if the provider sent none."""
    response = completion.response
    return (
        response if response.usage is not None else msgspec.structs.replace(response, usage=completion.usage.to_wire())
    )
