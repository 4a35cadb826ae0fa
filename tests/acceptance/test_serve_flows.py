"""`quorate serve` with a folder of flows, as its own process: run, sent a file, ended in the middle, taken up again."""

import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import patience
from command_process import TIMEOUT_S
from served_flows import write_flows
from serving_process import client_of, serving

pytestmark = pytest.mark.subprocess
CONFIG = """
version: 1
models:
  sim-birch: {{ type: simulated, profile: sim-birch, latency_s: 0, tokens_per_s: 100000 }}
flows: {{ folder: flows, lease_s: 5 }}
server: {{ drain_s: {drain_s} }}
"""
SERVED = CONFIG.format(drain_s=0.2)


def test_flows_are_served(tmp_path: Path) -> None:
    (tmp_path / "quorate.yaml").write_text(SERVED)
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
    (tmp_path / "quorate.yaml").write_text(SERVED)
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
    (tmp_path / "quorate.yaml").write_text(SERVED)
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


def test_who_follows_a_run_is_let_go_when_the_gateway_ends_and_goes_on_at_the_next(tmp_path: Path) -> None:
    (tmp_path / "quorate.yaml").write_text(CONFIG.format(drain_s=20))
    write_flows(tmp_path / "flows")
    with serving(tmp_path) as (process, told), client_of(told) as client:
        # A call under way, so that the gateway has to wait: the stream must not.
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(
                client.post, "/api/v1/flows/slow/run", json={"seconds": 5}, headers={"prefer": "wait=20"}
            )
            (run,) = patience.seen(lambda: client.get("/api/v1/flow-runs").json()["data"])
            with client.stream("GET", f"/api/v1/runs/{run['id']}/events") as stream:
                lines = stream.iter_lines()
                first = next(line for line in lines if line.startswith("id:"))
                process.send_signal(signal.SIGTERM)
                rest = "\n".join(lines)  # to a proper end of the body, or this raises
                assert not waiting.done()
            assert "shutting down" in rest
            assert "flow.finished" not in rest
            assert waiting.result(TIMEOUT_S).json()["status"] == "succeeded"
        assert process.wait(TIMEOUT_S) == 0
    with serving(tmp_path) as (_, told), client_of(told) as client:
        last = {"last-event-id": first.removeprefix("id:").strip()}
        rest = client.get(f"/api/v1/runs/{run['id']}/events", headers=last).text
        assert "event: flow.finished" in rest
        assert "event: flow.started" not in rest
