"""Limits and sums under concurrency, over real HTTP."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from gateway_site import Site, chat, site
from patience import until
from quorate.core.ids import KeyId, RunId
from quorate.model.run import RunRecord
from quorate.storage.scope import ALL_TENANTS

CHAT = "/v1/chat/completions"


@pytest.fixture
def gateway() -> Iterator[Site]:
    with site() as running:
        yield running


async def new_key(gateway: Site, **allowance: int) -> tuple[str, str]:
    async with gateway.client() as admin:
        made: Any = (await admin.ask("POST", "/api/v1/keys", {"name": "n", "allowance": allowance})).json
    return made["secret"], made["key"]["id"]


async def statuses(gateway: Site, key: str, count: int, body: dict[str, Any]) -> Counter[int]:
    """The answers to `count` requests on as many connections at once."""

    async def one() -> int:
        async with gateway.client(key) as client:
            reply = await client.ask("POST", CHAT, body)
        if reply.status == 429 and body["model"] != "busy":
            assert reply.json["error"]["code"] == "rate_limited"
            assert int(reply.headers["retry-after"]) >= 1
            assert "x-ratelimit-limit-requests" in reply.headers or "retry-after-ms" in reply.headers
        return reply.status

    async with asyncio.timeout(25), asyncio.TaskGroup() as group:
        tasks = [group.create_task(one()) for _ in range(count)]
    return Counter(task.result() for task in tasks)


async def runs_of(gateway: Site, key_id: str, count: int) -> list[RunRecord]:
    services = gateway.gateway.services
    await gateway.idle()
    assert await asyncio.to_thread(services.writer.flush, 10)
    runs = await asyncio.to_thread(lambda: services.database.runs.page(ALL_TENANTS, 200, key_id=KeyId(key_id)))
    assert len(runs) == count
    return runs


@pytest.mark.parametrize("stream", [False, True])
async def test_of_two_hundred_at_once_exactly_ten_pass(gateway: Site, stream: bool) -> None:
    key, key_id = await new_key(gateway, requests_per_minute=10)
    assert await statuses(gateway, key, 200, chat("plain", stream=stream)) == {200: 10, 429: 190}
    await runs_of(gateway, key_id, 10)
    assert len(gateway.upstream.requests("fast")) == 10


async def test_places_are_counted_and_given_back(gateway: Site) -> None:
    key, key_id = await new_key(gateway, concurrent_requests=3)
    async with asyncio.timeout(25):
        connections = [gateway.client(key) for _ in range(3)]
        opened = [await each.__aenter__() for each in connections]
        for client in opened:
            await client.send("POST", CHAT, chat("never", stream=True))
        await until(lambda: gateway.gateway.services.in_flight == 3)
        assert await statuses(gateway, key, 10, chat("plain")) == {429: 10}
        for client in opened:
            client.leave()
        await gateway.idle()
        assert await statuses(gateway, key, 3, chat("plain")) == {200: 3}
        for each in connections:
            await each.__aexit__(None, None, None)
    runs = await runs_of(gateway, key_id, 6)
    assert Counter(run.status for run in runs) == {200: 3, 499: 3}


async def test_two_keys_do_not_share_and_one_tenant_does(gateway: Site) -> None:
    async with gateway.client() as admin:
        tenant = (
            await admin.ask("POST", "/api/v1/tenants", {"name": "t", "allowance": {"requests_per_minute": 6}})
        ).json["id"]
        keys = [
            (await admin.ask("POST", "/api/v1/keys", {"name": "n", "tenant": tenant})).json["secret"] for _ in range(2)
        ]
    both = await asyncio.gather(*(statuses(gateway, key, 10, chat("plain")) for key in keys))
    assert both[0] + both[1] == {200: 6, 429: 14}
    async with gateway.client() as admin:
        assert (await admin.ask("POST", CHAT, chat("plain"))).status == 200


async def test_every_admitted_request_has_one_run_and_the_sums_agree(gateway: Site) -> None:
    """All ways to end at once: answers, refusals of the provider, cut streams, callers who leave."""
    key, key_id = await new_key(gateway)
    models = ["plain", "panel", "cut", "busy", "long", "translated"]
    endings = await asyncio.gather(
        *(statuses(gateway, key, 10, chat(model, stream=number % 2 == 0)) for number, model in enumerate(models))
    )
    asked = sum(sum(counts.values()) for counts in endings)
    for _ in range(10):
        async with gateway.client(key) as client:
            await client.send("POST", CHAT, chat("endless", stream=True))
            await client.head()
            client.leave()
    runs = await runs_of(gateway, key_id, asked + 10)
    assert len({run.id for run in runs}) == len(runs)
    store = gateway.gateway.services.database.runs
    whole = [await asyncio.to_thread(store.get, ALL_TENANTS, RunId(run.id)) for run in runs]
    for stored in whole:
        run = stored.run
        assert run.branches
        assert run.cost_microusd == sum(branch.cost_microusd or 0 for branch in run.branches if branch.leaf)
        assert run.prompt_tokens == sum(branch.prompt_tokens for branch in run.branches if branch.leaf)
        assert run.completion_tokens == sum(branch.completion_tokens for branch in run.branches if branch.leaf)
    async with gateway.client() as admin:
        totals = (await admin.ask("GET", "/api/v1/runs/totals")).json
    assert totals["runs"] == len(runs)
    assert totals["cost_microusd"] == sum(run.cost_microusd or 0 for run in runs)


MODEL_LIMITS = """
rate_limits:
  models:
    left: { requests_per_minute: 4, tokens_per_minute: 1000000 }
    never: { concurrent_requests: 1 }
"""


def many(*models: str, **more: object) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": "hi"}], "parallel": {"models": list(models), **more}}


@pytest.fixture
def limited() -> Iterator[Site]:
    with site(MODEL_LIMITS) as running:
        yield running


async def test_the_limits_of_a_model_hold_for_those_who_ask_many_at_once(limited: Site) -> None:
    key, key_id = await new_key(limited)
    async with limited.client(key) as client:
        for body in (chat("left"), many("left", "right"), many("right", count=3), many("right", judge="left")):
            assert (await client.ask("POST", CHAT, body)).status == 200
        named: Any = {**many("left", "middle"), "model": "left"}
        assert (await client.ask("POST", CHAT, named)).status == 200
        for body in (many("right", "left"), {**many("left"), "stream": True}, chat("left"), named):
            refused = await client.ask("POST", CHAT, body)
            assert refused.status == 429
            assert int(refused.headers["retry-after"]) >= 1
        assert (await client.ask("POST", CHAT, many("right", "middle"))).status == 200
        assert (await client.ask("POST", CHAT, chat("panel"))).status == 200, "its members are the operator's"
    await runs_of(limited, key_id, 9)


async def test_a_model_that_a_request_names_counts_also_where_an_ensemble_has_it(limited: Site) -> None:
    key, _ = await new_key(limited)
    async with limited.client(key) as client:
        named: Any = {**many("left"), "model": "panel"}
        answers = [await client.ask("POST", CHAT, named) for _ in range(5)]
        assert [answer.status for answer in answers] == [200, 200, 200, 200, 429]
        by_name: Any = {"messages": named["messages"], "model": "panel", "parallel": {"mode": "all"}}
        assert (await client.ask("POST", CHAT, by_name)).status == 200


@pytest.mark.parametrize("stream", [False, True])
async def test_who_is_refused_by_a_member_s_limit_is_told_of_that_limit(limited: Site, stream: bool) -> None:
    key, _ = await new_key(limited, requests_per_minute=1000)
    async with limited.client(key) as client:
        for _ in range(4):
            assert (await client.ask("POST", CHAT, many("left"))).status == 200
        refused = await client.ask("POST", CHAT, {**many("left", "right"), "stream": stream})
    assert refused.status == 429
    assert refused.headers["x-ratelimit-limit-requests"] == "4"
    assert refused.headers["x-ratelimit-remaining-requests"] == "0"


@pytest.mark.parametrize(
    ("body", "calls"),
    [
        (chat("plain", max_tokens=300), 1),
        (chat("plain", max_tokens=300, n=4), 4),
        (many("plain", "left", count=2) | {"max_tokens": 300}, 4),
        (chat("panel", max_tokens=300), 3),
        (chat("panel", max_tokens=300, parallel={"enabled": False}), 3),
    ],
)
async def test_tokens_of_every_call_are_taken_before_the_first_leaves(
    gateway: Site, body: dict[str, Any], calls: int
) -> None:
    key, _ = await new_key(gateway, tokens_per_minute=300 * calls)  # the prompts need some as well
    async with gateway.client(key) as client:
        refused = await client.ask("POST", CHAT, body)
        assert refused.status == 429
        assert refused.headers["x-should-retry"] == "false"
    key, _ = await new_key(gateway, tokens_per_minute=400 * calls)
    async with gateway.client(key) as client:
        assert (await client.ask("POST", CHAT, body)).status == 200


async def test_an_estimate_of_what_a_request_costs_takes_no_tokens(gateway: Site) -> None:
    key, _ = await new_key(gateway, tokens_per_minute=100)
    async with gateway.client(key) as client:
        body = many("plain", "left", dryRun=True) | {"max_tokens": 5000}
        assert (await client.ask("POST", CHAT, body)).status == 200


async def test_places_of_a_model_are_given_back_by_those_who_ask_many_at_once(limited: Site) -> None:
    key, _ = await new_key(limited)
    async with asyncio.timeout(25), limited.client(key) as second:
        for asked in (1, 2):
            async with limited.client(key) as first:
                await first.send("POST", CHAT, {**many("plain", "never"), "stream": True})
                await until(lambda asked=asked: len(limited.upstream.requests("first-300s")) == asked)
                assert (await second.ask("POST", CHAT, many("never"))).status == 429
                first.leave()
                await limited.idle()


async def test_a_choice_of_models_does_not_tell_which_exist(gateway: Site) -> None:
    async with gateway.client() as admin:
        key = (await admin.ask("POST", "/api/v1/keys", {"name": "n", "models": ["plain"]})).json["secret"]
    async with gateway.client(key) as client:
        there, absent = [
            await client.ask("POST", CHAT, many(name, agiModelSelection=True)) for name in ("left", "nowhere")
        ]
    assert (there.status, there.body.replace(b"left", b"nowhere")) == (absent.status, absent.body)


async def test_a_judge_of_pairs_has_to_be_a_model_of_the_key(gateway: Site) -> None:
    async with gateway.client() as admin:
        key = (await admin.ask("POST", "/api/v1/keys", {"name": "n", "models": ["plain"]})).json["secret"]
    async with gateway.client(key) as client:
        assert (await client.ask("POST", CHAT, many("plain", pairJudge="plain"))).status == 200
        there, absent = [await client.ask("POST", CHAT, many("plain", pairJudge=name)) for name in ("left", "nowhere")]
    assert there.status >= 400
    assert (there.status, there.body.replace(b"left", b"nowhere")) == (absent.status, absent.body)
