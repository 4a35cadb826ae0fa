"""`quorate costs` and `quorate budgets`: tables, JSON, comma-separated values, and the check of the ledger."""

import csv
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from budget_books import attempt, book, claim, hold
from quorate.config import load_settings
from quorate.config.data_folder import database_url
from quorate.core.clock import SystemClock
from quorate.model.budget import Window
from quorate.storage.budget_batch import BudgetStep
from quorate.storage.database import Database
from run_records import branch_record, run_record

MARCH, APRIL = 1_772_366_400.0, 1_775_044_800.0  # the first of each, at noon
Run = Callable[..., Result]
BUDGETS = """
budgets:
  team: { tenant: acme, limit: 0.5, window: total }
  each: { each: key, limit: 2, window: month, on_limit: warn }
"""


def database_of(file: Path) -> Database:
    return Database.open(database_url(load_settings(file, probe=False)), clock=SystemClock())


def record(number: int, at_s: float, *costs: tuple[str, int | None], tenant: str = "acme", **more: Any) -> Any:
    lines = tuple(
        attempt(position, cost, model=model, branch=model, at_s=at_s, **more)
        for position, (model, cost) in enumerate(costs, 1)
    )
    branches = tuple(branch_record(model, cost_microusd=cost) for model, cost in costs)
    return run_record(id=f"run_{number}", tenant=tenant, branches=branches, ledger=lines)


@pytest.fixture
def spent(quick: Path) -> Path:
    with database_of(quick) as database:
        database.runs.insert(
            [
                record(1, MARCH, ("m", 100), ("n", 20)),
                record(2, MARCH, ("m", 30), tenant="globex"),
                record(3, APRIL, ("m", 7), ("free", None), estimated=True),
            ]
        )
    return quick


def test_costs_by_day_and_model(spent: Path, run: Run) -> None:
    done = run("costs", "--by", "day,model", "--json")
    assert done.exit_code == 0
    told = json.loads(done.stdout)
    assert [(each["day"], each["model"], each["cost_microusd"]) for each in told["data"]] == [
        ("2026-03-01", "m", 130),
        ("2026-03-01", "n", 20),
        ("2026-04-01", "m", 7),
        ("2026-04-01", "free", 0),
    ]
    assert told["total"] == {
        "attempts": 5,
        "unpriced": 1,
        "prompt_tokens": 15,
        "completion_tokens": 20,
        "cost_microusd": 157,
        "estimated_microusd": 7,
    }


@pytest.mark.parametrize(
    ("flags", "groups"),
    [
        (["--by", "tenant"], [("acme", 127), ("globex", 30)]),
        (["--by", "model", "--tenant", "globex"], [("m", 30)]),
        (["--by", "run", "--since", "2026-04-01"], [("run_3", 7)]),
        (["--by", "run", "--until", "2026-04-01", "--limit", "1"], [("run_1", 120)]),
        (["--by", "key", "--model", "n"], [("key_1", 20)]),
        (["--by", "key", "--key", "key_2"], []),
    ],
)
def test_costs_are_grouped_and_filtered(spent: Path, run: Run, flags: list[str], groups: list[object]) -> None:
    told = json.loads(run("costs", *flags, "--json").stdout)
    assert [(each[flags[1]], each["cost_microusd"]) for each in told["data"]] == groups


def test_the_table_says_what_is_not_known(spent: Path, run: Run) -> None:
    shown = run("costs", "--by", "model").stdout
    assert "$0.0000 + unknown" in shown
    assert "5 attempts in all, 35 tokens, $0.000157, of it $0.000007 estimated, 1 without a known price" in shown


def test_comma_separated_values_are_no_formulas(quick: Path, run: Run) -> None:
    with database_of(quick) as database:
        database.runs.insert([record(1, MARCH, ("=1+1", 5))])
    rows = list(csv.DictReader(io.StringIO(run("costs", "--by", "model", "--csv").stdout)))
    assert rows[0]["model"] == "'=1+1"
    assert rows[0]["cost_microusd"] == "5"


def test_wrong_use_of_costs_is_told(quick: Path, run: Run) -> None:
    assert "'week'" in run("costs", "--by", "week").output
    assert run("costs", "--csv", "--json").exit_code == 2
    assert run("costs").exit_code == 0  # of nothing


def test_the_check_finds_a_line_too_many(spent: Path, run: Run) -> None:
    good = run("costs", "--check", "--json")
    assert good.exit_code == 0
    assert json.loads(good.stdout)["balances"] is True
    with database_of(spent) as database:
        database.runs.insert(
            [run_record(id="run_9", ledger=(attempt(1, 4),), branches=(branch_record(cost_microusd=5),))]
        )
    bad = run("costs", "--check")
    assert bad.exit_code == 1
    assert "run_9" in bad.stdout


def test_budgets_are_listed_with_what_is_left(quick: Path, run: Run) -> None:
    quick.write_text(quick.read_text() + BUDGETS)
    now = datetime.now(UTC)
    with database_of(quick) as database:
        team = book(now, window=Window.TOTAL, limit=500_000)
        held = hold(now, "run_1", claim(team, 300))
        own = book(now, name="each", subject="k", window=Window.MONTH)
        for step in (
            BudgetStep(hold=held, now=now),
            BudgetStep(hold=held, now=now, attempts=[attempt(1, 250)]),
            BudgetStep(hold=hold(now, "run_2", claim(team, 50)), now=now),
            BudgetStep(hold=hold(now, "run_3", claim(own, 9)), now=now),
        ):
            database.budgets.queue(step)
            database.budgets.finish(step)
    told = json.loads(run("budgets", "--json").stdout)
    assert told[0] == {
        "name": "team",
        "of": "tenant",
        "subject": "acme",
        "window": "total",
        "limit_microusd": 500_000,
        "spent_microusd": 250,
        "reserved_microusd": 50,
        "refuses": True,
        "resets_at": None,
    }
    assert (told[1]["subject"], told[1]["reserved_microusd"], told[1]["refuses"]) == ("k", 9, False)
    assert "$0.00025" in run("budgets").stdout
    assert json.loads(run("budgets", "--tenant", "globex", "--json").stdout) == []


def test_without_budgets_it_says_so(quick: Path, run: Run) -> None:
    assert "no budgets" in run("budgets").stdout


def test_budgets_in_memory_are_the_gateways_alone(quick: Path, run: Run) -> None:
    quick.write_text(quick.read_text() + BUDGETS + "storage: { budgets: memory }\n")
    done = run("budgets")
    assert done.exit_code == 2
    assert "/api/v1/budgets" in done.output
