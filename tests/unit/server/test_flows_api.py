"""Flows over HTTP: run, followed, described, changed while they run."""

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest
import schemathesis

import patience
from flow_runs import entry, header, outcome, result
from quorate.contracts.schema import read_schema
from quorate.flows.journals.sqlite import SqliteJournal
from quorate.flows.outcome import RunStatus
from served_flows import ASKS, FLOWS, SHOUT, SLOW, FlowGateway, flow_gateway, write_flows

RUNS_WRITTEN_S = 10.0
BUDGETED = """
version: 1
models:
  sim-birch: { type: simulated, profile: sim-birch, latency_s: 4, price: { input: 1, output: 1 } }
budgets:
  all-of-it: { each: tenant, limit: 1, window: total }
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlowGateway]:
    with flow_gateway(write_flows(tmp_path_factory.mktemp("flows") / "flows")) as running:
        yield running


def record(site: FlowGateway, run: str) -> dict[str, Any]:
    """The record of a run, once it is written."""
    return patience.seen(lambda: site.client.get(f"/api/v1/runs/{run}").json().get("run"), limit_s=RUNS_WRITTEN_S)


def records(site: FlowGateway, **which: str) -> list[dict[str, Any]]:
    """The records of runs that are written by now."""
    return site.client.get("/api/v1/runs", params=which).json()["data"]


def test_a_flow_is_run(site: FlowGateway) -> None:
    answer = site.run("shout", {"text": "hey", "times": 2})
    assert answer.status_code == 200
    body = answer.json()
    assert (body["status"], body["outputs"], body["errors"]) == ("succeeded", {"answer": "HEYHEY"}, [])
    assert "steps" not in body
    assert answer.headers["x-quorate-run-id"] == body["id"]
    assert answer.headers["x-quorate-run-status"] == "succeeded"


@pytest.mark.parametrize("durability", ["fast", "durable", "strict"])
def test_a_run_leaves_one_record_under_its_id(site: FlowGateway, durability: str) -> None:
    body = site.run("shout", {"text": "hey"}, params={"durability": durability, "include": "steps"}).json()
    assert body["steps"]["loud"]["status"] == "succeeded"
    run = record(site, body["id"])
    assert (run["operation"], run["model"], run["mode"], run["state"]) == ("flow", "flow/shout", "flow", "finished")


def test_what_its_models_cost_is_in_the_record(site: FlowGateway) -> None:
    body = site.run("asks", {"question": "why?"}, params={"durability": "durable"}).json()
    run = record(site, body["id"])
    assert run["cost_microusd"] == body["cost_microusd"] > 0
    assert [branch["model"] for branch in run["branches"] if branch["leaf"]] == ["sim-birch"]


def test_a_failed_run_is_an_answer_that_says_so(site: FlowGateway) -> None:
    answer = site.run("fails", {"number": 1})
    assert answer.status_code == 200
    assert answer.json()["status"] == "failed"
    assert answer.json()["errors"][0]["stage"] == "check"
    run = record(site, answer.json()["id"])
    assert (run["state"], run["error_code"]) == ("failed", "flow_failed")


def test_who_does_not_wait_is_told_where_to_ask(site: FlowGateway) -> None:
    for preference in ("respond-async", "wait=0", "respond-async, wait=0"):
        answer = site.run("slow", {"seconds": 0.1}, headers={"prefer": preference})
        assert answer.status_code == 202
        assert answer.headers["location"] == answer.json()["url"] == f"/api/v1/runs/{answer.json()['id']}"
        assert answer.headers["preference-applied"] == preference
        assert record(site, answer.json()["id"])["state"] == "finished"


def test_who_waits_long_enough_has_the_result(site: FlowGateway) -> None:
    answer = site.run("slow", {"seconds": 0.1}, headers={"prefer": "wait=20, handling=lenient"})
    assert (answer.status_code, answer.headers["preference-applied"]) == (200, "wait=20")


def test_a_durable_run_goes_on_when_the_caller_leaves(site: FlowGateway) -> None:
    with pytest.raises(httpx2.TimeoutException):
        site.client.post("/api/v1/flows/slow/run", json={"seconds": 0.6}, timeout=0.2)

    def whole() -> list[dict[str, Any]]:
        ended = records(site, model="flow/slow", state="finished")
        return [run for run in ended if run["finished_at_s"] - run["started_at_s"] > 0.6]

    assert patience.seen(whole, limit_s=RUNS_WRITTEN_S)


def test_a_run_in_memory_ends_when_the_caller_leaves(site: FlowGateway) -> None:
    with pytest.raises(httpx2.TimeoutException):
        site.client.post("/api/v1/flows/slow/run?durability=fast", json={"seconds": 30}, timeout=0.2)
    run, *_ = patience.seen(lambda: records(site, model="flow/slow", state="cancelled"), limit_s=RUNS_WRITTEN_S)
    assert run["status"] == 499


def test_a_run_takes_no_longer_than_it_may(site: FlowGateway) -> None:
    for durability in ("fast", "durable"):
        answer = site.run(
            "slow", {"seconds": 20}, params={"durability": durability}, headers={"x-request-timeout-s": "0.2"}
        )
        assert answer.json()["status"] == "failed"
        assert answer.json()["errors"][0]["code"] == "deadline_exceeded"


def test_files_come_as_a_form(site: FlowGateway) -> None:
    answer = site.client.post(
        "/api/v1/flows/filed_paper/run",
        files={"paper": ("../../notes.txt", b"hello there")},
        data={"title": "T", "pages": "4"},
    )
    outputs = answer.json()["outputs"]
    assert (outputs["size"], outputs["title"], outputs["pages"]) == (11, "T", 5)
    assert "/" not in outputs["name"]


def test_the_other_inputs_of_a_form_may_be_one_json(site: FlowGateway) -> None:
    answer = site.client.post(
        "/api/v1/filed-paper/execute",
        files={"paper": ("a.txt", b"x")},
        data={"inputs": json.dumps({"title": "from json", "pages": 7})},
    )
    assert answer.json()["outputs"]["title"] == "from json"
    assert answer.json()["outputs"]["pages"] == 8


def test_repeated_with_a_key_it_runs_once(site: FlowGateway) -> None:
    def send(content: bytes) -> httpx2.Response:
        return site.client.post(
            "/api/v1/flows/filed_paper/run",
            files={"paper": ("a.txt", content)},
            headers={"idempotency-key": "paper-1"},
        )

    first, again, other = send(b"one"), send(b"one"), send(b"two")
    assert again.json() == first.json()
    assert again.headers["idempotency-replayed"] == "true"
    assert other.status_code == 422


def test_a_repeated_request_that_did_not_wait_is_told_the_same_place(site: FlowGateway) -> None:
    headers = {"idempotency-key": "slow-1", "prefer": "respond-async"}
    first, again = site.run("slow", {}, headers=headers), site.run("slow", {}, headers=headers)
    assert again.status_code == 202
    assert again.headers["location"] == first.headers["location"]


def test_flows_are_listed_and_described(site: FlowGateway) -> None:
    for path in ("/api/v1/flows", "/api/v1/catalog", "/catalog"):
        listed = site.client.get(path).json()
        assert [each["name"] for each in listed["data"]] == ["asks", "fails", "filed_paper", "shout", "slow"]
        assert listed["problems"] == []
    shown = site.client.get("/api/v1/flows/shout@1.0.0").json()
    assert shown == site.client.get("/api/v1/shout/info").json()
    assert shown["examples"] == [{"text": "hey", "times": 2}]
    assert shown["plan"]["stages"] == [["loud"]]
    formats = site.client.get("/api/v1/filed-paper/supported-formats").json()
    assert formats["data"] == [
        {"input": "paper", "required": True, "accept": ["text/plain", ".txt"], "max_bytes": 2000}
    ]
    assert site.client.get("/api/v1/shout/health").json()["status"] == "ok"


def test_a_flow_is_drawn(site: FlowGateway) -> None:
    svg = site.client.get("/api/v1/flows/shout/graph")
    assert svg.headers["content-type"].startswith("image/svg+xml")
    assert "default-src 'none'" in svg.headers["content-security-policy"]
    path = "/api/v1/flows/shout/graph"
    assert site.client.get(path, params={"format": "mermaid"}).text.startswith("flowchart")
    assert site.client.get(path, headers={"accept": "text/vnd.mermaid"}).text.startswith("flowchart")


def test_the_schema_of_flows_is_there_for_editors(site: FlowGateway) -> None:
    answer = httpx2.get(f"{site.gateway.url}/schema/flow.json", trust_env=False)
    assert answer.json()["properties"]["steps"]


def test_every_flow_is_an_operation_with_its_own_types(site: FlowGateway) -> None:
    answer = site.client.get("/api/v1/openapi.json")
    paths = answer.json()["paths"]
    shout = paths["/api/v1/flows/shout/run"]["post"]
    assert shout["operationId"] == "run_shout"
    body = shout["requestBody"]["content"]["application/json"]
    assert body["schema"]["properties"]["times"]["maximum"] == 5
    assert body["examples"]["example1"]["value"] == {"text": "hey", "times": 2}
    form = paths["/api/v1/flows/filed_paper/run"]["post"]["requestBody"]["content"]
    assert set(form) == {"multipart/form-data"}
    assert form["multipart/form-data"]["schema"]["properties"]["paper"]["format"] == "binary"
    again = site.client.get("/api/v1/openapi.json", headers={"if-none-match": answer.headers["etag"]})
    assert again.status_code == 304


def test_a_flow_is_a_model(site: FlowGateway) -> None:
    def ask(model: str, content: str, **more: Any) -> httpx2.Response:
        body = {"model": model, "messages": [{"role": "user", "content": content}], **more}
        return site.client.post("/v1/chat/completions", json=body)

    assert {"flow/shout", "flow/asks"} <= {each["id"] for each in site.client.get("/v1/models").json()["data"]}
    assert ask("flow/shout", "hey").json()["choices"][0]["message"]["content"] == "HEY"
    assert ask("flow/shout@^1", '{"text": "ho", "times": 3}').json()["choices"][0]["message"]["content"] == "HOHOHO"
    asked = ask("flow/asks", "why?").json()
    assert asked["usage"]["total_tokens"] > 0
    assert "HEY" in ask("flow/shout", "hey", stream=True).text
    assert ask("flow/nothing", "hey").status_code == 404
    assert ask("flow/shout", '{"txt": "hey"}').status_code == 400


def test_a_changed_file_is_followed_and_no_request_is_lost(tmp_path: Path) -> None:
    with flow_gateway(write_flows(tmp_path / "flows")) as site:
        answers: list[tuple[int, str]] = []
        over = threading.Event()

        def hammer() -> None:
            with site.as_key(site.gateway.key) as client:
                while not over.is_set():
                    answer = client.post("/api/v1/flows/shout/run?durability=fast", json={"text": "a"})
                    answers.append((answer.status_code, str(answer.json().get("outputs"))))

        thread = threading.Thread(target=hammer)
        thread.start()
        for number in range(1, 6):
            (site.folder / "shout.yaml").write_text(SHOUT.format(version=f"1.0.{number}", mark="!" * number))
            patience.seen(lambda marks="!" * number: marks in str(answers[-1:]))
        (site.folder / "shout.yaml").write_text("steps: [")
        patience.seen(lambda: site.client.get("/api/v1/flows").json()["problems"])
        told = len(answers)
        patience.seen(lambda: len(answers) > told + 5)
        over.set()
        thread.join()
        assert {status for status, _ in answers} == {200}
        assert answers[-1][1] == "{'answer': 'A!!!!!'}"  # what is broken leaves the last good one


def test_a_flow_that_comes_later_is_counted_under_its_name(tmp_path: Path) -> None:
    with flow_gateway(write_flows(tmp_path / "flows", {"shout": SHOUT.format(version="1.0.0", mark="")})) as site:
        write_flows(site.folder, {"late": "name: late\nsteps: [{name: a, executor: transform, config: {value: x}}]\n"})
        patience.seen(lambda: site.run("late").status_code == 200)
        record(site, site.run("late").json()["id"])
        counted = site.client.get("/metrics").text
        assert 'quorate_requests_total{model="flow/late",operation="flow"' in counted
        assert 'quorate_requests_total{model="other",operation="flow"' not in counted


def test_a_name_that_something_else_has_gets_no_short_path(tmp_path: Path) -> None:
    flows = {"runs": "name: runs\nsteps: [{name: a, executor: transform, config: {value: x}}]\n"}
    with flow_gateway(write_flows(tmp_path / "flows", flows)) as site:
        listed = site.client.get("/api/v1/flows").json()
        assert listed["data"][0]["execute"] is None
        assert "short path" in listed["problems"][0]
        assert site.client.post("/api/v1/runs/execute").status_code == 405
        assert site.run("runs").json()["status"] == "succeeded"


def test_a_gateway_without_flows_says_so(tmp_path: Path) -> None:
    from quorate.testing.local_gateway import LocalGateway  # noqa: PLC0415

    del tmp_path
    with LocalGateway() as gateway, httpx2.Client(base_url=gateway.url, trust_env=False) as client:
        client.headers["authorization"] = f"Bearer {gateway.key}"
        assert client.get("/api/v1/flows").json() == {"data": [], "problems": []}
        assert client.post("/api/v1/flows/x/run").status_code == 404
        assert client.get("/api/v1/openapi.json").status_code == 200


@pytest.mark.parametrize("durability", ["fast", "durable"])
def test_simulated_answers_are_called_so(site: FlowGateway, durability: str) -> None:
    body = site.run("asks", {"question": "who?"}, params={"durability": durability, "include": "steps"}).json()
    assert (body["simulated"], body["steps"]["ask"]["simulated"]) == (True, True)
    assert site.run("shout", {"text": "hey"}, params={"durability": durability}).json()["simulated"] is False
    if durability == "durable":
        shown = site.client.get(f"/api/v1/runs/{body['id']}").json()["flow"]
        assert (shown["simulated"], shown["steps"]["ask"]["simulated"]) == (True, True)


def test_a_flow_that_is_asked_as_a_model_says_that_its_models_are_simulated(site: FlowGateway) -> None:
    messages = [{"role": "user", "content": "who?"}]
    for model, said in (("flow/asks", {"simulated": True}), ("flow/shout", None)):
        answer = site.client.post("/v1/chat/completions", json={"model": model, "messages": messages})
        assert answer.json().get("quorate") == said


def pieces(site: FlowGateway, model: str) -> list[str]:
    """The texts of a stream, in the pieces in which they came."""
    asked = {"model": model, "stream": True, "messages": [{"role": "user", "content": "why is it so?"}]}
    body = site.client.post("/v1/chat/completions", json=asked).text
    assert body.endswith("data: [DONE]\n\n"), body
    chunks = [json.loads(line[6:]) for line in body.splitlines() if line.startswith("data: {")]
    choices = [choice for chunk in chunks for choice in chunk["choices"]]
    assert [choice["finish_reason"] for choice in choices if choice.get("finish_reason")] == ["stop"]
    return [text for choice in choices if (text := choice["delta"].get("content"))]


def test_what_a_step_says_is_passed_on_while_it_says_it(tmp_path: Path) -> None:
    speaks = ASKS.replace("name: asks", "name: speaks").replace("sim-birch,", "sim-birch, stream: true,")
    adds = speaks.replace("name: speaks", "name: adds").replace('"{{ steps.ask.text }}"', '"So: {{ steps.ask.text }}"')
    again = speaks.replace("name: speaks", "name: again").replace("executor: llm,", "executor: llm, retry: 3,")
    with flow_gateway(write_flows(tmp_path / "flows", {"speaks": speaks, "adds": adds, "again": again})) as site:
        said = pieces(site, "flow/speaks")
        assert len(said) > 1
        (whole,) = pieces(site, "flow/adds")
        assert whole.startswith("So: ")
        assert len(pieces(site, "flow/again")) == 1  # what may be said anew is not said before it is whole


def test_what_is_cancelled_or_refused_in_the_queue_leaves_its_record(tmp_path: Path) -> None:
    folder = write_flows(tmp_path / "flows")
    with flow_gateway(folder, None, **{"flows.max_runs": 1, "flows.max_queued": 1}) as site:
        first = site.run("slow", {"seconds": 20}, headers={"prefer": "respond-async"}).json()["id"]
        second = site.run("slow", headers={"prefer": "respond-async"}).json()["id"]
        refused = site.client.post("/api/v1/filed-paper/execute", files={"paper": ("a.txt", b"four")})
        assert (refused.status_code, refused.json()["code"]) == (429, "queue_full")
        assert list((tmp_path / "files").glob("*/*")) == []
        cancelled = [site.client.post(f"/api/v1/runs/{run}/cancel").json()["status"] for run in (second, first)]
        assert cancelled[0] == "cancelled"
        assert record(site, second)["state"] == "cancelled"
        assert record(site, first)["state"] == "cancelled"
        turned_away = record(site, refused.headers["x-quorate-run-id"])
        assert (turned_away["state"], turned_away["status"], turned_away["error_code"]) == (
            "failed",
            429,
            "queue_full",
        )
        assert len(records(site)) == 3


def test_a_run_out_of_the_queue_that_there_is_no_money_for_leaves_its_record(tmp_path: Path) -> None:
    dear = f"{ASKS.replace('name: asks', 'name: dear')}limits: {{max_cost_usd: 0.6}}\n"
    folder = write_flows(tmp_path / "flows", {"slow": SLOW, "dear": dear})
    with (
        flow_gateway(folder, BUDGETED, **{"flows.max_runs": 1}) as site,
        ThreadPoolExecutor(1) as pool,
    ):
        later = {"prefer": "respond-async"}
        first = site.run("slow", {"seconds": 30}, headers=later).json()["id"]
        queued = site.run("dear", {"question": "why?"}, headers=later).json()["id"]
        # Without the queue, and with what the other one needs.
        spending = pool.submit(site.client.post, "/api/v1/flows/dear/run", json={"question": "how?"})
        patience.seen(lambda: site.client.get("/api/v1/budgets").json()["data"][0]["reserved_microusd"])
        site.client.post(f"/api/v1/runs/{first}/cancel")
        found = record(site, queued)
        assert (found["state"], found["error_code"], found["status"]) == (
            "failed",
            "budget_spent",
            429,
        )
        assert "event: flow.finished" in site.client.get(f"/api/v1/runs/{queued}/events").text
        assert spending.result().json()["status"] == "succeeded"


SAVED = """
version: 1
models:
  cheap: { type: simulated, profile: sim-birch, latency_s: 0, price: { input: 0.01, output: 0.01 } }
  dear: { type: simulated, profile: sim-birch, latency_s: 0, price: { input: 1, output: 100000 } }
budgets:
  all-of-it: { each: tenant, limit: 1, window: total }
"""
OF_A_PROMPT = """
name: of-a-prompt
outputs: {answer: "{{ steps.ask.text }}"}
steps:
  - {name: ask, executor: prompt, config: {prompt: plain}}
"""


def test_what_a_changed_prompt_may_cost_is_held(tmp_path: Path) -> None:
    prompt = tmp_path / "prompts" / "plain.yaml"
    prompt.parent.mkdir()

    def written(model: str) -> None:
        prompt.write_text(f"{{template: a short text, model: {model}, parameters: {{max_tokens: 50}}}}")

    written("cheap")
    folder = write_flows(tmp_path / "flows", {"of-a-prompt": OF_A_PROMPT})
    with flow_gateway(folder, SAVED, **{"prompts.folder": str(prompt.parent)}) as site:
        assert site.run("of-a-prompt").json()["status"] == "succeeded"
        written("dear")
        time.sleep(0.6)  # what was seen of the folder is good for half a second
        refused = site.run("of-a-prompt")
        assert (refused.status_code, refused.json()["code"]) == (429, "budget_spent")


def test_files_of_runs_that_are_not_kept_go_with_them(tmp_path: Path) -> None:
    with flow_gateway(write_flows(tmp_path / "flows")) as site:
        sent = {"paper": ("a.txt", b"four")}
        fast = site.client.post("/api/v1/filed-paper/execute?durability=fast", files=sent)
        assert (fast.status_code, fast.json()["outputs"]["size"]) == (200, 4)
        assert list((tmp_path / "files").glob("*/*")) == []
        assert site.client.post("/api/v1/filed-paper/execute", files=sent).status_code == 200
        assert len(list((tmp_path / "files").glob("*/*"))) == 1


PILE = """
name: pile
inputs:
  papers: {type: array, items: file, required: true, accept: [.txt], max_bytes: 2000, max_items: 3}
outputs:
  names: "{{ steps.each.output }}"
  count: "{{ inputs.papers | length }}"
steps:
  - name: each
    executor: transform
    foreach: "{{ inputs.papers }}"
    config: {value: "{{ item.name }}/{{ item.size }}"}
tests:
  - {name: they are counted, inputs: {papers: [a.txt, b.txt]}, expect: {outputs.count: 2}}
"""


def test_several_files_of_a_form_are_one_input(tmp_path: Path) -> None:
    with flow_gateway(write_flows(tmp_path / "flows", {"pile": PILE})) as site:

        def send(*names: str) -> httpx2.Response:
            papers = [("papers", (name, name.encode())) for name in names]
            return site.client.post("/api/v1/pile/execute", files=papers)

        for names in (("a.txt",), ("a.txt", "bb.txt", "c.txt")):
            answer = send(*names)
            assert (answer.status_code, answer.json()["status"]) == (200, "succeeded"), answer.text
            assert answer.json()["outputs"] == {
                "names": [f"{name}/{len(name)}" for name in names],
                "count": len(names),
            }
        kept = len(list((tmp_path / "files").glob("*/*")))
        for names, told in (
            (("a.txt", "b.pdf"), "$.papers[1]: 'b.pdf' is"),
            (("a.txt", "b.txt", "c.txt", "d.txt"), "has more than 3 files"),
        ):
            refused = send(*names)
            assert (refused.status_code, refused.json()["code"]) == (400, "invalid_inputs")
            assert told in refused.json()["detail"]
        assert "expected files" in site.run("pile", {"papers": "a.txt"}).json()["detail"]
        assert "expected a file" in site.run("pile", {"papers": ["a.txt"]}).json()["detail"]
        assert len(list((tmp_path / "files").glob("*/*"))) == kept
        again = {"idempotency-key": "one"}
        sent = [("papers", ("a.txt", b"four"))]
        first, second = (site.client.post("/api/v1/pile/execute", files=sent, headers=again) for _ in range(2))
        assert first.json() == second.json()
        form = site.client.get("/api/v1/openapi.json").json()["paths"]["/api/v1/flows/pile/run"]["post"]
        schema = form["requestBody"]["content"]["multipart/form-data"]["schema"]["properties"]["papers"]
        assert (schema["type"], schema["maxItems"], schema["items"]["format"]) == ("array", 3, "binary")


PRICED = """
version: 1
models:
  sim-birch: { type: simulated, profile: sim-birch, latency_s: 0, price: { input: 100, output: 100 } }
"""
STOPS = """
name: stops
inputs: {question: {type: string, required: true}}
outputs: {answer: "{{ steps.ask.text }}"}
steps:
  - {name: ask, executor: llm, config: {model: sim-birch, prompt: "{{ inputs.question }}"}}
  - {name: check, executor: validate, config: {data: "{{ steps.ask.text }}", schema: {type: integer}}}
"""


def test_what_a_resumed_run_costs_is_recorded_as_well(tmp_path: Path) -> None:
    with flow_gateway(write_flows(tmp_path / "flows", {"stops": STOPS}), PRICED) as site:
        run = site.run("stops", {"question": "why?"}).json()["id"]
        first = record(site, run)["cost_microusd"]
        assert first > 0
        resumed = site.client.post(f"/api/v1/runs/{run}/resume", json={"forget": ["ask"]})
        assert resumed.status_code == 202
        again = patience.seen(
            lambda: [each for each in records(site) if each["id"] != run and each["model"] == "flow/stops"],
            limit_s=RUNS_WRITTEN_S,
        )
        assert [(each["parent_id"], each["state"]) for each in again] == [(run, "failed")]
        assert again[0]["cost_microusd"] > 0
        lines = site.client.get("/api/v1/costs").json()
        assert str(first + again[0]["cost_microusd"]) in json.dumps(lines)


def test_what_a_fork_takes_over_is_paid_for_once(tmp_path: Path) -> None:
    with flow_gateway(write_flows(tmp_path / "flows", {"stops": STOPS}), PRICED) as site:
        run = site.run("stops", {"question": "why?"}).json()["id"]
        assert record(site, run)["cost_microusd"] > 0
        fork = site.client.post(f"/api/v1/runs/{run}/fork", params={"from": "check"}).json()["id"]
        assert record(site, fork)["cost_microusd"] == 0


@pytest.mark.parametrize("wait_s", [0, 0.005])
def test_a_resumed_run_that_is_cancelled_has_a_record_of_its_own_however_it_ends(tmp_path: Path, wait_s: float) -> None:
    folder = write_flows(tmp_path / "flows", {"stops": STOPS})
    with flow_gateway(folder, PRICED, **{"flows.max_runs": 1}) as site:
        runs = [str(site.run("stops", {"question": "why?"}).json()["id"]) for _ in range(8)]
        for run in runs:
            assert record(site, run)["state"] == "failed"
        for run in runs:
            assert site.client.post(f"/api/v1/runs/{run}/resume").status_code == 202
            time.sleep(wait_s)  # the cancel meets the taking of the run, or its end
            site.client.post(f"/api/v1/runs/{run}/cancel")
        again = patience.seen(
            lambda: [found] if len(found := [each for each in records(site) if each["parent_id"] in runs]) == 8 else [],
            limit_s=RUNS_WRITTEN_S,
        )
        assert {each["id"] for each in again[0]} == {f"{run}.1" for run in runs}


def test_runs_whose_worker_is_lost_leave_a_record_with_what_they_have_cost(tmp_path: Path) -> None:
    lost = {auto: header(tenant="operator", flow="gone", auto_resume=auto) for auto in ("false", "true")}

    async def begin() -> None:
        journal = SqliteJournal(tmp_path / "flows.db")
        for of in lost.values():
            lease = await journal.begin(of, owner="dead", lease_s=0.001)
            assert lease is not None
            await journal.put(lease, [entry("a", cost=7)])
        await journal.close()

    asyncio.run(begin())
    with flow_gateway(write_flows(tmp_path / "flows")) as site:
        kept = {auto: record(site, of.id) for auto, of in lost.items()}
        stand = {auto: site.client.get(f"/api/v1/runs/{of.id}").json()["flow"] for auto, of in lost.items()}
    assert [(each["state"], each["cost_microusd"]) for each in kept.values()] == [("failed", 7)] * 2
    assert stand["false"]["errors"][0]["code"] == "worker_lost"
    assert stand["true"]["errors"][0]["code"] != "worker_lost"  # its document no longer compiles


def test_what_a_lost_worker_of_a_fork_or_a_resumed_run_has_spent_is_recorded_once(tmp_path: Path) -> None:
    parent = header(tenant="operator", flow="gone")
    fork = msgspec.structs.replace(header(tenant="operator", flow="gone"), parent=parent.id)

    async def begin() -> None:
        journal = SqliteJournal(tmp_path / "flows.db")
        lease = await journal.begin(parent, owner="one")
        assert lease is not None
        await journal.put(lease, [entry("a", cost=7), entry("b", cost=2)])
        await journal.finish(lease, result(parent, RunStatus.FAILED, cost=9))
        await journal.reopen(parent.id, forget=["b"])
        await journal.begin(fork, outcomes=[outcome("a", cost=7)])
        for of, cost in ((parent, 30), (fork, 400)):
            lease = await journal.claim(of.id, "dead", lease_s=0.001, now=datetime.now(UTC) - timedelta(seconds=9))
            assert lease is not None
            await journal.put(lease, [entry("b", cost=cost)])
        await journal.close()

    asyncio.run(begin())
    with flow_gateway(write_flows(tmp_path / "flows")) as site:
        kept = [record(site, run) for run in (f"{parent.id}.1", fork.id)]
        spent = [site.client.get(f"/api/v1/runs/{run}").json()["flow"]["cost_microusd"] for run in (parent.id, fork.id)]
    assert [each["cost_microusd"] for each in kept] == [30, 400]
    assert spent == [39, 407]


EVERY_KIND = """
name: every-kind
description: Takes whatever there is.
inputs:
  text: {type: string, required: true, min_length: 2, pattern: "^[a-z]+$"}
  choice: {type: string, enum: [one, two], default: one}
  count: {type: integer, minimum: 1, maximum: 9, default: 3}
  share: {type: number, exclusive_minimum: 0, default: 0.5}
  sure: {type: boolean, default: true}
  tags: {type: array, items: string, max_items: 4, default: []}
  person:
    type: object
    properties: {name: {type: string}, boss: {$ref: "#/$defs/boss"}}
    $defs: {boss: {type: object, properties: {name: {type: string}}, required: [name]}}
  whatever: any
  paper: {type: file, accept: [pdf]}
  scans: {type: files, max_items: 2}
outputs:
  said: {type: string, value: "{{ inputs.text }}"}
  count: {type: integer, value: "{{ inputs.count }}"}
  person: {type: object, value: "{{ inputs.person }}"}
  anything: "{{ inputs.whatever }}"
steps:
  - {name: note, executor: transform, config: {value: noted}}
examples:
  - {text: hello, choice: two, count: 4, tags: [a], person: {name: Ada, boss: {name: Bo}}, whatever: [1, {a: b}]}
  - {text: hi, paper: a.pdf, scans: [a.png, b.png]}
"""


def test_inputs_of_every_kind_are_described_as_they_are_taken(tmp_path: Path) -> None:
    flows = {"every-kind": EVERY_KIND, "filed_paper": FLOWS["filed_paper"], "pile": PILE}
    with flow_gateway(write_flows(tmp_path / "flows", flows)) as site:
        document = site.client.get("/api/v1/openapi.json").json()
        read: Any = schemathesis.openapi.from_dict(document)
        labels = [operation.ok().label for operation in read.get_all_operations()]
        assert {f"POST /api/v1/flows/{name}/run" for name in flows} <= set(labels)
        operation = document["paths"]["/api/v1/flows/every-kind/run"]["post"]
        told = {(each["in"], each["name"]) for each in operation["parameters"]}
        assert told == {("header", "Prefer"), ("header", "Idempotency-Key")} | {
            ("query", name) for name in ("durability", "priority", "callback", "include", "key")
        }
        content = operation["requestBody"]["content"]
        shown = {kind: [each["value"] for each in of["examples"].values()] for kind, of in content.items()}
        assert [len(examples) for examples in shown.values()] == [1, 2]
        for kind, examples in shown.items():
            schema = read_schema(content[kind]["schema"], param=kind)
            for example in examples:
                assert schema.problems(example) == (), example
        (example,) = shown["application/json"]
        answer = site.run("every-kind", example)
        assert answer.status_code == 200, answer.text
        outputs = operation["responses"]["200"]["content"]["application/json"]["schema"]["allOf"][1]
        assert read_schema(outputs, param="outputs").problems(answer.json()) == ()
        assert answer.json()["outputs"]["person"] == example["person"]
        as_form = {name: value if isinstance(value, str) else json.dumps(value) for name, value in example.items()}
        files = [("paper", ("a.pdf", b"%PDF-1.7")), ("scans", ("a.png", b"1")), ("scans", ("b.png", b"2"))]
        sent = site.client.post("/api/v1/every-kind/execute", data=as_form, files=files)
        assert sent.status_code == 200, sent.text
        assert sent.json()["outputs"]["person"] == example["person"]
        for status in ("400", "401", "403", "404", "409", "413", "415", "422", "429", "503"):
            assert operation["responses"][status] == {"$ref": "#/components/responses/Problem"}
