"""Budgets of a whole gateway: refused, warned of, settled with what everything cost."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from gateway_site import Site, chat, site
from patience import until
from quorate.model.ledger import Move
from quorate.model.run import RunRecord
from raw_server import Connection, Received, raw_server, whole

#: Two attempts of 100 tokens may cost 2 x (9 + 200) micro-USD.
_TIGHT = """
budgets:
  operators: { tenant: operator, limit: 0.001, window: day }
"""
_TOLD = """
budgets:
  operators: { tenant: operator, limit: 0.001, window: day, webhook: alerts }
  soft: { each: key, limit: 0.000001, window: day, on_limit: warn, webhook: alerts }
webhooks:
  alerts: { url: ALERTS/hook }
"""
CHAT = "/v1/chat/completions"
_MANY = """
budgets:
  everybody: { each: tenant, limit: 5, window: month }
  of-right: { model: right, limit: 1, window: total }
  soft: { each: key, limit: 0.000001, window: hour, on_limit: warn }
"""
_STORES = ["database", "memory"]


@asynccontextmanager
async def serving(more: str = "", **overrides: object) -> AsyncGenerator[Site]:
    served = site(more, **overrides)
    gateway = await asyncio.to_thread(served.__enter__)
    try:
        yield gateway
    finally:
        await asyncio.to_thread(served.__exit__, None, None, None)


async def budgets_of(gateway: Site) -> dict[str, dict[str, Any]]:
    await gateway.idle()
    async with gateway.client() as client:
        answer = await client.ask("GET", "/api/v1/budgets")
    assert answer.status == 200
    return {each["name"]: each for each in answer.json["data"]}


def moves(run: RunRecord, budget: str = "") -> list[tuple[Move, int | None]]:
    return [(line.move, line.amount_microusd) for line in run.ledger if line.book.partition(":")[0] == budget]


async def require_balance(gateway: Site) -> None:
    balance = await asyncio.to_thread(gateway.gateway.services.database.ledger.balance)
    assert balance.holds, balance


@pytest.mark.parametrize("store", _STORES)
async def test_a_spent_budget_refuses_and_says_all(store: str) -> None:
    async with serving(_TIGHT, storage__budgets=store) as gateway:
        async with gateway.client() as client:
            fits = await client.ask("POST", "/v1/chat/completions", chat("plain", max_tokens=100))
            refused = await client.ask("POST", "/v1/chat/completions", chat("plain", max_tokens=1000))
            problem = await client.ask("POST", "/api/v1/chat/completions", chat("plain", max_tokens=1000))
        assert (fits.status, refused.status, problem.status) == (200, 429, 429)
        assert refused.headers["x-should-retry"] == problem.headers["x-should-retry"] == "false"
        assert refused.json["error"]["code"] == problem.json["code"] == "budget_spent"
        facts = refused.json["error"]["budget"]
        assert facts == problem.json["budget"]
        spent = (await budgets_of(gateway))["operators"]["spent_microusd"]
        assert facts.pop("resets_at").endswith("T00:00:00Z")
        assert facts == {
            "name": "operators",
            "subject": "operator",
            "limit_microusd": 1000,
            "spent_microusd": spent,
            "reserved_microusd": 0,
            "requested_microusd": facts["requested_microusd"],
        }
        assert facts["requested_microusd"] > 1000
        assert "'operators'" in refused.json["error"]["message"]
        assert len(gateway.upstream.requests("fast")) == 1


@pytest.mark.parametrize("store", _STORES)
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", ["plain", "panel", "swift", "translated", "invented", "cut", "once"])
async def test_everything_that_was_spent_is_settled(store: str, model: str, stream: bool) -> None:
    async with serving(_MANY, storage__budgets=store) as gateway:
        async with gateway.client() as client:
            request = chat(model, stream=stream, max_tokens=50)
            request_id = await client.send("POST", "/v1/chat/completions", request)
            answer = await client.reply()
        run = await gateway.run(request_id)
        cost = run.cost_microusd
        assert answer.headers["x-quorate-budget-over"] == "soft"
        found = await budgets_of(gateway)
        for name in ("everybody", "soft"):
            assert (found[name]["spent_microusd"], found[name]["reserved_microusd"]) == (cost, 0)
            amounts = dict.fromkeys(Move, 0)
            for move, amount in moves(run, name):
                amounts[move] += amount or 0
            assert amounts[Move.SETTLE] + amounts[Move.OVERRUN] == cost
            assert amounts[Move.RESERVE] == amounts[Move.SETTLE] + amounts[Move.RELEASE]
        right = sum(branch.cost_microusd or 0 for branch in run.branches if branch.model == "right")
        assert (found["of-right"]["spent_microusd"], found["of-right"]["reserved_microusd"]) == (right, 0)
        assert sum(amount or 0 for _, amount in moves(run)) == cost
        await require_balance(gateway)


async def test_a_caller_who_leaves_has_spent_what_is_estimated() -> None:
    async with serving(_MANY) as gateway:
        async with gateway.client() as client:
            request_id = await client.send("POST", "/v1/chat/completions", chat("endless", stream=True))
            await client.head()
            await client.piece()
            client.leave()
        run = await gateway.run(request_id)
        (line,) = [line for line in run.ledger if not line.book]
        assert line.estimated
        assert line.amount_microusd == run.cost_microusd
        found = await budgets_of(gateway)
        assert (found["everybody"]["spent_microusd"], found["everybody"]["reserved_microusd"]) == (run.cost_microusd, 0)
        await require_balance(gateway)


async def test_a_plan_of_the_request_is_reserved_as_a_whole() -> None:
    async with serving(_TIGHT) as gateway:
        async with gateway.client() as client:
            few = {"mode": "all", "models": ["left"]}
            many = {"mode": "all", "models": ["left", "middle", "right"]}
            request = chat("parallel", max_tokens=100)
            del request["model"]
            fits = await client.ask("POST", "/v1/chat/completions", request | {"parallel": few})
            refused = await client.ask("POST", "/v1/chat/completions", request | {"parallel": many})
        assert (fits.status, refused.status) == (200, 429)
        assert refused.json["error"]["code"] == "budget_spent"
        assert not gateway.upstream.requests("fast#right")
        assert (await budgets_of(gateway))["operators"]["reserved_microusd"] == 0
        await require_balance(gateway)


async def test_a_request_may_limit_its_own_plan() -> None:
    async with serving() as gateway, gateway.client() as client:
        request = chat("parallel", max_tokens=100)
        del request["model"]
        asked = {"mode": "all", "models": ["left", "middle", "right"], "maxCostUsd": 0.0005, "maxConcurrent": 3}
        answer = await client.ask("POST", CHAT, request | {"parallel": asked})
        assert answer.status == 200
        refused = await client.ask("POST", CHAT, request | {"parallel": asked | {"maxCostUsd": 0.000001}})
        # 100 tokens of answer may cost 209 micro-USD: two of three fit.
        assert [len(gateway.upstream.requests(f"fast#{name}")) for name in ("left", "middle", "right")] == [1, 1, 0]
    assert "budget_spent" in str(answer.json)
    assert refused.status == 429
    assert "which may cost $0.0002" in refused.json["error"]["message"]


async def test_a_webhook_is_told_once_for_each_window() -> None:
    async def takes(connection: Connection, _: Received) -> None:
        await connection.send(whole(b"", status=204))

    async with raw_server(takes) as alerts:
        more = _TOLD.replace("ALERTS", alerts.url)
        async with serving(more) as gateway, gateway.client() as client:
            for _ in range(2):
                assert (await client.ask("POST", CHAT, chat("plain", max_tokens=50))).status == 200
                assert (await client.ask("POST", CHAT, chat("plain", max_tokens=5000))).status == 429
            await until(lambda: len(alerts.requests) >= 2)
        told = {received.json()["type"]: received.json()["data"]["budget"] for received in alerts.requests}
    assert len(alerts.requests) == 2
    assert told["budget.over_limit"]["name"] == "soft"
    assert told["budget.refused"]["name"] == "operators"
    assert told["budget.refused"]["requested_microusd"] > 1000


async def test_without_a_budget_there_are_lines_all_the_same() -> None:
    async with serving() as gateway:
        async with gateway.client() as client:
            request_id = await client.send("POST", "/v1/chat/completions", chat("panel"))
            await client.reply()
        run = await gateway.run(request_id)
        assert sorted((line.model, line.branch) for line in run.ledger) == [
            ("left", "left"),
            ("middle", "middle"),
            ("right", "right"),
        ]
        assert sum(line.amount_microusd or 0 for line in run.ledger) == run.cost_microusd
        assert await budgets_of(gateway) == {}
        await require_balance(gateway)


async def test_an_idle_gateway_holds_nothing_after_many_at_once() -> None:
    async with serving("budgets: { operators: { tenant: operator, limit: 0.01, window: month } }") as gateway:

        async def one(_: int) -> int:
            async with gateway.client() as client:
                return (await client.ask("POST", "/v1/chat/completions", chat("pausing", max_tokens=490))).status

        statuses = await asyncio.gather(*(one(number) for number in range(40)))
        passed = statuses.count(200)
        assert set(statuses) == {200, 429}
        assert passed == 5  # each may cost 2 x (9 + 980) micro-USD
        found = (await budgets_of(gateway))["operators"]
        assert found["reserved_microusd"] == 0
        await require_balance(gateway)
