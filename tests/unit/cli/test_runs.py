"""`quorate runs`: records of the configured database on the terminal and as JSON."""

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner, Result

from quorate.cli.runs import app, moment_of
from quorate.config import load_settings
from quorate.config.data_folder import data_folder, database_url
from quorate.core.clock import SystemClock
from quorate.core.errors import InvalidRequest, Misconfigured, NotFound
from quorate.model.event import State
from quorate.model.run import BranchRecord, RunRecord
from quorate.storage.database import Database

Runs = Callable[..., Result]
START_S = 1_767_225_600.0  # 2026-01-01


def branch(
    name: str, begin_s: float, end_s: float, *, state: State = State.FINISHED, chosen: bool = False
) -> BranchRecord:
    return BranchRecord(
        branch=f"panel/{name}",
        model=name,
        provider="acme",
        state=state,
        started_at_s=START_S + begin_s,
        finished_at_s=START_S + end_s,
        first_token_at_s=START_S + begin_s + 0.2 if chosen else None,
        prompt_tokens=10,
        completion_tokens=5,
        cost_microusd=1000,
        selected=chosen,
        attempts=1 if chosen else 3,
        error_code=None if chosen else "provider_unavailable",
    )


RUN = RunRecord(
    id="run_1",
    tenant="acme",
    key_id="key_1",
    request_id="req_1",
    operation="chat",
    model="panel",
    mode="quorum",
    state=State.FINISHED,
    status=200,
    stream=True,
    started_at_s=START_S,
    finished_at_s=START_S + 1,
    first_token_at_s=START_S + 0.2,
    prompt_tokens=20,
    completion_tokens=10,
    cost_microusd=2000,
    agreement=0.75,
    agreement_kind="number",
    trace_id="0af7",
    prompt="What is\x1b[2J\x9b2J 17 \u00b7 23?",
    answer="391",
    branches=(
        branch("a", 0.0, 1.0, chosen=True),
        branch("b", 0.5, 0.9, state=State.FAILED),
    ),
)
FAILED = msgspec.structs.replace(
    RUN,
    id="run_2",
    tenant="other",
    model="\x1b[31mred",
    state=State.FAILED,
    error_code="all_failed",
    parent_id="run_1",
    started_at_s=START_S + 60,
    finished_at_s=START_S + 60,
    first_token_at_s=None,
    agreement=None,
    cost_microusd=None,
    prompt=None,
    answer=None,
    branches=(),
)


@pytest.fixture
def runs(machine: Path) -> Runs:
    """Runs the command on a machine whose database holds two runs."""
    with Database.open(database_url(load_settings(probe=False)), clock=SystemClock()) as database:
        database.runs.insert([RUN, FAILED])

    def invoke(*arguments: str) -> Result:
        return CliRunner().invoke(app, list(arguments))

    return invoke


def test_list(runs: Runs) -> None:
    shown = runs("list").stdout
    first, second = shown.index("run_2"), shown.index("run_1")
    assert first < second
    assert "2026-01-01 00:00:00" in shown
    assert "75%" in shown
    assert "all_failed" in shown
    assert "2 runs in all, 60 tokens, $0.0020, 1 without a known price" in shown
    assert "database: sqlite:///" in shown
    assert "\x1b[31m" not in shown


def test_list_with_filters(runs: Runs) -> None:
    def ids(*arguments: str) -> list[str]:
        return [run["id"] for run in json.loads(runs("list", "--json", *arguments).stdout)["data"]]

    assert ids() == ["run_2", "run_1"]
    assert ids("--state", "failed") == ["run_2"]
    assert ids("--model", "panel") == ["run_1"]
    assert ids("--tenant", "acme") == ["run_1"]
    assert ids("--tenant", "' OR 1=1 --") == []
    assert ids("--since", "2026-01-01T00:00:30") == ["run_2"]
    assert ids("--since", "2026-01-01T01:00:30+01:00") == ["run_2"]


def test_pages(runs: Runs) -> None:
    first = json.loads(runs("list", "--json", "--limit", "1").stdout)
    second = json.loads(runs("list", "--json", "--limit", "1", "--after", first["next"]).stdout)
    assert [run["id"] for run in first["data"] + second["data"]] == ["run_2", "run_1"]
    assert second["next"] is None
    assert f"more: --after {first['next']}" in runs("list", "--limit", "1").stdout
    assert "more:" not in runs("list", "--limit", "2").stdout
    assert isinstance(runs("list", "--after", "forged").exception, InvalidRequest)


def test_an_empty_database(machine: Path) -> None:
    assert "0 runs in all" in CliRunner().invoke(app, ["list"]).stdout


def test_show(runs: Runs) -> None:
    lines = runs("show", "run_1").stdout.splitlines()
    shown = "\n".join(lines)
    for part in ("quorum", "key key_1", "75%, compared as number", "$0.0020", "0af7", "first token after 0.200 s"):
        assert part in shown
    assert "runs inside" in shown
    assert "What is\ufffd[2J\ufffd2J 17 \u00b7 23?" in shown
    (a,) = (line for line in lines if line.startswith("panel/a"))
    (b,) = (line for line in lines if line.startswith("panel/b"))
    assert "░" * 6 + "█" * 24 in a
    assert "chosen" in a
    assert " " * 15 + "█" * 12 + "   " in b
    assert "3 attempts provider_unavailable" in b


def test_show_as_json(runs: Runs) -> None:
    told = runs("show", "run_1", "--json").stdout
    assert "\x9b" not in told
    assert "\u00b7" in told
    shown = json.loads(told)
    assert shown["started_at"] == "2026-01-01T00:00:00.000+00:00"
    assert [each["branch"] for each in shown["branches"]] == ["panel/a", "panel/b"]
    assert shown["branches"][1]["first_token_at"] is None
    assert (shown["prompt"], shown["children"]) == (RUN.prompt, ["run_2"])


def test_show_a_run_that_took_no_time_and_one_that_is_not_there(runs: Runs) -> None:
    assert "inside" in runs("show", "run_2").stdout
    for arguments in (["show", "run_9"], ["show", "run_1", "--tenant", "other"]):
        assert isinstance(runs(*arguments).exception, NotFound)


NOW = datetime(2026, 5, 2, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "before"),
    [
        ("90s", timedelta(seconds=90)),
        ("30m", timedelta(minutes=30)),
        ("2h", timedelta(hours=2)),
        (" 7d ", timedelta(days=7)),
        ("1w", timedelta(weeks=1)),
        ("2026-05-02", timedelta(hours=12)),
        ("2026-05-02T11:00Z", timedelta(hours=1)),
    ],
)
def test_since(text: str, before: timedelta) -> None:
    assert moment_of(text, NOW) == NOW - before


@pytest.mark.parametrize("text", ["", "2", "h", "2y", "-2h", "yesterday", "999999w", "2h; DROP TABLE runs"])
def test_since_that_is_no_time(text: str) -> None:
    with pytest.raises(InvalidRequest, match="is no time"):
        moment_of(text, NOW)


# Where the database is


def test_database_in_the_data_folder(machine: Path) -> None:
    home = os.environ["HOME"]
    assert database_url(load_settings(probe=False)) == f"sqlite:///{home}/.local/share/quorate/quorate.db"
    assert data_folder({"XDG_DATA_HOME": "/data", "HOME": "/home"}) == Path("/data/quorate")
    assert data_folder({"XDG_DATA_HOME": "relative", "HOME": "/home"}) == Path("/home/.local/share/quorate")
    with pytest.raises(Misconfigured, match=r"storage\.url"):
        data_folder({})


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("sqlite:///records.db", "sqlite:///{folder}/conf/records.db"),
        ("sqlite:///../records.db?timeout=3", "sqlite:///{folder}/conf/../records.db?timeout=3"),
        ("sqlite:////data/records.db", "sqlite:////data/records.db"),
        ("sqlite:///~/records.db", "sqlite:///{home}/records.db"),
        ("postgresql://h/d", "postgresql://h/d"),
        ("env:DATABASE", "postgresql://u:p@h/d"),
        ("file:secret.txt", "sqlite:///{folder}/conf/inner.db"),
        ("sqlite://", "sqlite://"),
    ],
)
def test_database_that_is_configured(
    machine: Path, monkeypatch: pytest.MonkeyPatch, written: str, expected: str
) -> None:
    folder = machine / "conf"
    folder.mkdir()
    (folder / "quorate.yaml").write_text(f"version: 1\nstorage: {{url: '{written}'}}\n")
    (folder / "secret.txt").write_text("sqlite:///inner.db\n")
    monkeypatch.setenv("DATABASE", "postgresql://u:p@h/d")
    settings = load_settings(folder / "quorate.yaml", probe=False)
    assert database_url(settings) == expected.format(folder=machine, home=os.environ["HOME"])


def test_reference_that_leads_nowhere(machine: Path) -> None:
    (machine / "quorate.yaml").write_text("version: 1\nstorage: {url: 'env:NOWHERE'}\n")
    with pytest.raises(Misconfigured, match=r"quorate\.yaml:2:.*storage\.url: .*NOWHERE is not set"):
        database_url(load_settings(probe=False))
