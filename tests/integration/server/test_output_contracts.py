"""Answers that must be something, through the gateway: in the configuration, in OpenAI's own words, in `parallel`."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from gateway_site import Site, chat, site
from quorate.testing import Respond, Upstream
from quorate.testing.local_gateway import LocalGateway
from raw_client import RawClient, Reply, client

CHAT = "/v1/chat/completions"
ITEM: dict[str, Any] = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
FORMAT = {"type": "json_schema", "json_schema": {"name": "item", "schema": ITEM, "strict": True}}
PRICED = {"price": {"input": 1, "output": 2}}


def saying(text: str, **fields: Any) -> dict[str, Any]:
    """A model of the upstream that answers with a text."""
    return {"provider": "up", "model": f"says-{text.replace(' ', '_')}", **PRICED, **fields}


def ensemble(mode: str, **fields: Any) -> dict[str, Any]:
    return {"type": "ensemble", "members": ["one", "text"], "mode": mode, **fields}


MODELS: dict[str, dict[str, Any]] = {
    "number": saying("It is $1,200.00", output="number"),
    "words": saying("no idea", output={"type": "number", "max_retries": 2}),
    "warned": saying("no idea", output={"type": "number", "validation": "warn"}),
    "mended": saying("no idea", output={"schema": {"type": "object"}, "repair_model": "mender"}),
    "mender": saying('{"n": 1}'),
    "falling": saying("no idea", output="number", fallbacks=["number"]),
    "one": saying('Here: {"n": 1}'),
    "text": saying("words"),
    "both": ensemble("all", select="first"),
    "counted": ensemble("race", output={"type": "object", "max_retries": 0}),
}
OVERRIDES: dict[str, Any] = {f"models__{name}": section for name, section in MODELS.items()}


@pytest.fixture(scope="module")
def gateway() -> Iterator[Site]:
    with site(**OVERRIDES) as running:
        yield running


async def told(gateway: Site, body: object) -> tuple[Reply, str]:
    async with gateway.client() as sender, asyncio.timeout(20):
        request_id = await sender.send("POST", CHAT, body)
        return await sender.reply(), request_id


def content(reply: Reply) -> Any:
    return reply.json["choices"][0]["message"]["content"]


async def test_a_configured_type(gateway: Site) -> None:
    reply, request_id = await told(gateway, chat("number"))
    assert (content(reply), reply.json["model"]) == ("1200", "number")
    assert reply.json["quorate"]["output"] == {
        "valid": True,
        "value": 1200,
        "problems": [],
        "repaired": False,
        "attempts": 1,
    }
    assert (await gateway.run(request_id)).branches[0].attempts == 1


async def test_a_streamed_answer_comes_when_it_is_valid(gateway: Site) -> None:
    reply, _ = await told(gateway, chat("number", stream=True, stream_options={"include_usage": True}))
    assert (reply.text, reply.events[-1]) == ("1200", "[DONE]")
    assert reply.events[-2]["quorate"]["output"]["value"] == 1200


@pytest.mark.parametrize("stream", [False, True])
async def test_an_invalid_answer_is_an_error_after_all_attempts(gateway: Site, stream: bool) -> None:
    reply, request_id = await told(gateway, chat("words", stream=stream))
    assert reply.status == 502
    error = reply.json["error"]
    assert (error["code"], [problem["path"] for problem in error["problems"]]) == ("output_invalid", ["$"])
    run = await gateway.run(request_id)
    (branch,) = run.branches
    assert (branch.attempts, branch.error_code) == (3, "output_invalid")
    assert run.cost_microusd == branch.cost_microusd == branch.prompt_tokens + 2 * branch.completion_tokens


async def test_a_warning_comes_with_the_answer(gateway: Site) -> None:
    reply, _ = await told(gateway, chat("warned"))
    assert (reply.status, content(reply)) == (200, "no idea")
    output = reply.json["quorate"]["output"]
    assert (output["valid"], output["value"], len(output["problems"])) == (False, None, 1)


async def test_a_repair_is_paid_with_the_answer(gateway: Site) -> None:
    reply, request_id = await told(gateway, chat("mended"))
    assert (content(reply), reply.json["quorate"]["output"]["repaired"]) == ('{"n":1}', True)
    run = await gateway.run(request_id)
    usage = reply.json["usage"]
    assert (run.prompt_tokens, run.completion_tokens) == (usage["prompt_tokens"], usage["completion_tokens"])
    assert run.cost_microusd is not None
    assert run.cost_microusd == run.prompt_tokens + 2 * run.completion_tokens
    assert f"{run.cost_microusd / 1e6:.6f}" == reply.headers["x-quorate-cost-usd"]


async def test_a_fallback_answers_for_a_model_that_does_not_keep_it(gateway: Site) -> None:
    reply, _ = await told(gateway, chat("falling"))
    assert (content(reply), reply.json["quorate"]["answered_by"]) == ("1200", "number")
    assert reply.json["quorate"]["failed"][0]["code"] == "output_invalid"


async def test_the_schema_of_a_request() -> None:
    """An ensemble keeps it, a single model passes it on and its answer back."""
    said = {"one": Respond(text='Here: {"n": 1}'), "text": Respond(text="words")}
    loose = {"type": "json_schema", "json_schema": {"name": "item", "schema": ITEM}}
    async with Upstream(by_model=said) as upstream, before(upstream, "one", "text") as sender:

        async def ask(model: str, response_format: object, **fields: Any) -> Reply:
            return await sender.ask("POST", CHAT, chat(model, response_format=response_format, **fields))

        reply = await ask("text", FORMAT)
        assert (content(reply), "quorate" in reply.json) == ("words", False)
        assert upstream.requests[-1].body["response_format"] == FORMAT
        reply = await ask("both", FORMAT)
        assert (content(reply), reply.json["quorate"]["output"]["value"]) == ('{"n":1}', {"n": 1})
        assert not reply.json["quorate"]["warnings"]
        assert (await ask("both", FORMAT, stream=True)).text == '{"n":1}'
        reply = await ask("both", loose)
        (warning,) = reply.json["quorate"]["warnings"]
        assert warning.startswith("the answer of text does not keep its output contract: $: ")
        assert (await ask("swift", FORMAT)).status == 502
        assert all(seen.body["response_format"] in (FORMAT, loose) for seen in upstream.requests)


@asynccontextmanager
async def before(upstream: Upstream, *names: str) -> AsyncGenerator[RawClient]:
    """A connection to a gateway with models of these names, all of them an ensemble called `both`, the last `swift`."""
    models = "\n".join(f"  {name}: {{ provider: up, price: {{ input: 1, output: 2 }} }}" for name in names)
    config = f"""
version: 1
providers:
  up: {{ type: openai, base_url: "{upstream.base_url}", api_key: env:KEY }}
models:
{models}
  both: {{ type: ensemble, members: [{", ".join(names)}], mode: all, select: first }}
  swift: {{ type: ensemble, members: [{names[-1]}], mode: race }}
"""
    async with (
        LocalGateway(config, environ={"KEY": "k"}) as running,
        client(running.url, running.key) as sender,
        asyncio.timeout(20),
    ):
        yield sender


async def test_a_race_is_won_by_a_valid_answer(gateway: Site) -> None:
    for stream in (False, True):
        reply, _ = await told(gateway, chat("counted", stream=stream))
        assert (reply.text if stream else content(reply)) == '{"n":1}'


async def test_a_parallel_request_says_what_answers_must_be(gateway: Site) -> None:
    plan = {"models": ["one", "text"], "output": {"schema": ITEM, "maxRetries": 0, "repair_model": "mender"}}
    body = {"messages": chat("x")["messages"]}
    reply, request_id = await told(gateway, {**body, "parallel": plan})
    assert (content(reply), reply.json["quorate"]["output"]["valid"]) == ('{"n":1}', True)
    run = await gateway.run(request_id)
    assert run.cost_microusd == round(reply.json["usage"]["total_cost_usd"] * 1_000_000)
    reply, _ = await told(gateway, {**body, "stream": True, "parallel": {**plan, "output": {"schema": ITEM}}})
    assert (reply.text, reply.events[-2]["quorate"]["output"]["value"]) == ('{"n":1}', {"n": 1})
    assert [each["error"] and each["error"]["code"] for each in reply.events[-2]["responses"]][1] == "output_invalid"


async def test_a_short_type_and_what_cannot_be_asked_for(gateway: Site) -> None:
    body = {"messages": chat("x")["messages"]}
    reply, _ = await told(gateway, {**body, "parallel": {"models": ["number"], "output": "integer"}})
    assert content(reply) == "1200"
    for output, param in (
        ("float", "parallel.output"),
        ({}, "parallel.output"),
        ({"schema": {"type": "nope"}}, "parallel.output.schema"),
        ({"type": "number", "max_retries": 50}, "parallel.output.max_retries"),
        ({"type": "number", "other": 1}, "parallel.output.other"),
    ):
        reply, _ = await told(gateway, {**body, "parallel": {"models": ["number"], "output": output}})
        assert (reply.status, reply.json["error"]["param"]) == (400, param), output
    unknown = {"models": ["number"], "output": {"type": "number", "repairModel": "nobody"}}
    assert (await told(gateway, {**body, "parallel": unknown}))[0].status == 404


async def test_the_model_is_told_over_the_wire() -> None:
    async with Upstream(Respond(text="one"), Respond(text='{"n": 1}')) as upstream:
        config = f"""
version: 1
providers:
  up: {{ type: openai, base_url: "{upstream.base_url}", api_key: env:KEY }}
models:
  m: {{ provider: up, output: {{ type: object }} }}
"""
        async with (
            LocalGateway(config, environ={"KEY": "k"}) as running,
            client(running.url, running.key) as sender,
            asyncio.timeout(20),
        ):
            await sender.send("POST", CHAT, chat("m"))
            reply = await sender.reply()
        assert (content(reply), reply.json["quorate"]["output"]["attempts"]) == ('{"n":1}', 2)
        assert reply.json["usage"]["total_tokens"] == 30
        first, second = (seen.body["messages"] for seen in upstream.requests)
        assert second[: len(first)] == first
        assert [message["role"] for message in second[len(first) :]] == ["assistant", "user"]
        assert "a JSON object" in second[-1]["content"]
