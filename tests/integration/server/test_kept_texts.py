"""What is kept of prompts and answers where the operator keeps texts: the same on every way through the gateway."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from gateway_site import BEHAVIOURS, Site, chat, site
from quorate.model.event import State

CHAT, RESPONSES = "/v1/chat/completions", "/v1/responses"
FUNCTION = {
    "name": "get_weather",
    "parameters": {"type": "object", "properties": {"city": {"const": "Rome"}}, "required": ["city"]},
}
CALLED = 'get_weather\n{"city":"Rome"}'
CHAT_TOOLS = {"tools": [{"type": "function", "function": FUNCTION}], "tool_choice": "required"}
WAYS: dict[str, tuple[str, dict[str, Any]]] = {
    "passed on": (CHAT, {**chat("plain"), **CHAT_TOOLS}),
    "translated": (CHAT, {**chat("translated"), **CHAT_TOOLS}),
    "ensemble": (CHAT, {**chat("panel"), **CHAT_TOOLS}),
    "parallel": (CHAT, {**chat("plain"), **CHAT_TOOLS, "parallel": {"models": ["left", "translated"], "mode": "all"}}),
    "responses": (
        RESPONSES,
        {"model": "plain", "input": "hi", "tools": [{"type": "function", **FUNCTION}], "tool_choice": "required"},
    ),
}


@pytest.fixture(scope="module")
def keeping() -> Iterator[Site]:
    """A gateway that keeps texts."""
    with site(storage__retention__texts=True) as running:
        yield running


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("way", WAYS)
async def test_calls_of_tools_are_kept(keeping: Site, way: str, stream: bool) -> None:
    path, body = WAYS[way]
    async with keeping.client() as client:
        request_id = await client.send("POST", path, {**body, "stream": stream})
        assert (await client.reply()).status == 200
    assert (await keeping.run(request_id)).answer == CALLED


async def test_instructions_are_kept_beside_the_input(keeping: Site) -> None:
    body = {"model": "plain", "input": "hi", "instructions": "Be brief."}
    async with keeping.client() as client:
        request_id = await client.send("POST", RESPONSES, body)
        assert (await client.reply()).status == 200
    prompt = (await keeping.run(request_id)).prompt
    assert prompt is not None
    assert json.loads(prompt) == {"instructions": "Be brief.", "input": "hi"}


@pytest.mark.parametrize("provider", ["up", "claude"])
async def test_what_came_before_a_stream_broke_off_is_kept(keeping: Site, provider: str) -> None:
    async with keeping.client() as client:
        request_id = await client.send("POST", CHAT, chat(f"{provider}:f08+tokens-30", stream=True))
        reply = await client.reply()
    run = await keeping.run(request_id)
    assert run.state is State.FAILED
    read = said(reply.body)
    assert run.answer == read
    assert len(read.split()) == 20


@pytest.mark.parametrize("provider", ["up", "claude"])
async def test_what_a_caller_read_before_it_left_is_kept(keeping: Site, provider: str) -> None:
    behaviour = f"{BEHAVIOURS['endless']}#{provider}"
    async with keeping.client() as client:
        request_id = await client.send("POST", CHAT, chat(f"{provider}:{behaviour}", stream=True))
        await client.head()
        read = b"".join([await client.piece() for _ in range(9)])
        client.leave()
        await keeping.hung_up(behaviour)
    run = await keeping.run(request_id)
    assert run.state is State.CANCELLED
    assert run.answer is not None
    assert said(read)
    assert run.answer.startswith(said(read))


async def test_nothing_is_kept_of_an_answer_that_never_began(keeping: Site) -> None:
    async with keeping.client() as client:
        request_id = await client.send("POST", CHAT, chat("busy", stream=True))
        assert (await client.reply()).status == 503
    assert (await keeping.run(request_id)).answer is None


def said(events: bytes) -> str:
    """The text of a stream, as a caller reads it."""
    data = [line[6:] for line in events.split(b"\n") if line.startswith(b"data: {")]
    choices = [choice for each in data for choice in json.loads(each).get("choices", ())]
    return "".join(choice["delta"].get("content") or "" for choice in choices)
