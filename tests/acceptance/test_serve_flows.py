"""`quorate serve` with a folder of flows, as its own process: run, sent a file, ended in the middle, taken up again."""

import json
import signal
import subprocess
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

import patience
from command_process import QUORATE, TIMEOUT_S, environment
from served_flows import write_flows

pytestmark = pytest.mark.subprocess
CONFIG = """
version: 1
models:
  sim-birch: { type: simulated, profile: sim-birch, latency_s: 0, tokens_per_s: 100000 }
flows: { folder: flows, lease_s: 5 }
server: { drain_s: 0.2 }
"""


@contextmanager
def serving(folder: Path) -> Generator[tuple["subprocess.Popen[str]", dict[str, Any]]]:
    """A gateway until the context ends, and what it said when it listened."""
    with (folder / "stderr.log").open("a") as log:
        process = subprocess.Popen(
            [*QUORATE, "serve", "--no-auth", "--json", "--port", "0"],
            cwd=folder,
            env=environment(folder),
            stdout=subprocess.PIPE,
            stderr=log,
            encoding="utf-8",
        )
    try:
        assert process.stdout is not None
        yield process, json.loads(process.stdout.readline())
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def client_of(told: dict[str, Any]) -> httpx2.Client:
    return httpx2.Client(base_url=told["url"], timeout=TIMEOUT_S, trust_env=False)


def test_flows_are_served(tmp_path: Path) -> None:
    (tmp_path / "quorate.yaml").write_text(CONFIG)
    write_flows(tmp_path / "flows")
    with serving(tmp_path) as (process, told), client_of(told) as client:
        assert client.post("/api/v1/flows/shout/run", json={"text": "a"}).json()["outputs"] == {"answer": "A"}
        sent = client.post("/api/v1/filed-paper/execute", files={"paper": ("a.txt", b"four")}).json()
        assert sent["outputs"]["size"] == 4
        asked = {"model": "flow/asks", "messages": [{"role": "user", "content": "why?"}]}
        assert client.post("/v1/chat/completions", json=asked).status_code == 200
        assert "/api/v1/flows/shout/run" in client.get("/openapi.json").json()["paths"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(TIMEOUT_S) == 0


def test_a_run_that_the_end_interrupts_is_ended_by_the_next_process(tmp_path: Path) -> None:
    (tmp_path / "quorate.yaml").write_text(CONFIG)
    write_flows(tmp_path / "flows")
    with serving(tmp_path) as (process, told), client_of(told) as client:
        begun = client.post("/api/v1/flows/slow/run", json={"seconds": 2.5}, headers={"prefer": "respond-async"})
        assert begun.status_code == 202
        run = begun.json()["id"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(TIMEOUT_S) == 0
    with serving(tmp_path) as (_, told), client_of(told) as client:
        record = patience.seen(lambda: client.get(f"/api/v1/runs/{run}").json()["run"], limit_s=TIMEOUT_S)
        assert (record["state"], record["model"]) == ("finished", "flow/slow")


def test_who_waits_while_the_gateway_ends_is_told_where_to_ask(tmp_path: Path) -> None:
    (tmp_path / "quorate.yaml").write_text(CONFIG)
    write_flows(tmp_path / "flows")
    with serving(tmp_path) as (process, told):
        with ThreadPoolExecutor(1) as pool, client_of(told) as client:
            waiting = pool.submit(client.post, "/api/v1/flows/slow/run", json={"seconds": 30})
            patience.seen(lambda: client.get("/api/v1/flow-runs", params={"flow": "slow"}).json()["data"])
            process.send_signal(signal.SIGTERM)
            answer = waiting.result(TIMEOUT_S)
        assert answer.status_code == 202
        assert answer.headers["location"].startswith("/api/v1/runs/run_")
        assert process.wait(TIMEOUT_S) == 0
