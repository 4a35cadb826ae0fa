"""`quorate feedback` and `quorate models --records`, on a database and against a real gateway."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from quorate.cli.main import app
from quorate.core.clock import SystemClock
from quorate.model.run import RunRecord
from quorate.storage.database import Database
from quorate.storage.scope import ALL_TENANTS
from quorate.testing.local_gateway import LocalGateway
from run_records import branch_record, run_record

Ask = Callable[..., Result]
CONFIG = """
version: 1
storage: { url: "sqlite:///kept.db" }
models:
  one: { type: simulated, profile: sim-atlas, latency_s: 0, tokens_per_s: 100000 }
"""


def compared(run_id: str = "run_1", tenant: str = "local") -> RunRecord:
    branches = (branch_record("a", cluster=0, vote=1.0, selected=True), branch_record("b", cluster=1, vote=1.0))
    return run_record("panel", id=run_id, tenant=tenant, branches=branches, agreement=0.5, agreement_kind="number",
                      weighting="given")  # fmt: skip


@pytest.fixture
def ask(tmp_path: Path) -> Ask:
    config = tmp_path / "quorate.yaml"
    config.write_text(CONFIG)
    with Database.open(f"sqlite:///{tmp_path}/kept.db", clock=SystemClock()) as database:
        database.runs.insert([compared()])

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(app, [*arguments, "--config", str(config)], env={"QUORATE_URL": ""})

    return run


def test_a_label_is_kept_and_listed(ask: Ask) -> None:
    told = ask("feedback", "run_1", "--correct", "--note", "as the book says")
    assert (told.exit_code, told.stdout) == (0, "noted: run_1 was right\n")
    assert ask("feedback", "run_1", "--wrong", "--branch", "b").stdout == "noted: run_1 b was wrong\n"
    listed = ask("feedback", "list").stdout
    assert "as the book says" in listed
    assert "wrong" in listed
    shown = json.loads(ask("feedback", "list", "--json", "--run", "run_1").stdout)
    assert [(each["branch"], each["correct"], each["principal"]) for each in shown["data"]] == [
        ("b", False, "local"),
        ("", True, "local"),
    ]
    assert shown["next"] is None


def test_said_again_it_replaces_and_tells_as_json(ask: Ask) -> None:
    first = json.loads(ask("feedback", "run_1", "--correct", "--json").stdout)
    second = json.loads(ask("feedback", "run_1", "--wrong", "--json").stdout)
    assert first["id"] == second["id"]
    assert (first["correct"], second["correct"], second["tenant"]) == (True, False, "local")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("run_1",), "--correct or --wrong"),
        (("run_x", "--correct"), "no run 'run_x'"),
        (("run_1", "--correct", "--branch", "c"), "its branches are 'a', 'b'"),
        (("run_1", "--correct", "--note", "x" * 1001), "1001 characters"),
    ],
)
def test_what_cannot_be_kept_is_said(ask: Ask, arguments: tuple[str, ...], words: str) -> None:
    told = ask("feedback", *arguments)
    assert told.exit_code != 0
    assert words in " ".join(told.stderr.split())


def test_pages_of_labels_meet(ask: Ask) -> None:
    ask("feedback", "run_1", "--correct")
    ask("feedback", "run_1", "--correct", "--branch", "a")
    first = json.loads(ask("feedback", "list", "-n", "1", "--json").stdout)
    rest = json.loads(ask("feedback", "list", "-n", "1", "--json", "--after", first["next"]).stdout)
    assert [each["branch"] for each in (*first["data"], *rest["data"])] == ["a", ""]
    assert "no labels" in ask("feedback", "list", "--tenant", "other").stdout


def test_records_show_what_was_learned(ask: Ask) -> None:
    assert "nothing is known yet" in ask("models", "--records").stdout
    ask("feedback", "run_1", "--correct")
    shown = ask("models", "--records").stdout
    assert "not yet" in shown
    assert json.loads(ask("models", "--records", "--json").stdout) == [
        {"model": "a", "kind": "number", "right": 1, "total": 1, "used": False},
        {"model": "b", "kind": "number", "right": 0, "total": 1, "used": False},
    ]
    assert json.loads(ask("models", "--records", "--json", "--tenant", "other").stdout) == []


def test_a_gateway_that_is_named_is_told() -> None:
    with LocalGateway(CONFIG.replace('storage: { url: "sqlite:///kept.db" }\n', "")) as gateway:
        database = gateway.services.database
        database.runs.insert([compared("run_theirs", "operator")])
        env = {"QUORATE_URL": gateway.url, "QUORATE_API_KEY": gateway.key}
        told = CliRunner().invoke(app, ["feedback", "run_theirs", "--wrong", "--note", "no"], env=env)
        assert (told.exit_code, told.stdout) == (0, "noted: run_theirs was wrong\n")
        (kept,) = database.feedback.page(ALL_TENANTS, 9)
        assert (kept.correct, kept.note, kept.tenant) == (False, "no", "operator")
        assert kept.principal.startswith("key_")
        missing = CliRunner().invoke(app, ["feedback", "run_x", "--wrong"], env=env)
        assert missing.exit_code != 0
        assert "404" in missing.stderr
