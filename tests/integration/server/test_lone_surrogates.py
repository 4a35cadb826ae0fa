"""Providers and callers whose JSON holds half of a surrogate pair, which its grammar permits."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from gateway_site import Site, chat, site
from raw_server import RawServer, always, events, streamed, whole

CHAT = "/v1/chat/completions"
#: The text is what a JSON reader of JavaScript or Python makes of it: an emoji, cut in two for a stream.
ANSWER = (
    b'{"id":"a","choices":[{"index":0,"message":{"role":"assistant","content":"\\ud800x"},"finish_reason":"stop"}],'
    b'"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}'
)
CUT = [
    '{"id":"a","choices":[{"index":0,"delta":{"role":"assistant","content":"a\\ud83d"}}]}',
    '{"id":"a","choices":[{"index":0,"delta":{"content":"\\ude00b"}}]}',
    '{"id":"a","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}',
]
TOGETHER: dict[str, Any] = {"parallel": {"models": ["by-hand"], "mode": "all"}}


@asynccontextmanager
async def provider(gateway: Site, *pieces: bytes) -> AsyncGenerator[RawServer]:
    """Answers every request to `by-hand` with these bytes."""
    server = RawServer(handler=always(*pieces), port=gateway.port)
    async with await asyncio.start_server(server.serve, "127.0.0.1", gateway.port):
        yield server
    for connection in server.connections:
        connection.reset()
    await server.all_closed()


@pytest.fixture
def keeping() -> Any:
    """A gateway that keeps texts."""
    with site(storage__retention__texts=True) as running:
        yield running


async def test_a_whole_answer_is_passed_on_as_it_came(keeping: Site) -> None:
    async with provider(keeping, whole(ANSWER, content_type="application/json")) as up, keeping.client() as client:
        request_id = await client.send("POST", CHAT, chat("by-hand"))
        reply = await client.reply()
    assert (reply.status, reply.body) == (200, ANSWER)
    assert len(up.requests) == 1
    run = await keeping.run(request_id)
    assert (run.prompt_tokens, run.completion_tokens, run.estimated) == (3, 2, False)
    assert run.answer == "\ufffdx"


async def test_a_stream_is_passed_on_as_it_came(keeping: Site) -> None:
    async with (
        provider(keeping, *streamed(events(*CUT, "[DONE]"), size=60)) as up,
        keeping.client() as client,
    ):
        request_id = await client.send("POST", CHAT, chat("by-hand", stream=True))
        reply = await client.reply()
    assert reply.body == events(*CUT, "[DONE]")
    assert len(up.requests) == 1
    assert (await keeping.run(request_id)).answer == "a\ufffd\ufffdb"


async def test_what_is_composed_holds_a_replacement(keeping: Site) -> None:
    async with keeping.client() as client:
        async with provider(keeping, whole(ANSWER, content_type="application/json")):
            reply = await client.ask("POST", CHAT, chat("plain") | TOGETHER)
        assert reply.json["choices"][0]["message"]["content"] == "\ufffdx"
        async with provider(keeping, *streamed(events(*CUT, "[DONE]"))):
            reply = await client.ask("POST", CHAT, chat("plain", stream=True) | TOGETHER)
    data = [line[6:] for line in reply.body.split(b"\n") if line.startswith(b"data: {")]
    choices = [choice for each in data for choice in json.loads(each)["choices"]]
    assert "".join(choice["delta"].get("content") or "" for choice in choices) == "a\ufffd\ufffdb"


@pytest.mark.parametrize("path", [CHAT, "/v1/responses", "/v1/embeddings"])
async def test_a_question_with_half_a_pair_is_refused_by_that_name(keeping: Site, path: str) -> None:
    body = b'{"model":"plain","input":"hello \\ud83d","messages":[{"role":"user","content":"hello \\ud83d"}]}'
    async with keeping.client() as client:
        reply = await client.ask("POST", path, body)
    assert reply.status == 400
    assert r"half of a surrogate pair (\ud83d)" in reply.json["error"]["message"]
