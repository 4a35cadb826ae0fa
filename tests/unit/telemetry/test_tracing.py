"""Spans: their tree, their names, what they say and never say; once all the way to a collector."""

import random
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

import patience
from quorate.core.errors import Misconfigured
from quorate.core.secret import Secret
from quorate.model.call import TraceContext
from quorate.model.event import BranchDelta, BranchHedged, BranchRetry, PlanStarted, Selected, State
from quorate.model.run import RunRecord
from quorate.telemetry import names
from quorate.telemetry.redaction import Redactor
from quorate.telemetry.traceparent import parse_traceparent
from quorate.telemetry.tracing import CallTrace, StepNote, StepRetried, Tracing
from run_records import branch_record, run_record
from served_flows import FLOWS, flow_gateway, write_flows
from span_collector import collector

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACED = """
version: 1
models:
  sim-birch: {{ type: simulated, profile: sim-birch, latency_s: 0, tokens_per_s: 100000 }}
telemetry: {{ tracing: {{ enabled: true, endpoint: "{url}" }} }}
"""
CALLER = TraceContext(traceparent=f"00-{TRACE}-{SPAN}-01", tracestate="a=1")


def tracing(exporter: SpanExporter | None, **settings: Any) -> Tracing:
    given: dict[str, Any] = {
        "endpoint": "http://127.0.0.1:9",
        "service": "test",
        "ids": random.Random(1),
        "exporter": exporter,
        "version": "1.2.3",
    }
    return Tracing(**{**given, **settings})


def spans_of(
    record: RunRecord,
    *,
    caller: TraceContext | None = None,
    watch: Callable[[CallTrace], object] = lambda _: None,
    **settings: Any,
) -> tuple[CallTrace, dict[str, ReadableSpan]]:
    """The call's trace and its spans by name."""
    exporter = InMemorySpanExporter()
    made = tracing(exporter, **settings)
    call = made.begin(caller)
    watch(call)
    call.end(record)
    call.end(record)
    made.close(5)
    return call, {span.name: span for span in exporter.get_finished_spans()}


def said(span: ReadableSpan) -> dict[str, object]:
    return dict(span.attributes or {})


def test_a_single_call_is_a_server_span_with_a_client_span_below() -> None:
    exporter = InMemorySpanExporter()
    made = tracing(exporter)
    call = made.begin(CALLER)
    call.end(run_record(first_token_at_s=1000.1, stream=True, cached_tokens=7))
    made.close(5)
    branch, top = exporter.get_finished_spans()
    assert (top.name, branch.name) == ("chat fast", "chat fast")
    assert (top.kind, branch.kind) == (SpanKind.SERVER, SpanKind.CLIENT)
    assert top.context is not None
    assert top.parent is not None
    assert branch.parent is not None
    assert f"{top.context.trace_id:032x}" == TRACE == call.trace_id
    assert f"{top.parent.span_id:016x}" == SPAN
    assert branch.parent.span_id == top.context.span_id
    assert call.traceparent == f"00-{TRACE}-{top.context.span_id:016x}-01"
    assert call.context == TraceContext(traceparent=call.traceparent, tracestate="a=1")
    assert (top.start_time, top.end_time) == (1000_000_000_000, 1000_300_000_000)
    assert (branch.start_time, branch.end_time) == (1000_000_000_000, 1000_200_000_000)
    assert top.resource.attributes == {names.SERVICE_NAME: "test", names.SERVICE_VERSION: "1.2.3"}
    assert said(top) == {
        names.OPERATION: "chat",
        names.REQUEST_MODEL: "fast",
        names.REQUEST_STREAM: True,
        names.INPUT_TOKENS: 10,
        names.OUTPUT_TOKENS: 20,
        names.CACHED_TOKENS: 7,
        names.TIME_TO_FIRST_CHUNK: pytest.approx(0.1),
        names.STATUS_CODE: 200,
        names.RUN_ID: "run_1",
        names.REQUEST_ID: "req-1",
        names.TENANT: "acme",
        names.MODE: "single",
        names.STATE: "finished",
        names.COST: 5,
    }


def test_a_model_that_the_engine_asks_by_a_plan_of_one_is_no_workflow() -> None:
    def watch(call: CallTrace) -> None:
        call.sink(
            PlanStarted(call_id="run_1", at_s=0.0, path="", mode="race", branches=("fast",), weights=(1.0,)),
        )

    exporter = InMemorySpanExporter()
    made = tracing(exporter)
    call = made.begin(None)
    watch(call)
    call.end(run_record())
    made.close(5)
    assert [span.name for span in exporter.get_finished_spans()] == ["chat fast", "chat fast"]


def test_an_ensemble_with_an_inner_one_a_judge_and_a_synthesis() -> None:
    branches = (
        branch_record("inner", leaf=False, provider=""),
        branch_record("inner/fast", provider="gemini"),
        branch_record("judge#2", model="judge"),
        branch_record("strong", state=State.FAILED, error_code="provider_unavailable", attempts=2),
        branch_record("judge#1", model="strong"),
        branch_record("review#1", model="reader"),
        branch_record("synthesiser", model="strong", selected=True),
        branch_record("sources", model="strong"),
    )

    def watch(call: CallTrace) -> None:
        head: dict[str, Any] = {"call_id": "run_1", "at_s": 0.05}
        strong: dict[str, Any] = {**head, "branch": "strong", "model": "strong"}
        call.sink(
            PlanStarted(**head, path="", mode="all", branches=("inner", "judge#2", "strong"), weights=(0.3, 0.3, 0.4))
        )
        call.sink(PlanStarted(**head, path="inner", mode="race", branches=("inner/fast",), weights=(1.0,)))
        call.sink(BranchDelta(**strong, text="never seen"))
        call.sink(BranchRetry(**strong, attempt=1, delay_s=0.1, code="provider_unavailable", message="never seen"))
        call.sink(Selected(**head, path="", branch=None, method="synthesis", reason="never seen"))

    record = run_record("panel", mode="all", agreement=0.8, agreement_kind="choice", branches=branches)
    _, spans = spans_of(record, watch=watch)
    assert set(spans) == {
        "invoke_workflow panel",
        "invoke_workflow inner",
        "chat fast",
        "chat judge",
        "chat strong",
        "judge strong",
        "review reader",
        "synthesis strong",
        "sources strong",
    }
    top, inner, leaf = (spans[name] for name in ("invoke_workflow panel", "invoke_workflow inner", "chat fast"))
    assert (inner.kind, leaf.kind) == (SpanKind.INTERNAL, SpanKind.CLIENT)
    assert [span.parent and span.parent.span_id for span in (leaf, inner, spans["judge strong"])] == [
        span.context and span.context.span_id for span in (inner, top, top)
    ]
    assert said(top)[names.AGREEMENT_SCORE] == 0.8
    assert said(top)[names.SELECTION] == "synthesis"
    assert said(leaf)[names.PROVIDER] == "gcp.gemini"
    assert names.PROVIDER not in said(inner)
    assert said(spans["synthesis strong"])[names.BRANCH_ROLE] == "synthesis"
    failed = spans["chat strong"]
    assert failed.status.status_code is StatusCode.ERROR
    assert said(failed)[names.ERROR_TYPE] == "provider_unavailable"
    (retry,) = failed.events
    assert (retry.name, retry.timestamp) == (names.RETRY, 1000_050_000_000)
    assert top.status.status_code is StatusCode.UNSET
    everything = "".join(span.to_json() for span in spans.values())
    assert "never seen" not in everything


def test_an_ensemble_that_is_asked_again_has_all_its_branches_below_it() -> None:
    exporter = InMemorySpanExporter()
    made = tracing(exporter)
    call = made.begin(None)
    head: dict[str, Any] = {"call_id": "run_1"}
    inner: dict[str, Any] = {**head, "branch": "inner/x/fast", "model": "x/fast"}
    call.sink(PlanStarted(**head, at_s=0.0, path="", mode="all", branches=("inner",), weights=(1.0,)))
    call.sink(PlanStarted(**head, at_s=0.0, path="inner", mode="all", branches=("inner/x/fast",), weights=(1.0,)))
    call.sink(BranchRetry(**inner, at_s=0.05, attempt=1, delay_s=0.01, code="provider_unavailable", message="x"))
    branches = (
        branch_record("inner", leaf=False, provider="", attempts=2),
        branch_record("inner/x/fast", model="x/fast", finished_at_s=1000.1),
        branch_record("inner/x/fast", model="x/fast", started_at_s=1000.1),
        branch_record("inner/x/judge#1", model="strong"),
    )
    call.end(run_record("panel", mode="all", branches=branches))
    made.close(5)
    spans = exporter.get_finished_spans()
    (above,) = (span for span in spans if span.name == "invoke_workflow inner")
    first, second, other = (span for span in spans if span.kind is SpanKind.CLIENT)
    for span in (first, second, other):
        assert span.parent is not None
        assert above.context is not None
        assert span.parent.span_id == above.context.span_id
    assert (first.end_time, second.start_time) == (1000_100_000_000, 1000_100_000_000)
    assert [event.name for event in first.events] == [names.RETRY]
    assert not second.events


def test_a_hedge_is_an_event_of_its_branch() -> None:
    exporter = InMemorySpanExporter()
    made = tracing(exporter)
    call = made.begin(None)
    call.sink(BranchHedged(call_id="run_1", at_s=0.05, branch="fast", model="fast", hedge="other", after_s=0.05))
    call.end(run_record("fast", branches=(branch_record("fast", model="fast", attempts=2),)))
    made.close(5)
    (event,) = (event for span in exporter.get_finished_spans() for event in span.events)
    assert (event.name, event.timestamp) == (names.HEDGE, 1000_050_000_000)
    assert dict(event.attributes or {}) == {names.HEDGE_MODEL: "other", names.HEDGE_AFTER: 0.05}


def test_steps_of_a_flow_are_spans_with_what_they_ask_below_them() -> None:
    def watch(call: CallTrace) -> None:
        call.sink(
            PlanStarted(call_id="run_1", at_s=0.0, path="each[1]#2/ask", mode="race", branches=("m",), weights=(1.0,))
        )
        retried = StepRetried(at_s=0.12, attempt=1, delay_s=0.01, code="overloaded")
        call.step(
            StepNote(
                step="each[1]#2/ask",
                executor="llm",
                state=State.FINISHED,
                began_s=0.1,
                ended_s=0.2,
                attempts=2,
                cost_microusd=5,
                retries=(retried,),
            )
        )
        call.step(StepNote(step="each", executor="group", state=State.FAILED, began_s=0.1, ended_s=0.25, code="no"))

    branch = branch_record(branch="each[1]#2/ask/m", model="m", started_at_s=1000.1, finished_at_s=1000.2)
    record = run_record(operation="flow", model="flow/reads", mode="flow", branches=(branch,))
    _, spans = spans_of(record, watch=watch)
    top, each, ask = spans["invoke_workflow flow/reads"], spans["step each"], spans["step each[1]#2/ask"]
    assert (top.kind, each.kind) == (SpanKind.SERVER, SpanKind.INTERNAL)
    assert said(top)[names.WORKFLOW] == "flow/reads"
    above = [span.parent.span_id for span in (each, ask, spans["chat m"]) if span.parent is not None]
    assert above == [span.context.span_id for span in (top, each, ask) if span.context is not None]
    assert (ask.start_time, ask.end_time) == (1000_100_000_000, 1000_200_000_000)
    assert said(ask) == {
        names.STEP_PATH: "each[1]#2/ask",
        names.STEP_EXECUTOR: "llm",
        names.STEP_ATTEMPTS: 2,
        names.STATE: "finished",
        names.COST: 5,
    }
    assert [(event.name, event.timestamp) for event in ask.events] == [(names.RETRY, 1000_120_000_000)]
    assert (each.status.status_code, said(each)[names.ERROR_TYPE]) == (StatusCode.ERROR, "no")


def test_an_error_is_named_and_never_quoted() -> None:
    _, spans = spans_of(run_record(state=State.FAILED, status=502, error_code="all_failed", branches=()))
    top = spans["chat fast"]
    assert top.status.status_code is StatusCode.ERROR
    assert top.status.description is None
    assert said(top)[names.ERROR_TYPE] == "all_failed"


def test_no_secret_reaches_a_span() -> None:
    secret = Secret("canary-4711")
    record = run_record("canary-4711 sk-abcdefgh", request_id="Bearer abcdefghijk", branches=())
    _, spans = spans_of(record, redact=Redactor([secret]))
    text = "".join(span.to_json() for span in spans.values())
    assert not any(word in text for word in ("canary", "abcdefgh"))
    _, spans = spans_of(run_record("m" * 10_000, branches=()))
    assert max(map(len, spans)) < 250


def test_a_callers_decision_is_followed() -> None:
    unsampled = TraceContext(traceparent=f"00-{TRACE}-{SPAN}-00")
    call, spans = spans_of(run_record(), caller=unsampled, sample=1.0)
    assert not spans
    assert call.traceparent.startswith(f"00-{TRACE}-")
    assert call.traceparent.endswith("-00")
    _, spans = spans_of(run_record(), caller=CALLER, sample=0.0)
    assert spans


def test_a_share_of_the_other_traces_is_kept() -> None:
    exporter = InMemorySpanExporter()
    made = tracing(exporter, sample=0.25)
    calls = [made.begin(TraceContext(traceparent="nonsense")) for _ in range(400)]
    kept = [place for call in calls if (place := parse_traceparent(call.traceparent)) and place.sampled]
    assert 60 < len(kept) < 140
    assert len({call.trace_id for call in calls}) == 400
    for call in calls:
        call.end(run_record(branches=()))
    made.close(5)
    finished = exporter.get_finished_spans()
    assert {f"{span.context.trace_id:032x}" for span in finished if span.context} == {place.trace_id for place in kept}


def test_without_the_extra_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "quorate.telemetry.spans", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry.context", None)
    with pytest.raises(Misconfigured, match=r"quorate\[otel\]"):
        tracing(InMemorySpanExporter())


class Slow(SpanExporter):
    """Takes as long as a collector that does not answer."""

    def __init__(self) -> None:
        self.over = threading.Event()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.over.wait(20)
        return SpanExportResult.FAILURE

    def shutdown(self) -> None:
        self.over.set()


def test_closing_does_not_wait_for_a_collector_that_does_not_answer() -> None:
    slow = Slow()
    made = tracing(slow)
    made.begin(None).end(run_record())
    began = time.monotonic()
    made.close(0.2)
    assert time.monotonic() - began < 5
    assert slow.over.is_set()


def test_spans_that_cannot_be_made_or_wait_too_long_harm_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    exporter = InMemorySpanExporter()
    made = tracing(exporter)
    made.begin(None).end(run_record(branches=(branch_record(started_at_s=float("inf")),)))
    made.begin(None).end(run_record("strong", branches=()))
    monkeypatch.setattr("quorate.telemetry.tracing._MAX_WAITING", 0)
    made.begin(None).end(run_record("late"))
    made.close(5)
    assert [span.name for span in exporter.get_finished_spans()] == ["chat strong"]
    assert made.dropped == 1


def test_spans_reach_a_collector_as_otlp() -> None:
    with collector() as (url, received):
        made = tracing(None, endpoint=url)
        made.begin(CALLER).end(run_record())
        made.close(5)
    ((path, request),) = received
    assert path == "/v1/traces"
    (resource,) = request.resource_spans
    assert {item.key: item.value.string_value for item in resource.resource.attributes}[names.SERVICE_NAME] == "test"
    branch, top = resource.scope_spans[0].spans
    assert top.trace_id.hex() == TRACE
    assert top.parent_span_id.hex() == SPAN
    assert branch.parent_span_id == top.span_id
    assert {item.key: item.value.int_value for item in branch.attributes}[names.OUTPUT_TOKENS] == 20


@pytest.mark.parametrize("way", ["/api/v1/flows/asks/run", "/api/v1/flows/asks/run?durability=durable", "chat"])
def test_a_flow_that_is_run_leaves_a_span_for_each_step(tmp_path: Path, way: str) -> None:
    with (
        collector() as (url, received),
        flow_gateway(write_flows(tmp_path / "flows"), TRACED.format(url=url)) as site,
    ):
        if way == "chat":
            asked = {"model": "flow/asks", "messages": [{"role": "user", "content": "why?"}]}
            answer = site.client.post("/v1/chat/completions", json=asked)
        else:
            answer = site.client.post(way, json={"question": "why?"})
        assert answer.status_code == 200
        patience.seen(lambda: received)
    found = {
        span.name: span
        for _, request in received
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    }
    step, leaf = found["step flow/asks/ask" if way == "chat" else "step ask"], found["chat sim-birch"]
    top = next(
        span for name, span in found.items() if name.endswith(" flow/asks") and span.kind == span.SPAN_KIND_SERVER
    )
    assert top.start_time_unix_nano <= step.start_time_unix_nano < step.end_time_unix_nano <= top.end_time_unix_nano
    assert {span.trace_id for span in found.values()} == {top.trace_id}
    assert leaf.parent_span_id == step.span_id
    if way != "chat":
        assert top.name == "invoke_workflow flow/asks"
        assert step.parent_span_id == top.span_id


OUTER = """
name: outer
inputs: {question: {type: string, required: true}}
outputs: {answer: "{{ steps.ask.text }}"}
steps:
  - {name: ask, executor: llm, config: {model: flow/asks, prompt: "{{ inputs.question }}"}}
  - {name: check, executor: validate, config: {data: "{{ steps.ask.text }}", schema: {type: integer}}}
"""


def test_what_a_flow_as_a_model_does_is_below_it_also_when_the_run_is_resumed(tmp_path: Path) -> None:
    with (
        collector() as (url, received),
        flow_gateway(write_flows(tmp_path / "flows", {**FLOWS, "outer": OUTER}), TRACED.format(url=url)) as site,
    ):
        run = site.run("outer", {"question": "why?"}, params={"durability": "durable"}).json()["id"]
        assert site.client.post(f"/api/v1/runs/{run}/resume", json={"forget": ["ask"]}).status_code == 202

        def spans() -> list[Any]:
            scopes = [scope for _, request in received for each in request.resource_spans for scope in each.scope_spans]
            return [span for scope in scopes for span in scope.spans]

        patience.seen(lambda: sum(not span.parent_span_id for span in spans()) == 2)
        known = {span.span_id: span for span in spans()}

    def way(span: Any) -> list[str]:
        return [*(way(known[span.parent_span_id]) if span.parent_span_id in known else ()), span.name]

    leaves = [way(span) for span in known.values() if span.name == "chat sim-birch"]
    asked = ["invoke_workflow flow/outer", "step ask", "chat flow/asks", "step ask/flow/asks/ask", "chat sim-birch"]
    assert leaves == [asked, asked]
