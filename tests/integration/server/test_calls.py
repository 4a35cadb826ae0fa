"""Every way a call can be answered, over real HTTP at both ends."""

import asyncio
import gc
import json
from typing import Any

import pytest
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from gateway_site import Site, chat
from quorate.model.event import State
from raw_client import Reply
from running_gateway import UPSTREAM_KEY

CHAT = "/v1/chat/completions"


async def told(gateway: Site, body: object, path: str = CHAT) -> tuple[Reply, str]:
    async with gateway.client() as client, asyncio.timeout(20):
        request_id = await client.send("POST", path, body)
        return await client.reply(), request_id


async def test_bytes_pass_both_ways(gateway: Site) -> None:
    body = (
        b'{ "messages":[{"role":"user","content":"\\u00e9 \\/"}] , "model":"plain","temperature":0.70,'
        b'"mine":{"a":[1.0,2e+1]},"user":"bytes"}'
    )
    reply, request_id = await told(gateway, body)
    assert (reply.status, reply.json["object"], reply.json["model"]) == (200, "chat.completion", "fast")
    sent = [seen for seen in gateway.upstream.requests("fast") if b'"user":"bytes"' in seen.body][-1]
    assert sent.body == (
        b'{"messages":[{"role":"user","content":"\\u00e9 \\/"}],"model":"fast","temperature":0.70,'
        b'"mine":{"a":[1.0,2e+1]},"user":"bytes"}'
    )
    assert sent.headers["authorization"] == f"Bearer {UPSTREAM_KEY}"
    run = await gateway.run(request_id)
    usage = reply.json["usage"]
    assert (run.prompt_tokens, run.completion_tokens) == (usage["prompt_tokens"], usage["completion_tokens"])
    assert run.cost_microusd == usage["prompt_tokens"] + 2 * usage["completion_tokens"]


@pytest.mark.parametrize("stream", [False, True])
async def test_what_was_answered_waits_for_no_garbage_collector(gateway: Site, stream: bool) -> None:
    def cycles() -> int:
        return sum(type(each) is RequestResponseCycle for each in gc.get_objects())

    async with gateway.client() as client:
        gc.collect()
        before = cycles()
        gc.disable()
        try:
            for _ in range(10):
                assert (await client.ask("POST", CHAT, chat("plain", stream=stream))).status == 200
            await gateway.idle()
            after = cycles()
        finally:
            gc.enable()
    assert after <= before + 2


@pytest.mark.parametrize("model", ["plain", "translated", "invented", "panel", "swift", "most", "unended"])
@pytest.mark.parametrize("stream", [False, True])
async def test_every_kind_of_model(gateway: Site, model: str, stream: bool) -> None:
    reply, request_id = await told(gateway, chat(model, stream=stream))
    assert reply.status == 200
    if stream:
        assert reply.headers["content-type"].startswith("text/event-stream")
        assert reply.headers["x-accel-buffering"] == "no"
        assert reply.text
        assert reply.events[-1] == "[DONE]"
        assert not any(event.get("usage") for event in reply.events[:-1])
    else:
        assert reply.json["choices"][0]["message"]["content"]
        assert reply.json["usage"]["total_tokens"] > 0
    run = await gateway.run(request_id)
    assert (run.state, run.status, run.stream, run.model) == (State.FINISHED, 200, stream, model)
    assert run.cost_microusd == sum(branch.cost_microusd or 0 for branch in run.branches if branch.leaf)
    assert run.completion_tokens == sum(branch.completion_tokens for branch in run.branches if branch.leaf)
    assert sum(branch.selected for branch in run.branches) == 1
    assert run.id == reply.headers["x-quorate-run-id"]


@pytest.mark.parametrize("model", ["plain", "translated", "panel"])
async def test_the_usage_of_a_stream_for_who_asks(gateway: Site, model: str) -> None:
    reply, request_id = await told(gateway, chat(model, stream=True, stream_options={"include_usage": True}))
    counted = [event for event in reply.events[:-1] if event.get("usage")]
    assert len(counted) == 1
    run = await gateway.run(request_id)
    assert counted[0]["usage"]["total_tokens"] == run.prompt_tokens + run.completion_tokens


@pytest.mark.parametrize("mode", ["all", "race", "quorum"])
@pytest.mark.parametrize("progress", [None, "comments", "chunks", "none"])
async def test_an_ad_hoc_plan(gateway: Site, mode: str, progress: str | None) -> None:
    plan: dict[str, Any] = {"mode": mode, "models": ["left", "middle", "right"], "minModels": 1}
    body = {"messages": chat("x")["messages"], "parallel": plan}
    if progress is None:
        reply, request_id = await told(gateway, body)
        assert reply.json["object"] == "parallel.completion"
        assert len(reply.json["responses"]) == 3
        assert reply.json["choices"][0]["message"]["content"] == reply.json["synthesis"]["content"]
        spent = reply.json["usage"]["total_cost_usd"]
    else:
        plan["progress"] = progress
        reply, request_id = await told(gateway, {**body, "stream": True})
        assert reply.text
        assert reply.events[-1] == "[DONE]"
        assert (b": quorate {" in reply.body) is (progress == "comments")
        assert any("quorate" in event for event in reply.events[:-1]) is (progress == "chunks")
        last = reply.events[-2]
        assert len(last["responses"]) == 3
        spent = last["usage"]["total_cost_usd"]
    run = await gateway.run(request_id)
    assert (run.mode, run.model, run.state) == (mode, "parallel", State.FINISHED)
    assert run.cost_microusd == round(spent * 1_000_000)
    assert run.cost_microusd == sum(branch.cost_microusd or 0 for branch in run.branches if branch.leaf)


async def test_a_failure_that_passes_is_not_seen(gateway: Site) -> None:
    for model in ("once", "reset"):
        reply, request_id = await told(gateway, chat(model))
        assert reply.status == 200
        assert (await gateway.run(request_id)).branches[0].attempts == 2


FAILURES = {
    "busy": (503, "provider_unavailable", "true"),
    "long": (400, "context_length_exceeded", "false"),
    "filtered": (400, "content_policy_violation", "false"),
}


@pytest.mark.parametrize("model", FAILURES)
@pytest.mark.parametrize("stream", [False, True])
async def test_errors_of_the_provider(gateway: Site, model: str, stream: bool) -> None:
    status, code, retry = FAILURES[model]
    reply, request_id = await told(gateway, chat(model, stream=stream))
    assert (reply.status, reply.headers["x-should-retry"]) == (status, retry)
    assert set(reply.json["error"]) == {"message", "type", "param", "code"}
    run = await gateway.run(request_id)
    assert (run.status, run.state, run.cost_microusd) == (status, State.FAILED, 0)
    assert reply.json["error"]["code"] == code or model == "busy"
    assert UPSTREAM_KEY not in reply.body.decode()


@pytest.mark.parametrize("model", ["cut", "garbled"])
async def test_a_stream_that_breaks_off(gateway: Site, model: str) -> None:
    reply, request_id = await told(gateway, chat(model, stream=True))
    assert reply.status == 200
    assert reply.text
    assert reply.events[-1]["error"]["type"] == "server_error"
    assert b"[DONE]" not in reply.body
    run = await gateway.run(request_id)
    assert (run.state, run.status, run.estimated) == (State.FAILED, 200, True)
    assert run.error_code in {"provider_unavailable", "provider_malformed"}
    assert (run.cost_microusd or 0) > 0
    assert run.cost_microusd == run.branches[0].cost_microusd


async def test_responses(gateway: Site) -> None:
    for model in ("plain", "translated", "panel"):
        reply, request_id = await told(gateway, {"model": model, "input": "hi"}, "/v1/responses")
        assert reply.json["output"][0]["content"][0]["text"]
        streamed, _ = await told(gateway, {"model": model, "input": "hi", "stream": True}, "/v1/responses")
        assert streamed.events[-1]["type"] == "response.completed"
        assert (await gateway.run(request_id)).operation == "responses"


async def test_embeddings(gateway: Site) -> None:
    for model in ("plain", "hashed"):
        reply, request_id = await told(gateway, {"model": model, "input": ["a", "b"]}, "/v1/embeddings")
        assert len(reply.json["data"]) == 2
        run = await gateway.run(request_id)
        assert (run.operation, run.state) == ("embeddings", State.FINISHED)
        assert run.prompt_tokens > 0


async def test_one_connection_serves_many_requests(gateway: Site) -> None:
    async with gateway.client() as client:
        for number in range(10):
            reply = await client.ask("POST", CHAT, chat("plain", stream=number % 2 == 1))
            assert reply.status == 200
        assert (await client.ask("GET", "/v1/models")).status == 200


async def test_a_model_that_is_null_says_as_much_as_none(gateway: Site) -> None:
    body = {**chat("left"), "model": None, "parallel": {"models": ["left", "right"]}}
    async with gateway.client() as client:
        reply = await client.ask("POST", CHAT, body)
    assert (reply.status, len(reply.json["responses"])) == (200, 2)


async def test_the_caller_is_told_what_the_run_says(gateway: Site) -> None:
    async with gateway.client() as client:
        request_id = await client.send("POST", CHAT, chat("panel"))
        reply = await client.reply()
        run = await gateway.run(request_id)
        shown = await client.ask("GET", f"/api/v1/runs/{run.id}")
    assert shown.json["run"]["cost_microusd"] == reply.json["quorate"]["cost_microusd"]
    assert [branch["model"] for branch in shown.json["run"]["branches"]] == ["left", "middle", "right"]
    assert json.loads(shown.body)["run"]["agreement"] == reply.json["quorate"]["agreement"]
