"""A gateway that is killed with money reserved: nothing stays reserved, nothing that was answered is forgotten."""

import asyncio
import contextlib
import json
import os
import signal
import sqlite3
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from gateway_site import chat, config_of
from patience import until_it
from private_server import free_port
from quorate.upstream import UpstreamServer
from raw_client import client
from running_gateway import UPSTREAM_KEY

pytestmark = pytest.mark.subprocess
TIMEOUT_S = 90.0
UNDER_WAY = 500
ANSWERED = 60
CHAT = "/v1/chat/completions"
#: A reservation outlives the deadline of its request by a minute; the clock of the second process is ahead.
MORE = """
server: { request_timeout_s: 600 }
budgets:
  all-of-it: { each: tenant, limit: 1000, window: total }
"""


@asynccontextmanager
async def serving(folder: Path) -> AsyncGenerator[tuple[asyncio.subprocess.Process, dict[str, Any]]]:
    passed = {name: value for name, value in os.environ.items() if name.startswith(("COVERAGE_", "PYTHON"))}
    fixed = {"PATH": os.environ["PATH"], "HOME": str(folder), "OLLAMA_HOST": "127.0.0.1:1"}
    with (folder / "stderr.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "quorate", "serve", "--json", "--port", "0"),
            cwd=folder,
            env=passed | fixed | {"UPSTREAM_KEY": UPSTREAM_KEY},
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
        )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(TIMEOUT_S):
            yield process, json.loads(await process.stdout.readline())
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def rows(folder: Path, query: str) -> list[tuple[Any, ...]]:
    (file,) = folder.rglob("*.db")
    with contextlib.closing(sqlite3.connect(file)) as database:
        return database.execute(query).fetchall()


def age_holds(folder: Path) -> None:
    """Let an hour pass for what is reserved."""
    (file,) = folder.rglob("*.db")
    with contextlib.closing(sqlite3.connect(file)) as database, database:
        database.execute("UPDATE budget_holds SET expires_at = expires_at - 3600 * 1000000")


@pytest.mark.timeout(180)
async def test_killed_with_a_hundred_requests_under_way(tmp_path: Path) -> None:
    answers: list[str] = []

    async def ask(url: str, key: str, model: str) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, ValueError):
            async with client(url, key) as connection:
                reply = await connection.ask("POST", CHAT, chat(model, max_tokens=20))
                if reply.status == 200:
                    answers.append(reply.headers["x-quorate-run-id"])

    async with UpstreamServer(api_key=UPSTREAM_KEY) as upstream:
        (tmp_path / "quorate.yaml").write_text(config_of(upstream.url, free_port(), MORE))
        async with serving(tmp_path) as (process, told):
            url, key = told["url"], told["key"]
            async with asyncio.TaskGroup() as tasks:
                for _ in range(UNDER_WAY):
                    tasks.create_task(ask(url, key, "never"))
                quick = [tasks.create_task(ask(url, key, "plain")) for _ in range(ANSWERED)]
                await until_it(lambda: _held(tmp_path, UNDER_WAY))
                await asyncio.wait(quick[: ANSWERED // 2])
                process.send_signal(signal.SIGKILL)
                await process.wait()
        answered = set(answers)
        assert answered
        held = rows(tmp_path, "SELECT count(*) FROM budget_holds")[0][0]
        assert held >= UNDER_WAY
        settled = {run for (run,) in rows(tmp_path, "SELECT run_id FROM ledger WHERE target = 'spent' AND book <> ''")}
        assert answered <= settled
        async with serving(tmp_path) as (_, told):
            assert (await _budget(told["url"], key))["reserved_microusd"] > 0  # not yet: it might still be at work
        age_holds(tmp_path)
        async with serving(tmp_path) as (_, told):
            standing = await _budget(told["url"], key)
        assert standing["reserved_microusd"] == 0
        spent = rows(tmp_path, "SELECT sum(amount_microusd) FROM ledger WHERE book <> '' AND target = 'spent'")[0][0]
        assert standing["spent_microusd"] == spent
        by_run = "SELECT sum(amount_microusd) FROM ledger WHERE book = ''"
        assert rows(tmp_path, by_run)[0][0] >= spent


async def _held(folder: Path, count: int) -> bool:
    return rows(folder, "SELECT count(*) FROM budget_holds")[0][0] >= count


async def _budget(url: str, key: str) -> dict[str, Any]:
    async with client(url, key) as connection:
        (found,) = (await connection.ask("GET", "/api/v1/budgets")).json["data"]
    return dict(found)
