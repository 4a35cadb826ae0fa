"""What money there is and was is told to whose it is: costs and budgets of other tenants stay theirs."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from budget_books import attempt, book, claim, hold
from quorate.access.budget_rule import BudgetRule, Spender
from quorate.access.budgets import Budgets
from quorate.access.permission import Scope
from quorate.access.stored_budgets import StoredBudgets
from quorate.core.clock import SystemClock
from quorate.model.budget import Window
from quorate.storage.budget_batch import BudgetStep
from run_records import run_record
from stored_gateway import StoredGateway

RULES = [
    BudgetRule(name=name, of=of, subject=subject, limit_microusd=1_000, window=Window.TOTAL, hard=True)
    for name, of, subject in (
        ("each", Spender.TENANT, None),
        ("theirs", Spender.TENANT, "other"),
        ("keys", Spender.KEY, None),
        ("key", Spender.KEY, "key_of_other"),
        ("models", Spender.MODEL, None),
    )
]
ODD = ["'", "' OR '1'='1", "acme' --", "%", "\\", "*", "acme,other", "x" * 64]


@pytest.fixture
def stored(tmp_path: Path) -> Iterator[StoredGateway]:
    gateway = StoredGateway(tmp_path)
    gateway.services.budgets = Budgets(RULES, StoredBudgets(gateway.database.budgets), SystemClock())
    now = datetime.now(UTC)
    for tenant in ("acme", "other"):
        books = [
            book(now, name=name, subject=subject, tenant=of, window=Window.TOTAL)
            for name, subject, of in (("each", tenant, tenant), ("keys", f"key_{tenant}", tenant), ("models", "m", ""))
        ]
        held = hold(now, f"run_{tenant}", *(claim(each, 10) for each in books))
        step = BudgetStep(hold=held, now=now)
        gateway.database.budgets.queue(step)
        gateway.database.budgets.finish(step)
        gateway.database.runs.insert(
            [run_record(id=f"run_{tenant}", tenant=tenant, ledger=(attempt(1, 5, at_s=now.timestamp()),))]
        )
    yield gateway
    gateway.close()


async def data(stored: StoredGateway, path: str, key: str) -> list[dict[str, Any]]:
    answer = await stored.ask("GET", path, key)
    assert answer.status == 200, answer
    return answer.json["data"]


async def test_costs_are_the_tenants_own(stored: StoredGateway) -> None:
    acme, operator = await stored.key("acme", Scope.RUNS), await stored.key("operator")
    assert [row["tenant"] for row in await data(stored, "/api/v1/costs?by=tenant,run", acme)] == ["acme"]
    assert (await stored.ask("GET", "/api/v1/costs", acme)).json["total"]["cost_microusd"] == 5
    assert {row["tenant"] for row in await data(stored, "/api/v1/costs?by=tenant", operator)} == {"acme", "other"}
    assert [row["tenant"] for row in await data(stored, "/api/v1/costs?by=tenant&tenant=other", operator)] == ["other"]


@pytest.mark.parametrize("path", ["/api/v1/costs", "/api/v1/budgets"])
async def test_another_tenant_is_not_found(stored: StoredGateway, path: str) -> None:
    acme = await stored.key("acme")
    there = await stored.ask("GET", f"{path}?tenant=other", acme)
    nowhere = await stored.ask("GET", f"{path}?tenant=nobody", acme)
    assert there.status == nowhere.status == 404
    assert there.json["detail"].replace("other", "") == nowhere.json["detail"].replace("nobody", "")


@pytest.mark.parametrize("path", ["/api/v1/costs", "/api/v1/budgets"])
@pytest.mark.parametrize("scope", [Scope.CHAT, Scope.EMBEDDINGS, Scope.METRICS])
async def test_a_key_for_other_things_sees_no_money(stored: StoredGateway, path: str, scope: Scope) -> None:
    assert (await stored.ask("GET", path, await stored.key("acme", scope))).status == 403
    assert (await stored.ask("GET", path)).status == 401


async def test_budgets_are_the_tenants_own(stored: StoredGateway) -> None:
    seen = await data(stored, "/api/v1/budgets", await stored.key("acme", Scope.RUNS))
    assert [(each["name"], each["subject"]) for each in seen] == [("each", "acme"), ("keys", "key_acme")]
    seen = await data(stored, "/api/v1/budgets", await stored.key("other", Scope.RUNS))
    assert [(each["name"], each["subject"]) for each in seen] == [
        ("each", "other"),
        ("theirs", "other"),
        ("keys", "key_other"),
    ]


async def test_an_operator_sees_them_all(stored: StoredGateway) -> None:
    operator = await stored.key("operator")
    assert len(await data(stored, "/api/v1/budgets", operator)) == 7
    names = [each["name"] for each in await data(stored, "/api/v1/budgets?tenant=acme", operator)]
    assert names == ["each", "keys"]


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("name", ["by", "model", "key", "tenant", "since", "until", "limit", "order"])
async def test_a_filter_of_costs_is_a_value(stored: StoredGateway, name: str, odd: str) -> None:
    answer = await stored.ask("GET", f"/api/v1/costs?{name}={quote(odd)}", await stored.key("operator"))
    assert answer.status in {200, 400}
    if answer.status == 200:
        assert answer.json["total"]["cost_microusd"] == 0
    assert (await asyncio.to_thread(stored.database.ledger.balance)).settled_microusd == 10


async def test_the_refusal_of_a_budget_names_nobody_else(stored: StoredGateway) -> None:
    assert stored.services.budgets is not None
    found = await data(stored, "/api/v1/budgets", await stored.key("acme"))
    assert "other" not in str(found)
