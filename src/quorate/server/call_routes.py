"""The calls of models, as the API's description shows them: the application answers them itself, not the router."""

from dataclasses import dataclass, field
from typing import Annotated

import msgspec

from quorate.access.permission import Permission
from quorate.server.parallel_answer import ParallelCompletion
from quorate.server.parallel_estimate import ParallelEstimate
from quorate.server.parallel_request import ParallelOptions
from quorate.wire.chat import ChatRequest, ChatResponse
from quorate.wire.embeddings import EmbeddingsRequest, EmbeddingsResponse
from quorate.wire.open import JsonObject
from quorate.wire.responses import ResponsesRequest
from quorate.wire.responses_answer import ResponseObject


class ChatBody(ChatRequest, frozen=True, kw_only=True):
    """A chat request as the gateway takes it: OpenAI's, and `parallel` to ask many models at once.

    `timeout` is how many seconds the answer may take, as the header `x-request-timeout-s` says it for every call: the
    least counts, of these two and the gateway's own. Fields that are not listed are passed on to providers that speak
    OpenAI's language.
    """

    parallel: ParallelOptions | None = None
    timeout: Annotated[float, msgspec.Meta(gt=0, le=86_400)] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRoute:
    """A call: its body, the forms its answer takes, what a stream of it consists of, and an example of a body."""

    path: str
    summary: str
    permission: Permission
    body: type[msgspec.Struct]
    answers: tuple[type[msgspec.Struct], ...]
    stream: str = ""
    example: JsonObject = field(default_factory=dict[str, object])
    tag: str = "calls"


_CHAT_STREAM = (
    "With `stream: true`, server-sent events of chat completion chunks, ended by `data: [DONE]`. Lines that begin with "
    "a colon are comments: heartbeats, and the progress of a `parallel` request. After a failure the last event holds "
    "`error`, and `[DONE]` does not follow."
)
_RESPONSES_STREAM = (
    "With `stream: true`, server-sent events (`response.created` to `response.completed`), each with a "
    "`sequence_number`. After a failure the last events are `error` and `response.failed`."
)
_QUESTION = [{"role": "user", "content": "What is the capital of France?"}]
_PANEL = {"messages": _QUESTION, "parallel": {"mode": "quorum", "models": ["model-a", "model-b", "model-c"]}}

CALLS: tuple[CallRoute, ...] = (
    CallRoute(
        path="/v1/chat/completions",
        summary="Ask a model, or many at once",
        permission=Permission.CHAT,
        body=ChatBody,
        answers=(ChatResponse, ParallelCompletion, ParallelEstimate),
        stream=_CHAT_STREAM,
        example={"model": "model-a", "messages": _QUESTION},
    ),
    CallRoute(
        path="/api/v1/chat/completions",
        summary="The same; errors are problem details",
        permission=Permission.CHAT,
        body=ChatBody,
        answers=(ChatResponse, ParallelCompletion, ParallelEstimate),
        stream=_CHAT_STREAM,
        example=_PANEL,
    ),
    CallRoute(
        path="/v1/responses",
        summary="Ask a model by the Responses API, without state",
        permission=Permission.CHAT,
        body=ResponsesRequest,
        answers=(ResponseObject,),
        stream=_RESPONSES_STREAM,
        example={"model": "model-a", "input": "What is the capital of France?"},
    ),
    CallRoute(
        path="/v1/embeddings",
        summary="Turn texts into vectors",
        permission=Permission.EMBEDDINGS,
        body=EmbeddingsRequest,
        answers=(EmbeddingsResponse,),
        example={"model": "hashed", "input": ["one text", "another"]},
    ),
)
