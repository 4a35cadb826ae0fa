"""The server on a real socket: bytes of both formats, faults, limits, books."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from quorate.core.errors import InvalidRequest
from quorate.upstream import Caps, UpstreamServer
from quorate.wire.sse import SseDecoder

HELLO = [{"role": "user", "content": "Hello"}]


class Reply:
    """A response, read to its end or to the end of the connection."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        head, _, self.rest = raw.partition(b"\r\n\r\n")
        self.status = int(head.split()[1]) if head else 0
        lines = [line.split(": ", 1) for line in head.decode().split("\r\n")[1:]]
        self.headers = {name.lower(): value for name, value in lines}
        self.chunked = self.headers.get("transfer-encoding") == "chunked"

    @property
    def body(self) -> bytes:
        if not self.chunked:
            return self.rest
        chunks: list[bytes] = []
        at = 0
        while at < len(self.rest):
            end = self.rest.index(b"\r\n", at)
            if not (length := int(self.rest[at:end], 16)):
                break
            at = end + 2 + length + 2
            chunks.append(self.rest[end + 2 : end + 2 + length])
        return b"".join(chunks)

    @property
    def complete(self) -> bool:
        if self.chunked:
            return self.rest.endswith(b"0\r\n\r\n")
        return len(self.rest) == int(self.headers.get("content-length", "-1"))

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def events(self) -> list[str]:
        return [event.data for event in SseDecoder().feed(self.body)]

    @property
    def text(self) -> str:
        chunks = [json.loads(event) for event in self.events if event.startswith('{"id"')]
        return "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"])


@pytest.fixture
async def server() -> AsyncIterator[UpstreamServer]:
    async with UpstreamServer() as upstream:
        yield upstream


@asynccontextmanager
async def dial(
    server: UpstreamServer, *, limit: int = 65_536
) -> AsyncGenerator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=limit)
    try:
        yield reader, writer
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def exchange(server: UpstreamServer, request: bytes) -> Reply:
    async with dial(server) as (reader, writer):
        writer.write(request)
        return Reply(await reader.read())


def http(path: str, body: object = None, *, method: str = "POST", head: str = "") -> bytes:
    data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    return (
        f"{method} {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n{head}content-length: {len(data)}\r\n\r\n"
    ).encode() + data


async def chat(server: UpstreamServer, model: str, **fields: Any) -> Reply:
    return await exchange(server, http("/v1/chat/completions", {"model": model, "messages": HELLO, **fields}))


async def message(server: UpstreamServer, model: str, **fields: Any) -> Reply:
    body = {"model": model, "max_tokens": 500, "messages": HELLO, **fields}
    return await exchange(server, http("/v1/messages", body))


async def test_a_whole_answer_says_that_it_is_simulated(server: UpstreamServer) -> None:
    reply = await chat(server, "says-yes", n=2, logprobs=True, top_logprobs=2)
    assert (reply.status, reply.headers["x-quorate-simulated"], reply.complete) == (200, "true", True)
    body = reply.json
    assert body["system_fingerprint"] == "simulated"
    assert [choice["message"]["content"] for choice in body["choices"]] == ["yes", "yes"]
    assert body["usage"]["completion_tokens"] == 2
    (token,) = body["choices"][0]["logprobs"]["content"]
    assert (token["token"], bytes(token["bytes"]), len(token["top_logprobs"])) == ("yes", b"yes", 2)


async def test_a_stream_gives_the_same_answer(server: UpstreamServer) -> None:
    for name in ("tokens-20", "tokens-20+gap-1ms", "tokens-20+delay-5ms", "tokens-20+first-5ms"):
        reply = await chat(server, name, stream=True, stream_options={"include_usage": True})
        assert reply.headers["content-type"].startswith("text/event-stream")
        assert reply.text == (await chat(server, name)).json["choices"][0]["message"]["content"]
        assert reply.events[-1] == "[DONE]"
        last = json.loads(reply.events[-2])
        assert (last["choices"], last["usage"]["completion_tokens"]) == ([], 20)
        assert len(reply.events) == 1 + 20 + 1 + 1 + 1  # role, tokens, reason, usage, end


async def test_times(server: UpstreamServer) -> None:
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    await chat(server, "delay-30ms+first-30ms+gap-10ms+tokens-5")
    assert loop.time() - began_s >= 0.1 - 0.002
    began_s = loop.time()
    await chat(server, "delay-30ms+first-30ms+gap-10ms+tokens-5", stream=True)
    assert loop.time() - began_s >= 0.1 - 0.002


@pytest.mark.parametrize(
    ("model", "statuses"),
    [
        ("f01", [429, 200, 200]),
        ("f02", [429, 429, 429]),
        ("f03", [500, 200, 200]),
        ("f04", [503, 503, 503]),
        ("f12", [400, 400, 400]),
        ("f13", [400, 400, 400]),
        ("f15-1ms", [503]),
        ("f16", [503, 503]),
        ("fail-50pct", [200, 500, 200, 500]),
    ],
)
async def test_faults_with_a_status(server: UpstreamServer, model: str, statuses: list[int]) -> None:
    seen = [(await chat(server, model)).status for _ in statuses]
    other = [(await message(server, f"{model}#other", stream=True)).status for _ in statuses]
    assert (seen, other) == (statuses, statuses)


async def test_errors_are_told_in_the_words_of_the_format(server: UpstreamServer) -> None:
    limited = await chat(server, "f01")
    assert (limited.headers["retry-after"], limited.headers["retry-after-ms"]) == ("2", "2000")
    assert "retry-after" not in (await chat(server, "f02")).headers
    assert (await chat(server, "f12")).json["error"]["code"] == "context_length_exceeded"
    assert (await chat(server, "f13")).json["error"]["code"] == "content_policy_violation"
    assert (await message(server, "f04")).json == {
        "type": "error",
        "error": {"type": "overloaded_error", "message": "The simulated server is overloaded."},
    }


async def test_a_reset_connection_once(server: UpstreamServer) -> None:
    with pytest.raises(ConnectionResetError):
        await chat(server, "f05")
    assert (await chat(server, "f05")).status == 200


async def test_silence_ends_with_the_connection(server: UpstreamServer) -> None:
    assert (await chat(server, "f06-20ms")).raw == b""


async def test_headers_at_once_and_the_first_token_late(server: UpstreamServer) -> None:
    async with dial(server) as (reader, writer):
        writer.write(http("/v1/chat/completions", {"model": "f07-10s", "messages": HELLO, "stream": True}))
        assert b"text/event-stream" in await reader.readuntil(b"\r\n\r\n")
    await server.disconnected()
    assert server.disconnects[0].model == "f07-10s"


@pytest.mark.parametrize(("model", "tokens"), [("f08", 40), ("f09-10ms", 20), ("f14", 40), ("f08+tokens-9", 6)])
async def test_cut_streams(server: UpstreamServer, model: str, tokens: int) -> None:
    reply = await chat(server, model, stream=True)
    assert len(reply.text.split()) == tokens
    assert not reply.complete
    assert "[DONE]" not in reply.events
    whole = await chat(server, model)
    assert whole.status == 200
    assert not whole.complete
    anthropic = await message(server, model, stream=True)
    assert not anthropic.complete
    assert sum("text_delta" in event for event in anthropic.events) == tokens


async def test_an_event_that_is_no_json_in_a_good_stream(server: UpstreamServer) -> None:
    reply = await chat(server, "f10", stream=True)
    assert len(reply.text.split()) == 60
    assert sum(event.startswith('{"this is"') for event in reply.events) == 1
    assert reply.events[-1] == "[DONE]"
    with pytest.raises(json.JSONDecodeError):
        _ = (await chat(server, "f10")).json


async def test_a_stream_without_its_last_word(server: UpstreamServer) -> None:
    reply = await chat(server, "f11", stream=True, stream_options={"include_usage": True})
    assert reply.complete
    assert "usage" in json.loads(reply.events[-1])
    assert "message_stop" not in (await message(server, "f11", stream=True)).events[-1]


async def test_prefill_is_refused_by_the_fallback(server: UpstreamServer) -> None:
    prefilled = [*HELLO, {"role": "assistant", "content": "The"}]
    assert (await chat(server, "f14-fallback", messages=prefilled)).status == 400
    assert (await message(server, "f14-fallback", messages=prefilled)).status == 400
    assert (await chat(server, "f14-fallback")).status == 200


async def test_anthropic_events_come_in_order(server: UpstreamServer) -> None:
    tools = [{"name": "look_up", "input_schema": {"type": "object", "properties": {"n": {"type": "integer"}}}}]
    reply = await message(server, "fast", stream=True, tools=tools, tool_choice={"type": "any"})
    events = [json.loads(event) for event in reply.events]
    kinds = [event["type"] for event in events]
    assert kinds[:2] == ["message_start", "content_block_start"]
    assert kinds[-3:] == ["content_block_stop", "message_delta", "message_stop"]
    spelled = "".join(event["delta"]["partial_json"] for event in events if event["type"] == "content_block_delta")
    assert json.loads(spelled) == {"n": 1}
    assert events[-2]["delta"]["stop_reason"] == "tool_use"


async def test_a_form_is_kept_or_refused(server: UpstreamServer) -> None:
    def form(**schema: Any) -> dict[str, Any]:
        return {"response_format": {"type": "json_schema", "json_schema": {"schema": schema}}}

    made = await chat(server, "fast", **form(type="array", minItems=19_000, items={}))
    assert len(json.loads(made.json["choices"][0]["message"]["content"])) == 19_000
    for schema in ({"type": "array", "minItems": 21_000}, {"type": "banana"}, {"properties": [1]}):
        refused = await chat(server, "fast", **form(**schema))
        assert (refused.status, "the schema" in refused.json["error"]["message"]) == (400, True)


async def test_models_in_both_formats(server: UpstreamServer) -> None:
    openai = (await exchange(server, http("/v1/models", method="GET"))).json
    anthropic = (
        await exchange(server, http("/v1/models", method="GET", head="anthropic-version: 2023-06-01\r\n"))
    ).json
    assert [model["id"] for model in openai["data"]] == [model["id"] for model in anthropic["data"]]
    assert (await chat(server, openai["data"][0]["id"])).status == 200
    assert (openai["object"], anthropic["has_more"]) == ("list", False)


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (http("/nowhere"), 404),
        (http("/v1/chat/completions", method="GET"), 405),
        (http("/v1/chat/completions", b"{"), 400),
        (http("/v1/chat/completions", {"model": "fast"}), 400),
        (http("/v1/chat/completions", {"model": "fast", "messages": []}), 400),
        (http("/v1/chat/completions", {"model": "gpt-5", "messages": HELLO}), 404),
        (http("/v1/chat/completions", b"[" * 100_000), 400),
        (http("/v1/messages", {"model": "fast", "messages": HELLO}), 400),
        (http("/v1/embeddings", {"model": "fast", "input": []}), 400),
        (b"GARBAGE\r\n\r\n", 400),
        (http("/v1/models", method="GET", head="upgrade: websocket\r\nconnection: upgrade\r\n"), 400),
    ],
)
async def test_what_is_no_request_gets_an_error_body(server: UpstreamServer, request_bytes: bytes, status: int) -> None:
    reply = await exchange(server, request_bytes)
    assert reply.status == status
    assert reply.json["error"]["message"]
    assert reply.headers["x-quorate-simulated"] == "true"


async def test_large_requests_are_refused_before_they_are_read() -> None:
    async with UpstreamServer(caps=Caps(body_bytes=1000, head_bytes=1000)) as server:
        said_large = b"POST /v1/embeddings HTTP/1.1\r\ncontent-length: 5000000000\r\n\r\n"
        assert (await exchange(server, said_large)).status == 413
        chunks = (
            b"POST /v1/embeddings HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n" + b"200\r\n%b\r\n" % (b"x" * 512) * 3
        )
        assert (await exchange(server, chunks)).status == 413
        assert (await exchange(server, http("/v1/models", method="GET", head=f"a: {'x' * 1000}\r\n"))).status == 431
        assert (await exchange(server, b"GET /" + b"x" * 1200)).status == 431
        assert (await exchange(server, http("/v1/models", method="GET", head="a: b\r\n"))).status == 200


async def test_a_key_is_needed_where_one_is_set() -> None:
    async with UpstreamServer(api_key="right") as server:
        for head, status in (
            ("", 401),
            ("authorization: Bearer wrong\r\n", 401),
            ("authorization: Bearer right\r\n", 200),
            ("x-api-key: right\r\n", 200),
        ):
            assert (await exchange(server, http("/v1/models", method="GET", head=head))).status == status
        assert (await exchange(server, http("/_stats", method="GET"))).status == 200


async def test_requests_of_one_connection_are_answered_in_order(server: UpstreamServer) -> None:
    names = ["says-a+delay-20ms", "says-b", *("says-c" for _ in range(40)), "says-d+delay-1ms"]
    said: list[str] = []
    async with dial(server) as (reader, writer):
        for name in names:
            body = json.dumps({"model": name, "messages": HELLO}).encode()
            writer.write(b"POST /v1/chat/completions HTTP/1.1\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))
        for _ in names:
            head = await reader.readuntil(b"\r\n\r\n")
            body = await reader.readexactly(int(head.rpartition(b"content-length: ")[2].strip()))
            said.append(json.loads(body)["choices"][0]["message"]["content"])
    assert said == [name.partition("+")[0].removeprefix("says-") for name in names]


async def test_a_client_may_announce_its_body(server: UpstreamServer) -> None:
    body = json.dumps({"model": "fast", "messages": HELLO}).encode()
    head = b"POST /v1/chat/completions HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: %d\r\n\r\n"
    async with dial(server) as (reader, writer):
        writer.write(head % len(body))
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(body)
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")


async def test_a_slow_reader_gets_all_of_a_large_stream(server: UpstreamServer) -> None:
    ask = {"model": "tokens-20000+first-1ms", "messages": HELLO, "stream": True}
    async with dial(server, limit=1024) as (reader, writer):
        writer.write(http("/v1/chat/completions", ask))
        await server.received()
        await exchange(server, http("/_stats", method="GET"))  # others are served while that one is held up
        reply = Reply(await reader.read())
    assert len(reply.events) == 20_000 + 3


async def test_the_books(server: UpstreamServer) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(server.received(3))
        for name in ("fast", "fast", "f04"):
            await chat(server, name)
    stats = server.stats()
    assert (stats.requests, stats.refused, stats.by_model) == (3, 1, {"fast": 2, "f04": 1})
    assert [request.model for request in server.requests] == ["fast", "fast", "f04"]
    assert server.requests[0].headers["host"] == "test"
    assert server.requests[0].json["messages"] == HELLO
    assert len({request.connection for request in server.requests}) == 3
    told = (await exchange(server, http("/_stats", method="GET"))).json
    assert (told["requests"], told["by_model"]) == (3, {"fast": 2, "f04": 1})
    assert (await exchange(server, http("/_reset"))).json == {}
    assert server.stats().requests == 0
    assert (await chat(server, "f03")).status == 500


async def test_who_hangs_up_is_noticed(server: UpstreamServer) -> None:
    async with dial(server) as (_, writer):
        writer.write(http("/v1/chat/completions", {"model": "delay-20s", "messages": HELLO}))
        await server.received()
    await asyncio.wait_for(server.disconnected(), 5)
    assert [request.model for request in server.disconnects] == ["delay-20s"]


async def test_answers_under_way_end_with_the_server() -> None:
    server = UpstreamServer()
    async with server, dial(server) as (reader, writer):
        writer.write(http("/v1/chat/completions", {"model": "delay-20s", "messages": HELLO}))
        await server.received()
        await server.__aexit__(None, None, None)
        with suppress(ConnectionResetError):
            assert await reader.read() == b""
    assert server.stats().disconnects == 0


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "example.com", "::"])
def test_only_loopback_unless_told_otherwise(host: str) -> None:
    with pytest.raises(InvalidRequest, match="allow_remote"):
        UpstreamServer(host=host)
    UpstreamServer(host=host, allow_remote=True)
