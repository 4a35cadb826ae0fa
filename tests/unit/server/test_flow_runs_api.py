"""Runs of flows over HTTP: seen, followed, cancelled, resumed, forked, replayed, and only by those they belong to."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from asgi import runs_of, services_of
from flow_gateway import FlowGateway, flow_gateway, flows_of, numbered
from flow_site import flow, step
from patience import until, until_it
from quorate.access.permission import Scope
from quorate.core.clock import SystemClock
from quorate.core.ids import RunId
from quorate.flows.journal import LeaseLost
from quorate.flows.outcome import RunStatus
from quorate.model import new_call
from quorate.model.event import State
from quorate.server.flow_metrics import watch_flows
from quorate.server.flow_runs import FlowRuns
from quorate.telemetry import names
from quorate.telemetry.metrics import CallMetrics
from quorate.wire.sse import SseEvent

RUNS = "/api/v1/runs"
CHAIN = flow(
    step("a", does={"gives": "one", "costs": 3, "says": ["o", "ne"]}),
    step("b", "a", does={"gives": "two"}),
    step("c", "a", does={"gives": "three", "sleeps_s": 0.02}),
    step("d", "b", "c", does={"gives": "four"}),
)
LONG = flow(step("a"), step("wait", "a", does={"sleeps_s": 30.0}), step("z", "wait"))
LONG_OTHER = flow(step("a"), step("wait", "a", does={"sleeps_s": 30.0}), name="other")
FLAKY = flow(step("a"), step("b", "a", does={"fails": "not yet", "passing": False}), step("c", "b"))
EVERYTHING = ["flow.started", *["step.finished"] * 4, "flow.finished"]


def kinds(events: list[tuple[int, Any]]) -> list[str]:
    return [data["event"] for _, data in events]


async def until_step(gateway: FlowGateway, run: RunId, name: str) -> None:
    """Wait until a step has ended."""

    async def has_ended() -> bool:
        return name in (await gateway.flows.view(run)).outcomes

    await until_it(has_ended)


async def test_a_run_is_shown_with_its_steps(tmp_path: Path) -> None:
    async with flow_gateway(tmp_path, CHAIN) as gateway:
        run, key = await gateway.start(), await gateway.key()
        await gateway.ended(run)
        shown = (await gateway.get(f"{RUNS}/{run}", key))["flow"]
        with_outputs = (await gateway.get(f"{RUNS}/{run}?step_outputs=true", key))["flow"]
    assert (shown["status"], shown["percent"], shown["cost_microusd"]) == ("succeeded", 100.0, 3)
    assert shown["inputs"] == {"text": "a secret of theirs"}
    assert shown["outputs"] == {"a": "one", "b": "two", "c": "three", "d": "four"}
    assert {name: each["status"] for name, each in shown["steps"].items()} == dict.fromkeys("abcd", "succeeded")
    assert shown["steps"]["a"]["output"] is None
    assert with_outputs["steps"]["a"]["output"] == "one"
    assert shown["latency"]["steps"].keys() == set("abcd")


async def test_a_key_for_accounts_sees_no_contents(tmp_path: Path) -> None:
    async with flow_gateway(tmp_path, CHAIN) as gateway:
        run, key = await gateway.start(), await gateway.key("acme", Scope.RUNS)
        await gateway.ended(run)
        answer = await gateway.ask("GET", f"{RUNS}/{run}?step_outputs=true", key)
        events = await gateway.ask("GET", f"{RUNS}/{run}/events", key)
    assert answer.json["flow"]["cost_microusd"] == 3
    assert b"secret" not in answer.body
    assert b"three" not in answer.body
    assert events.status == 403


async def test_a_run_is_shown_while_it_runs(tmp_path: Path) -> None:
    async with flow_gateway(tmp_path, LONG) as gateway:
        run, key = await gateway.start(), await gateway.key()
        await until_step(gateway, run, "a")
        shown = (await gateway.get(f"{RUNS}/{run}", key))["flow"]
        assert (shown["status"], shown["outputs"]) == ("running", None)
        assert 0 < shown["percent"] < 100
        await gateway.ask("POST", f"{RUNS}/{run}/cancel", key)
        await gateway.ended(run)


@pytest.mark.parametrize("apart", [False, True])
async def test_events_come_whoever_runs_it(tmp_path: Path, *, apart: bool) -> None:
    async with flow_gateway(tmp_path, CHAIN, apart=apart) as gateway:
        run, key = await gateway.start(), await gateway.key()
        events = await gateway.stream(run, key)
        again = await gateway.stream(run, key)
    assert kinds(numbered(events)) == EVERYTHING
    assert numbered(again) == numbered(events)
    assert [number for number, _ in numbered(events)] == list(range(1, 7))
    assert all(event.event in event.data for event in events)


async def test_what_passes_comes_in_order_and_without_a_number(tmp_path: Path) -> None:
    slow = flow(step("first", does={"sleeps_s": 0.3}), step("a", "first", does={"says": ["o", "ne"]}))
    async with flow_gateway(tmp_path, slow) as gateway:
        run, key = await gateway.start(), await gateway.key()
        events = await gateway.stream(run, key)
    of_a = [event for event in events if '"step":"a"' in event.data]
    assert [event.event for event in of_a] == ["step.started", "step.delta", "step.delta", "step.finished"]
    assert [number for number, _ in numbered(events)] == [1, 2, 3, 4]


@pytest.mark.parametrize("apart", [False, True])
async def test_reconnecting_at_any_point_gives_the_same_events(tmp_path: Path, *, apart: bool) -> None:
    async with flow_gateway(tmp_path, CHAIN, apart=apart) as gateway:
        key = await gateway.key()
        for most in range(1, 7):
            run, seen = await gateway.start(), list[tuple[int, Any]]()

            def enough(events: list[SseEvent], most: int = most) -> bool:
                return len(numbered(events)) >= most

            while "flow.finished" not in kinds(seen):
                more = {"last_event_id": str(seen[-1][0])} if seen else {}
                seen += numbered(await gateway.stream(run, key, until=enough, **more))
            kept = await gateway.flows.events(run)
            assert [number for number, _ in seen] == [each.seq for each in kept]
            assert kinds(seen) == EVERYTHING


async def test_after_in_the_address_gives_way_to_the_header(tmp_path: Path) -> None:
    async with flow_gateway(tmp_path, CHAIN) as gateway:
        run, key = await gateway.start(), await gateway.key()
        await gateway.ended(run)
        by_address = await gateway.stream(run, key, query="?after=4")
        by_header = await gateway.stream(run, key, query="?after=1", last_event_id="5")
        page = await gateway.ask("GET", f"{RUNS}/{run}/events?after=1&limit=2", key, accept="application/json")
        wrong = await gateway.ask("GET", f"{RUNS}/{run}/events", key, last_event_id="x")
    assert [number for number, _ in numbered(by_address)] == [5, 6]
    assert [number for number, _ in numbered(by_header)] == [6]
    assert ([each["seq"] for each in page.json["data"]], page.json["next"], page.json["has_more"]) == ([2, 3], 3, True)
    assert page.json["data"][0]["data"]["event"] == "step.finished"
    assert (wrong.status, wrong.json["param"]) == (400, "Last-Event-ID")


async def test_a_second_watcher_hears_what_the_first_left(tmp_path: Path) -> None:
    slow = flow(step("a"), step("b", "a", does={"sleeps_s": 0.6}), step("c", "b", does={"says": ["x"]}))
    async with flow_gateway(tmp_path, slow) as gateway:
        run, key = await gateway.start(), await gateway.key()
        await gateway.stream(run, key, until=lambda events: len(numbered(events)) >= 2)
        events = await gateway.stream(run, key, query="?after=2")
    assert "step.delta" in [event.event for event in events]


async def test_cancelling(tmp_path: Path) -> None:
    async with flow_gateway(tmp_path, LONG) as gateway:
        run, key = await gateway.start(), await gateway.key()
        await until_step(gateway, run, "a")
        first = await gateway.ask("POST", f"{RUNS}/{run}/cancel", key)
        assert await gateway.ended(run) is RunStatus.CANCELLED
        second = await gateway.ask("POST", f"{RUNS}/{run}/cancel", key)
        events = await gateway.stream(run, key)
    assert (first.status, second.status, second.json["status"]) == (202, 200, "cancelled")
    assert numbered(events)[-1][1]["status"] == "cancelled"


async def test_a_cancel_that_is_interrupted_leaves_the_record_of_what_it_ended(tmp_path: Path) -> None:
    flows = await asyncio.to_thread(flows_of, tmp_path / "flows.db", LONG)
    services = services_of(flows=flows)
    waiting = await flows.runner.header(LONG, {}, new_call())
    await flows.journal.begin(waiting)
    cancelling = asyncio.create_task(FlowRuns(services, flows).cancel(waiting.id))
    await asyncio.sleep(0)
    cancelling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cancelling
    assert (await flows.view(waiting.id)).status is RunStatus.CANCELLED
    assert [(run.id, run.state) for run in runs_of(services)] == [(waiting.id, State.CANCELLED)]
    await flows.callbacks.close()
    await flows.journal.close()


async def test_cancelling_what_another_process_runs(tmp_path: Path) -> None:
    async with flow_gateway(tmp_path, LONG, apart=True) as gateway:
        run, key = await gateway.start(), await gateway.key()
        await until_step(gateway, run, "a")
        answer = await gateway.ask("POST", f"{RUNS}/{run}/cancel", key)
        assert (answer.status, answer.json["cancel_requested"]) == (202, True)
        assert await gateway.ended(run) is RunStatus.CANCELLED


async def test_what_was_cancelled_in_the_queue_tells_so(tmp_path: Path) -> None:
    async with flow_gateway(tmp_path, CHAIN) as gateway:
        key, header = await gateway.key(), (await gateway.flows.view(await gateway.start())).header
        await gateway.ended(header.id)
        waiting = await gateway.flows.runner.header(CHAIN, {}, gateway.call())
        lease = await gateway.flows.journal.begin(waiting, owner="x", lease_s=0.001)
        await asyncio.sleep(0.01)
        answer = await gateway.ask("POST", f"{RUNS}/{waiting.id}/cancel", key)
        events = await gateway.stream(waiting.id, key)
        assert lease is not None
        with pytest.raises(LeaseLost):
            await gateway.flows.journal.put(lease, [])
    assert answer.status in {200, 202}
    assert kinds(numbered(events))[-1] == "flow.finished"


async def test_what_has_ended_is_not_cancelled(tmp_path: Path) -> None:
    async with flow_gateway(tmp_path, CHAIN) as gateway:
        run, key = await gateway.start(), await gateway.key()
        await gateway.ended(run)
        answers = [await gateway.ask("POST", f"{RUNS}/{run}/{what}", key) for what in ("cancel", "resume")]
    assert [(answer.status, answer.json["code"]) for answer in answers] == [(409, "conflict")] * 2


async def test_resuming_keeps_what_has_finished(tmp_path: Path) -> None:
    async with flow_gateway(tmp_path, FLAKY) as gateway:
        run, key = await gateway.start(), await gateway.key()
        assert await gateway.ended(run) is RunStatus.FAILED
        shown = (await gateway.get(f"{RUNS}/{run}", key))["flow"]
        assert shown["errors"][0]["code"] == "bad_data"
        seen = numbered(await gateway.stream(run, key))
        answer = await gateway.ask("POST", f"{RUNS}/{run}/resume", key)
        assert (answer.status, answer.headers["location"]) == (202, f"{RUNS}/{run}")
        await gateway.ended(run)
        assert gateway.do.ran == ["a", "b", "b"]
        more = numbered(await gateway.stream(run, key, last_event_id=str(seen[-1][0])))
        assert kinds(more)[0] == "flow.started"
        assert kinds(more)[-1] == "flow.finished"
        forgetting = await gateway.ask("POST", f"{RUNS}/{run}/resume", key, {"forget": ["a"]})
        assert forgetting.status == 202
        await gateway.ended(run)
        assert gateway.do.ran == ["a", "b", "b", "a", "b"]
        unknown = await gateway.ask("POST", f"{RUNS}/{run}/resume", key, {"forget": ["aa"]})
        assert (unknown.status, "did you mean 'a'" in unknown.json["detail"]) == (404, True)


async def test_forking_from_a_step(tmp_path: Path) -> None:
    async with flow_gateway(tmp_path, CHAIN) as gateway:
        run, key = await gateway.start(), await gateway.key()
        await gateway.ended(run)
        path = f"{RUNS}/{run}/fork"
        answer = await gateway.ask("POST", f"{path}?from=c", key, idempotency_key="k")
        again = await gateway.ask("POST", f"{path}?from=c", key, idempotency_key="k")
        other = await gateway.ask("POST", f"{path}?from=b", key, idempotency_key="k")
        new = answer.json["id"]
        assert (answer.status, answer.headers["location"]) == (202, f"{RUNS}/{new}")
        assert (again.json["id"], other.status) == (new, 422)
        assert await gateway.ended(new) is RunStatus.SUCCEEDED
        assert gateway.do.ran[4:] == ["c", "d"]
        assert (await gateway.get(f"{RUNS}/{new}", key))["flow"]["parent"] == run
        unknown = await gateway.ask("POST", f"{path}?from=dd", key)
        missing = await gateway.ask("POST", path, key)
    assert (unknown.status, "did you mean 'd'" in unknown.json["detail"]) == (404, True)
    assert (missing.status, missing.json["code"]) == (400, "invalid_request")


async def test_a_fork_belongs_to_whoever_asks_for_it(tmp_path: Path) -> None:
    async with flow_gateway(tmp_path, CHAIN) as gateway:
        run, key, operator = await gateway.start(), await gateway.key(), await gateway.key("operator", Scope.ADMIN)
        await gateway.ended(run)
        forks = [(await gateway.ask("POST", f"{RUNS}/{run}/fork?from=c", each)).json["id"] for each in (key, operator)]
        headers = [(await gateway.flows.view(new)).header for new in forks]
        for new in forks:
            assert await gateway.ended(new) is RunStatus.SUCCEEDED
        again = (await gateway.ask("POST", f"{RUNS}/{forks[0]}/fork?from=c", key)).json["id"]
        assert (await gateway.flows.view(again)).header.principal == headers[0].principal
    assert [header.tenant for header in headers] == ["acme", "operator"]
    assert "local" not in {header.principal for header in headers}
    assert {header.labels["forked_from_principal"] for header in headers} == {"local"}


async def test_replaying_executes_nothing(tmp_path: Path) -> None:
    async with flow_gateway(tmp_path, CHAIN) as gateway:
        run, key = await gateway.start(), await gateway.key()
        await gateway.ended(run)
        answer = await gateway.ask("POST", f"{RUNS}/{run}/replay", key)
        assert answer.json["result"]["outputs"] == {"a": "one", "b": "two", "c": "three", "d": "four"}
        assert len(gateway.do.ran) == 4


async def test_pages_of_runs(tmp_path: Path) -> None:
    other = flow(step("a"), name="other")
    async with flow_gateway(tmp_path, CHAIN, other) as gateway:
        runs = [await gateway.start() for _ in range(3)] + [await gateway.start("other")]
        theirs = await gateway.start(tenant="other")
        for run in (*runs, theirs):
            await gateway.ended(run)
        key, operator = await gateway.key(), await gateway.key("operator", Scope.ADMIN)
        first = await gateway.get("/api/v1/flow-runs?limit=3", key)
        second = await gateway.get(f"/api/v1/flow-runs?limit=3&before={first['next']}", key)
        of_flow = await gateway.get("/api/v1/flow-runs?flow=other&status=succeeded", key)
        everybody = await gateway.get("/api/v1/flow-runs", operator)
        refused = await gateway.ask("GET", "/api/v1/flow-runs?tenant=other", key)
    assert [run["id"] for run in first["data"] + second["data"]] == sorted(runs, reverse=True)
    assert (first["has_more"], second["has_more"]) == (True, False)
    assert [run["id"] for run in of_flow["data"]] == [runs[3]]
    assert len(everybody["data"]) == 5
    assert refused.status == 404


STEERING = [
    ("GET", ""),
    ("GET", "/events"),
    ("POST", "/cancel"),
    ("POST", "/resume"),
    ("POST", "/fork?from=a"),
    ("POST", "/replay"),
]


async def test_others_runs_are_not_there(tmp_path: Path) -> None:
    async with flow_gateway(tmp_path, CHAIN) as gateway:
        run, key = await gateway.start(), await gateway.key("other", Scope.ADMIN)
        await gateway.ended(run)
        for method, path in STEERING:
            theirs = await gateway.ask(method, f"{RUNS}/{run}{path}", key)
            nobodys = await gateway.ask(method, f"{RUNS}/run_zz{path}", key)
            assert theirs.status == nobodys.status == 404, path
            assert theirs.json["detail"] == nobodys.json["detail"].replace("run_zz", run)
        operator = await gateway.key("operator", Scope.ADMIN)
        assert (await gateway.ask("GET", f"{RUNS}/{run}", operator)).status == 200


async def test_a_key_for_chats_neither_sees_nor_steers(tmp_path: Path) -> None:
    async with flow_gateway(tmp_path, CHAIN) as gateway:
        run, key = await gateway.start(), await gateway.key("acme", Scope.CHAT)
        await gateway.ended(run)
        answers = [await gateway.ask(method, f"{RUNS}/{run}{path}", key) for method, path in STEERING]
    assert {answer.status for answer in answers} == {403}


async def test_runs_are_counted(tmp_path: Path) -> None:
    metrics = CallMetrics(SystemClock())
    async with flow_gateway(tmp_path, FLAKY, LONG_OTHER) as gateway:
        watch_flows(gateway.flows, metrics)
        run, other = await gateway.start(), await gateway.start("other")
        await gateway.ended(run)
        await until_step(gateway, other, "a")
        snapshot = await asyncio.to_thread(metrics.snapshot)
        assert {each.name: each.value for each in snapshot.values}[names.FLOW_RUNS_IN_PROGRESS] == 1
        await gateway.flows.cancel(other)
        await gateway.ended(other)
        await gateway.flows.resume(run)
        await gateway.ended(run)
        await until(lambda: gateway.flows.dispatcher.running == 0)
        snapshot = await asyncio.to_thread(metrics.snapshot)
    found = {(each.name, *each.labels): each.value for each in snapshot.values}
    assert found[names.FLOW_RUNS, "flow", "failed"] == 2
    assert found[names.FLOW_RUNS, "other", "cancelled"] == 1
    assert found[names.FLOW_STEPS, "do", "succeeded"] == 2
    assert found[names.FLOW_STEPS, "do", "failed"] == 2
    assert {each.labels for each in snapshot.spreads} == {("flow",), ("other",)}
    assert b"quorate_flow_runs_total" in (await asyncio.to_thread(metrics.render))[0]
