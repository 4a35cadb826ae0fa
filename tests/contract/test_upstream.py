"""The upstream through clients that others wrote, and through our own dialects: what it sends is what they read."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx2
import pytest
from langchain_core.language_models import BaseChatModel
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from langchain_tests.integration_tests import ChatModelIntegrationTests
from openai import AsyncOpenAI, BadRequestError, InternalServerError, NotFoundError, RateLimitError
from openai.types.chat import ChatCompletion
from pydantic import BaseModel

from quorate.providers.anthropic import AnthropicDialect, AnthropicStream
from quorate.upstream import UpstreamServer
from quorate.wire.sse import SseDecoder
from quorate.wire.stream import Joiner


@pytest.fixture
async def server() -> AsyncIterator[UpstreamServer]:
    async with UpstreamServer() as upstream:
        yield upstream


@pytest.fixture
async def client(server: UpstreamServer) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(
        base_url=server.base_url, api_key="none", max_retries=0, _strict_response_validation=True
    ) as openai:
        yield openai


@pytest.fixture
async def async_http() -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient() as http:
        yield http


@pytest.fixture
def plain_http() -> Iterator[httpx2.Client]:
    with httpx2.Client() as http:
        yield http


def hello(text: str = "Hello") -> Any:
    return [{"role": "user", "content": text}]


class Trip(BaseModel):
    city: str
    days: int
    stops: list[str]
    guide: str | None


async def test_openai_reads_whole_answers(client: AsyncOpenAI) -> None:
    answer = await client.chat.completions.create(
        model="tokens-5", messages=hello(), n=2, logprobs=True, top_logprobs=3, max_tokens=4
    )
    assert isinstance(answer, ChatCompletion)
    assert [choice.finish_reason for choice in answer.choices] == ["length", "length"]
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 8
    logprobs = answer.choices[0].logprobs
    assert logprobs is not None
    assert [len(token.top_logprobs) for token in logprobs.content or ()] == [3, 3, 3, 3]


async def test_openai_reads_streams(client: AsyncOpenAI) -> None:
    async with client.chat.completions.stream(
        model="tokens-5", messages=hello(), stream_options={"include_usage": True}, logprobs=True
    ) as stream:
        answer = await stream.get_final_completion()
    whole = await client.chat.completions.create(model="tokens-5", messages=hello())
    assert answer.choices[0].message.content == whole.choices[0].message.content
    assert answer.usage == whole.usage


async def test_openai_reads_forms(client: AsyncOpenAI) -> None:
    answer = await client.chat.completions.parse(
        model="fast", messages=hello("'Rome' for 4 days"), response_format=Trip
    )
    parsed = answer.choices[0].message.parsed
    assert parsed is not None
    assert (parsed.city, parsed.days) == ("Rome", 4)


async def test_openai_runs_tools_to_an_answer(client: AsyncOpenAI) -> None:
    tools: Any = [
        {"type": "function", "function": {"name": name, "parameters": {"properties": {"n": {"type": "integer"}}}}}
        for name in ("double", "halve")
    ]
    messages = hello("Please double 21 and halve 8.")
    async with client.chat.completions.stream(model="fast", messages=messages, tools=tools) as stream:
        answer = await stream.get_final_completion()
    calls: Any = answer.choices[0].message.tool_calls
    assert [(call.function.name, json.loads(call.function.arguments)) for call in calls] == [
        ("double", {"n": 21}),
        ("halve", {"n": 8}),
    ]
    messages.append(answer.choices[0].message.model_dump(exclude_none=True))
    messages += [{"role": "tool", "tool_call_id": call.id, "content": "42"} for call in calls]
    final = await client.chat.completions.create(model="fast", messages=messages, tools=tools)
    assert final.choices[0].finish_reason == "stop"
    assert "42" in (final.choices[0].message.content or "")


async def test_openai_raises_the_right_errors(client: AsyncOpenAI) -> None:
    for model, error, code in (
        ("f02", RateLimitError, "rate_limit_exceeded"),
        ("f04", InternalServerError, None),
        ("f12", BadRequestError, "context_length_exceeded"),
        ("gpt-5", NotFoundError, "model_not_found"),
    ):
        with pytest.raises(error) as raised:
            await client.chat.completions.create(model=model, messages=hello())
        assert raised.value.code == code
        assert raised.value.response.headers["x-quorate-simulated"] == "true"


async def test_openai_reads_embeddings_and_models(client: AsyncOpenAI) -> None:
    plain = await client.embeddings.create(model="fast", input=["a b", "c"], dimensions=8, encoding_format="float")
    async with AsyncOpenAI(base_url=client.base_url, api_key="none") as loose:  # the strict one takes text for invalid
        packed = await loose.embeddings.create(model="fast", input=["a b", "c"], dimensions=8)
    for one, other in zip(plain.data, packed.data, strict=True):
        assert one.embedding == pytest.approx(other.embedding, abs=1e-6)
    assert "f08" in [model.id async for model in client.models.list()]


async def test_langchain_embeds(
    server: UpstreamServer, plain_http: httpx2.Client, async_http: httpx2.AsyncClient
) -> None:
    embeddings = OpenAIEmbeddings(
        base_url=server.base_url,
        api_key=lambda: "none",
        model="fast",
        http_client=plain_http,
        http_async_client=async_http,
        check_embedding_ctx_length=False,  # counting needs a file from the network
    )
    one, other = await embeddings.aembed_documents(["cats and dogs", "dogs and cats"])
    assert one == pytest.approx(other)


TOOLS = [{"name": "double", "input_schema": {"type": "object", "properties": {"n": {"type": "integer"}}}}]


async def post(server: UpstreamServer, path: str, body: object) -> bytes:
    data = json.dumps(body).encode()
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"POST %b HTTP/1.1\r\nconnection: close\r\ncontent-length: %d\r\n\r\n" % (path.encode(), len(data)))
    writer.write(data)
    raw = await reader.read()
    writer.close()
    await writer.wait_closed()
    return raw.partition(b"\r\n\r\n")[2]


def unchunked(body: bytes) -> bytes:
    out = b""
    while body:
        size, _, body = body.partition(b"\r\n")
        out, body = out + body[: int(size, 16)], body[int(size, 16) + 2 :]
    return out


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"system": [{"type": "text", "text": "Be brief."}], "max_tokens": 3},
        {"stop_sequences": ["answer"]},
        {"tools": TOOLS, "tool_choice": {"type": "any"}},
        {
            "output_config": {
                "format": {"type": "json_schema", "schema": {"type": "object", "properties": {"a": {"enum": [1]}}}}
            }
        },
    ],
)
async def test_our_dialect_reads_the_same_from_whole_and_streamed_messages(
    server: UpstreamServer, fields: dict[str, Any]
) -> None:
    body = {"model": "fast", "max_tokens": 100, "messages": hello("What is the double of 21?"), **fields}
    whole = AnthropicDialect().parse(await post(server, "/v1/messages", body))
    stream, joiner = AnthropicStream(), Joiner()
    for event in SseDecoder().feed(unchunked(await post(server, "/v1/messages", {**body, "stream": True}))):
        for chunk in stream.feed(event):
            joiner.add(chunk)
    assert stream.finished
    streamed = joiner.response()
    assert streamed.choices[0].finish_reason == whole.choices[0].finish_reason
    assert streamed.text == whole.text
    assert streamed.usage == whole.usage
    ours, theirs = streamed.message.tool_calls or (), whole.message.tool_calls or ()
    assert [call.function and call.function.arguments for call in ours] == [
        call.function and call.function.arguments for call in theirs
    ]


@pytest.fixture(scope="module")
def served() -> Iterator[str]:
    """A server on a loop of its own: these tests call it from code that is not asynchronous."""
    ready, stop = threading.Event(), threading.Event()
    urls: list[str] = []

    async def serve() -> None:
        async with UpstreamServer() as upstream:
            urls.append(upstream.base_url)
            ready.set()
            while not stop.is_set():  # noqa: ASYNC110 - set by another thread
                await asyncio.sleep(0.02)

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    assert ready.wait(10)
    yield urls[0]
    stop.set()
    thread.join(10)


# Of its own making: what it says about schemas of an older pydantic, and about the field that holds the parsed value.
@pytest.mark.filterwarnings("ignore:Received a Pydantic BaseModel V1 schema:UserWarning")
@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings:UserWarning")
class TestLangchain(ChatModelIntegrationTests):
    # Without clients of our own it keeps one for all tests, which outlives the loop that it began on.
    @pytest.fixture(autouse=True)
    def _serve(self, served: str, plain_http: httpx2.Client, async_http: httpx2.AsyncClient) -> None:
        self.base_url = served
        self.clients = {"http_client": plain_http, "http_async_client": async_http}

    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ChatOpenAI

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"base_url": self.base_url, "api_key": "none", "model": "fast", "stream_usage": True, **self.clients}

    @property
    def supports_image_inputs(self) -> bool:
        return False  # the suite fetches its pictures from the network

    @property
    def supports_json_mode(self) -> bool:
        return True

    @property
    def model_override_value(self) -> str:
        return "fast#other"
