"""Labels from outside: whose runs may be labelled, by whom, and what a label cannot do to others."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from quorate.access.permission import Scope
from quorate.engine.label_follower import LabelFollower
from quorate.storage.scope import ALL_TENANTS
from run_records import branch_record, run_record
from stored_gateway import StoredGateway

PATH = "/api/v1/feedback"


@pytest.fixture
async def stored(tmp_path: Path) -> AsyncIterator[StoredGateway]:
    gateway = await asyncio.to_thread(StoredGateway, tmp_path)
    for tenant in ("acme", "other"):
        branches = (branch_record("a", cluster=0, vote=1.0, selected=True), branch_record("b", cluster=1, vote=1.0))
        run = run_record("panel", id=f"run_{tenant}", tenant=tenant, branches=branches, agreement_kind="number",
                         weighting="given", agreement=0.5)  # fmt: skip
        await asyncio.to_thread(gateway.database.runs.insert, [run])
    yield gateway
    await asyncio.to_thread(gateway.close)


async def labels(stored: StoredGateway) -> list[tuple[str, str, bool]]:
    found = await asyncio.to_thread(stored.database.feedback.page, ALL_TENANTS, 100)
    return [(label.tenant, label.run_id, label.correct) for label in found]


async def test_a_foreign_run_is_answered_like_one_that_is_not_there(stored: StoredGateway) -> None:
    key = await stored.key("acme")
    foreign = await stored.ask("POST", PATH, key, {"run_id": "run_other", "correct": True})
    unknown = await stored.ask("POST", PATH, key, {"run_id": "run_nobody", "correct": True})
    branch = await stored.ask("POST", PATH, key, {"run_id": "run_other", "correct": True, "branch": "a"})
    assert foreign.status == unknown.status == branch.status == 404
    words = [
        answer.json["detail"].replace("run_other", "RUN").replace("run_nobody", "RUN")
        for answer in (foreign, unknown, branch)
    ]
    assert words[0] == words[1] == words[2]
    assert "x-quorate-run-id" in words[0]
    assert await labels(stored) == []


async def test_the_tenant_of_a_label_cannot_be_chosen(stored: StoredGateway) -> None:
    key = await stored.key("acme")
    answer = await stored.ask("POST", PATH, key, {"run_id": "run_acme", "correct": True, "tenant": "other"})
    assert (answer.status, answer.json["code"]) == (400, "invalid_request")
    assert (await stored.ask("POST", PATH, key, {"run_id": "run_acme", "correct": True})).status == 200
    assert await labels(stored) == [("acme", "run_acme", True)]


async def test_a_tenant_sees_its_own_labels(stored: StoredGateway) -> None:
    acme, other, operator = await stored.key("acme"), await stored.key("other"), await stored.key("operator")
    await stored.ask("POST", PATH, acme, {"run_id": "run_acme", "correct": True, "note": "ours"})
    assert (await stored.ask("GET", PATH, other)).json["data"] == []
    assert (await stored.ask("GET", f"{PATH}?run=run_acme", other)).json["data"] == []
    assert (await stored.ask("GET", f"{PATH}?tenant=acme", other)).status == 404
    assert (await stored.ask("GET", "/api/v1/models/records?tenant=acme", other)).status == 404
    assert [each["note"] for each in (await stored.ask("GET", PATH, acme)).json["data"]] == ["ours"]
    assert len((await stored.ask("GET", f"{PATH}?tenant=acme", operator)).json["data"]) == 1


@pytest.mark.parametrize(("scope", "write", "read"), [
    (Scope.CHAT, 200, 403), (Scope.RUNS, 200, 200), (Scope.EMBEDDINGS, 403, 403), (Scope.METRICS, 403, 403)
])  # fmt: skip
async def test_who_may(stored: StoredGateway, scope: Scope, write: int, read: int) -> None:
    key = await stored.key("acme", scope)
    assert (await stored.ask("POST", PATH, key, {"run_id": "run_acme", "correct": True})).status == write
    assert (await stored.ask("GET", PATH, key)).status == read
    assert (await stored.ask("GET", "/api/v1/models/records", key)).status == read


async def test_nobody_labels_without_a_key(stored: StoredGateway) -> None:
    for method, path in (("POST", PATH), ("GET", PATH), ("GET", "/api/v1/models/records")):
        assert (await stored.ask(method, path, None, {"run_id": "run_acme", "correct": True})).status == 401
    assert await labels(stored) == []


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"correct": True}, "run_id"),
        ({"run_id": "run_acme"}, "correct"),
        ({"run_id": "run_acme", "correct": "yes"}, "correct"),
        ({"run_id": "run_acme", "correct": 1}, "correct"),
        ({"run_id": 7, "correct": True}, "run_id"),
        ({"run_id": "x" * 65, "correct": True}, "run_id"),
        ({"run_id": "run_acme", "correct": True, "note": "x" * 1001}, "note"),
        ({"run_id": "run_acme", "correct": True, "branch": ""}, "branch"),
        ({"run_id": "run_acme", "correct": True, "principal": "key_1"}, "principal"),
        (["x"], "$"),
    ],
)
async def test_a_bad_body_is_refused_with_its_place(stored: StoredGateway, body: object, param: str) -> None:
    answer = await stored.ask("POST", PATH, await stored.key("acme"), body)
    assert answer.status == 400
    assert param in answer.json["detail"]
    assert await labels(stored) == []


async def test_a_repetition_replaces_and_another_key_adds(stored: StoredGateway) -> None:
    one, two = await stored.key("acme"), await stored.key("acme")
    first = await stored.ask("POST", PATH, one, {"run_id": "run_acme", "correct": True})
    second = await stored.ask("POST", PATH, one, {"run_id": "run_acme", "correct": False})
    assert first.json["id"] == second.json["id"]
    assert await labels(stored) == [("acme", "run_acme", False)]
    await stored.ask("POST", PATH, two, {"run_id": "run_acme", "correct": True})
    assert len(await labels(stored)) == 2


async def test_a_label_shifts_nothing_for_another_tenant(stored: StoredGateway) -> None:
    await stored.ask("POST", PATH, await stored.key("other"), {"run_id": "run_other", "correct": True})
    await asyncio.to_thread(LabelFollower(stored.services.trust, stored.database.feedback).look)
    seen = {
        tenant: await stored.ask("GET", "/api/v1/models/records", await stored.key(tenant))
        for tenant in ("acme", "other")
    }
    assert seen["acme"].json["data"] == []
    assert [(each["model"], each["right"], each["used"]) for each in seen["other"].json["data"]] == [
        ("a", 1.0, False),
        ("b", 0.0, False),
    ]


async def test_records_name_no_model_that_the_key_may_not_ask(stored: StoredGateway) -> None:
    await stored.ask("POST", PATH, await stored.key("acme"), {"run_id": "run_acme", "correct": True})
    await asyncio.to_thread(LabelFollower(stored.services.trust, stored.database.feedback).look)
    seen = await stored.ask("GET", "/api/v1/models/records", await stored.key("acme", models=("b",)))
    assert [each["model"] for each in seen.json["data"]] == ["b"]
