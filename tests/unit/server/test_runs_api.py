"""`/api/v1/runs`: one's own tenant's, page by page."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from quorate.access.permission import Scope
from quorate.model.event import State
from run_records import branch_record, run_record
from stored_gateway import StoredGateway

RUNS = "/api/v1/runs"


@pytest.fixture
def stored(tmp_path: Path) -> Iterator[StoredGateway]:
    gateway = StoredGateway(tmp_path)
    records = [
        run_record(
            "fast" if number % 2 else "slow",
            id=f"run_{number}",
            tenant="other" if number == 9 else "acme",
            started_at_s=1000.0 + number,
            finished_at_s=1001.0 + number,
            state=State.FAILED if number == 3 else State.FINISHED,
            key_id=f"key_{number % 3}",
            parent_id="run_0" if number == 1 else None,
        )
        for number in range(10)
    ]
    gateway.database.runs.insert(records)
    yield gateway
    gateway.close()


async def ids(stored: StoredGateway, query: str = "", tenant: str = "acme") -> list[str]:
    answer = await stored.ask("GET", f"{RUNS}?{query}", await stored.key(tenant, Scope.ADMIN))
    assert answer.status == 200, answer.body
    return [run["id"] for run in answer.json["data"]]


async def test_pages_go_on_to_the_end(stored: StoredGateway) -> None:
    key = await stored.key("acme", Scope.RUNS)
    seen: list[str] = []
    query = "limit=4"
    for _ in range(5):
        page: Any = (await stored.ask("GET", f"{RUNS}?{query}", key)).json
        seen += [run["id"] for run in page["data"]]
        assert all(not run["branches"] for run in page["data"])
        if not page["has_more"]:
            assert page["next"] is None
            break
        query = f"limit=4&after={page['next']}"
    assert seen == [f"run_{number}" for number in reversed(range(9))]


async def test_filters(stored: StoredGateway) -> None:
    assert await ids(stored, "model=fast&limit=2") == ["run_7", "run_5"]
    assert await ids(stored, "state=failed") == ["run_3"]
    assert await ids(stored, "key=key_2") == ["run_8", "run_5", "run_2"]
    assert await ids(stored, "since=1970-01-01T00:16:46Z&until=1970-01-01T00:16:48%2B00:00") == ["run_7", "run_6"]
    assert await ids(stored, tenant="operator") == [f"run_{number}" for number in reversed(range(10))]
    assert await ids(stored, "tenant=other", tenant="operator") == ["run_9"]


ODD = ["'", '"', "' OR 1=1--", "%00", "\\", "%F0%9F%98%80", "x" * 399]


@pytest.mark.parametrize("name", ["after", "model", "state", "key", "since", "until", "tenant", "limit", "sort"])
async def test_odd_filters_find_nothing_and_break_nothing(stored: StoredGateway, name: str) -> None:
    key = await stored.key("acme", Scope.RUNS)
    for value in ODD:
        answer = await stored.ask("GET", f"{RUNS}?{name}={value.replace(' ', '%20')}", key)
        assert answer.status in {200, 400, 404}
        assert answer.json.get("data", []) == []


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=201",
        "since=2026-01-01T00:00:00",
        "state=odd",
        "after=x",
        "since=0001-01-01T00:00:00%2B14:00",
        "until=9999-12-31T23:59:59-14:00",
    ],
)
async def test_what_does_not_fit_is_named(stored: StoredGateway, query: str) -> None:
    answer = await stored.ask("GET", f"{RUNS}?{query}", await stored.key("acme", Scope.RUNS))
    assert (answer.status, answer.json["code"]) == (400, "invalid_request")
    assert answer.json["param"] == query.partition("=")[0]


@pytest.mark.parametrize("query", ["since=0001-01-01T00:00:00%2B14:00", "until=9999-12-31T23:59:59-14:00"])
async def test_no_sum_of_years_that_are_not_there(stored: StoredGateway, query: str) -> None:
    answer = await stored.ask("GET", f"{RUNS}/totals?{query}", await stored.key("acme", Scope.RUNS))
    assert (answer.status, answer.json["param"]) == (400, query.partition("=")[0])


async def test_one_run_with_its_branches(stored: StoredGateway) -> None:
    key = await stored.key("acme", Scope.RUNS)
    run = run_record("p", id="run_x", branches=(branch_record("p/a"), branch_record("p/b", cost_microusd=None)))
    await asyncio.to_thread(stored.database.runs.insert, [run])
    shown = (await stored.ask("GET", f"{RUNS}/run_x", key)).json
    assert [branch["branch"] for branch in shown["run"]["branches"]] == ["p/a", "p/b"]
    assert shown["run"]["branches"][1]["cost_microusd"] is None
    assert (await stored.ask("GET", f"{RUNS}/run_0", key)).json["children"] == ["run_1"]


async def test_others_runs_are_not_there(stored: StoredGateway) -> None:
    key = await stored.key("acme", Scope.ADMIN)
    theirs, unknown = [await stored.ask("GET", f"{RUNS}/{run}", key) for run in ("run_9", "run_zz")]
    assert theirs.status == unknown.status == 404
    assert theirs.json["detail"] == unknown.json["detail"].replace("run_zz", "run_9")
    assert (await stored.ask("GET", f"{RUNS}?tenant=other", key)).status == 404
    assert (await stored.ask("GET", f"{RUNS}/totals?tenant=other", key)).status == 404
    assert (await stored.ask("GET", f"{RUNS}/run_9", await stored.key("operator"))).status == 200


async def test_totals(stored: StoredGateway) -> None:
    sums = (await stored.ask("GET", f"{RUNS}/totals", await stored.key("acme", Scope.RUNS))).json
    assert (sums["runs"], sums["cost_microusd"], sums["prompt_tokens"], sums["unpriced"]) == (9, 45, 90, 0)
    assert {row["model"]: row["runs"] for row in sums["by_model"]} == {"slow": 5, "fast": 4}
    everybody = (await stored.ask("GET", f"{RUNS}/totals", await stored.key("operator"))).json
    assert everybody["runs"] == 10
