"""Late answers that are asked for a second time, over real HTTP at both ends."""

import asyncio
from collections.abc import Iterator

import pytest

from gateway_site import Site, chat
from private_server import free_port
from quorate.model.event import State
from quorate.testing.local_gateway import LocalGateway
from raw_client import Reply
from running_gateway import UPSTREAM_KEY, UpstreamThread

#: `late` sends nothing for minutes, `mute` its headers and then nothing; both are hedged on `quick`. `prompt` could be
#: hedged and never is. `broken` fails after its hedge has begun, and so does that; of `hopeless` both are late.
CONFIG = """
version: 1
providers:
  up: {{ type: openai, base_url: "{url}/v1", api_key: env:UPSTREAM_KEY }}
  claude: {{ type: anthropic, base_url: "{url}", api_key: env:UPSTREAM_KEY }}
models:
  quick: {{ provider: up, model: says-quick, price: {{ input: 1, output: 2 }} }}
  failing: {{ provider: up, model: "f04#hedge", price: {{ input: 1, output: 2 }} }}
  late: {{ provider: up, model: delay-300s, price: {{ input: 1, output: 2 }},
    hedge: {{ after: 50ms, on: [quick], share: 1 }}, context_window: 9000 }}
  mute: {{ provider: up, model: first-300s, price: {{ input: 1, output: 2 }},
    hedge: {{ after: 0.05, on: [quick], share: 1 }} }}
  foreign: {{ provider: claude, model: "delay-300s#foreign", price: {{ input: 1, output: 2 }},
    hedge: {{ after: 0.05s, on: [quick], share: 1 }} }}
  prompt: {{ provider: up, model: says-prompt, price: {{ input: 1, output: 2 }}, hedge_after: 30s }}
  broken: {{ provider: up, model: "f04+delay-300ms", price: {{ input: 1, output: 2 }},
    hedge: {{ after: 50ms, on: [failing], share: 1 }} }}
  second: {{ provider: up, model: "delay-300s#second", price: {{ input: 1, output: 2 }} }}
  hopeless: {{ provider: up, model: "delay-300s#first", price: {{ input: 1, output: 2 }},
    hedge: {{ after: 50ms, on: [second], share: 1 }} }}
  rare: {{ provider: up, model: "delay-800ms#rare", price: {{ input: 1, output: 2 }},
    hedge: {{ after: 20ms, on: [quick], share: 0.2 }} }}
  panel: {{ type: ensemble, members: [late, prompt], mode: all }}
defaults:
  retry: {{ max_retries: 0 }}
"""
CHAT = "/v1/chat/completions"


@pytest.fixture(scope="module")
def hedged() -> Iterator[Site]:
    with (
        UpstreamThread() as upstream,
        LocalGateway(
            CONFIG.format(url=upstream.url),
            environ={"UPSTREAM_KEY": UPSTREAM_KEY},
            overrides={"telemetry.logs.requests": False},
        ) as gateway,
    ):
        yield Site(gateway=gateway, upstream=upstream, port=free_port())


async def told(site: Site, model: str, path: str = CHAT, body: object = None, **fields: object) -> tuple[Reply, str]:
    async with site.client() as client, asyncio.timeout(20):
        request_id = await client.send("POST", path, body or chat(model, **fields))
        return await client.reply(), request_id


@pytest.mark.parametrize(
    ("model", "stream", "behaviour"),
    [
        ("late", False, "delay-300s"),
        ("late", True, "delay-300s"),
        ("mute", True, "first-300s"),
        ("foreign", False, "delay-300s#foreign"),
        ("foreign", True, "delay-300s#foreign"),
    ],
)
async def test_the_hedge_answers_and_the_late_one_is_hung_up_on(
    hedged: Site, model: str, stream: bool, behaviour: str
) -> None:
    reply, request_id = await told(hedged, model, stream=stream)
    assert reply.status == 200
    text = reply.text if stream else reply.json["choices"][0]["message"]["content"]
    assert text.strip() == "quick"
    await hedged.hung_up(behaviour)
    run = await hedged.run(request_id)
    [branch] = run.branches
    assert (run.status, run.state, run.model, branch.attempts) == (200, State.FINISHED, model, 2)
    _, alone = await told(hedged, "quick", stream=stream)
    assert run.estimated  # the prompt of the late one is charged as well
    assert run.prompt_tokens > (await hedged.run(alone)).prompt_tokens
    assert run.cost_microusd == run.prompt_tokens + 2 * run.completion_tokens


@pytest.mark.parametrize("stream", [False, True])
async def test_a_prompt_answer_is_asked_for_once(hedged: Site, stream: bool) -> None:
    before = len(hedged.upstream.requests("says-prompt"))
    reply, request_id = await told(hedged, "prompt", stream=stream)
    assert reply.status == 200
    run = await hedged.run(request_id)
    assert (run.branches[0].attempts, run.estimated) == (1, False)
    assert len(hedged.upstream.requests("says-prompt")) == before + 1


async def test_both_failing_is_the_first_ones_error(hedged: Site) -> None:
    reply, request_id = await told(hedged, "broken")
    assert reply.status == 503
    assert "broken" in reply.json["error"]["message"]
    run = await hedged.run(request_id)
    assert (run.state, run.branches[0].attempts, run.cost_microusd) == (State.FAILED, 2, 0)


async def test_a_general_slow_down_is_hedged_for_its_share_only(hedged: Site) -> None:
    """Every answer is later than the hedge: of 20 requests 4 are asked twice, however many come at once."""
    before = len(hedged.upstream.requests("says-quick"))
    replies = await asyncio.gather(*(told(hedged, "rare") for _ in range(20)))
    assert {reply.status for reply, _ in replies} == {200}
    assert len(hedged.upstream.requests("delay-800ms#rare")) == 20
    assert len(hedged.upstream.requests("says-quick")) - before == 4


async def test_a_caller_who_leaves_ends_both(hedged: Site) -> None:
    behaviours = ("delay-300s#first", "delay-300s#second")
    async with hedged.client() as client:
        request_id = await client.send("POST", CHAT, chat("hopeless"))
        await asyncio.to_thread(hedged.upstream.wait_for_requests, behaviours)
        client.leave()
        for behaviour in behaviours:
            await hedged.hung_up(behaviour)
    run = await hedged.run(request_id)
    assert (run.status, run.state, run.estimated, run.branches[0].attempts) == (499, State.CANCELLED, True, 2)


async def test_members_of_an_ensemble_are_hedged(hedged: Site) -> None:
    reply, _ = await told(hedged, "panel")
    assert reply.status == 200
    assert reply.json["choices"][0]["message"]["content"].strip() in {"quick", "prompt"}


async def test_embeddings_are_passed_on_as_without_a_hedge(hedged: Site) -> None:
    body = {"model": "prompt", "input": "x"}
    reply, _ = await told(hedged, "prompt", "/v1/embeddings", body)
    assert reply.status == 200
    assert reply.json["data"][0]["embedding"]


async def test_the_list_of_models_shows_what_is_hedged(hedged: Site) -> None:
    async with hedged.client() as client, asyncio.timeout(20):
        await client.send("GET", "/v1/models")
        listed = {model["id"]: model for model in (await client.reply()).json["data"]}
    assert listed["late"]["owned_by"] == listed["quick"]["owned_by"]
    card = hedged.gateway.services.catalog.card("late")
    assert (card.provider, card.model_id, card.context_window) == ("up", "delay-300s", 9000)
    assert card.price is not None
