"""From a finished call to OpenTelemetry spans: one for the call, one for each branch, judge and synthesis."""

import random
import threading
from collections import ChainMap
from collections.abc import Iterator, Mapping, Sequence
from heapq import merge
from operator import itemgetter
from typing import TYPE_CHECKING

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    TraceFlags,
    TraceState,
    set_span_in_context,
)
from opentelemetry.trace.status import StatusCode

from quorate.model.event import BranchFallback, BranchHedged, BranchRetry, PlanStarted, Selected, State
from quorate.model.run import BranchRecord, RunRecord
from quorate.telemetry import names
from quorate.telemetry.redaction import Redactor
from quorate.telemetry.traceparent import TraceParent

if TYPE_CHECKING:
    from quorate.telemetry.tracing import CallTrace, StepNote

Attribute = str | int | float | bool
#: A caller's words (the name of a model) are cut off here.
_MAX_TEXT = 200
_SERVER_ERROR = 500
#: The mode of a call that one model answers, also if the engine asks it by a plan of one.
_SINGLE = "single"
_FLOW = "flow"
#: What a selector's call is named -> what it does.
_ROLES = {
    "judge": names.JUDGE,
    "pair_judge": names.JUDGE,
    "review": names.REVIEW,
    "synthesiser": names.SYNTHESIS,
    "sources": names.SOURCES,
}


def otlp_exporter(endpoint: str) -> SpanExporter:
    """Return the exporter to a collector: protobuf over HTTP; further settings are OpenTelemetry's variables."""
    return OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces")


class SpanWriter:
    """A live object of one thread: turns finished calls into spans and gives them to the exporter in batches."""

    def __init__(
        self, exporter: SpanExporter, *, service: str, version: str, redact: Redactor, kinds: Mapping[str, str]
    ) -> None:
        """`kinds` says of which type the providers are that have a name of their own."""
        self._redact = redact
        self._kinds = kinds
        self._ids = _GivenIds()
        self._exporter = exporter
        self._processor = BatchSpanProcessor(exporter)
        resource = Resource({names.SERVICE_NAME: service, names.SERVICE_VERSION: version})
        provider = TracerProvider(sampler=ALWAYS_ON, resource=resource, id_generator=self._ids, shutdown_on_exit=False)
        provider.add_span_processor(self._processor)
        self._tracer = provider.get_tracer("quorate", version)

    def write(self, call: "CallTrace", record: RunRecord) -> None:
        """Make the spans of one call."""
        plans = {note.path: note for note in call.notes if isinstance(note, PlanStarted)}
        is_plan = "" in plans and record.mode != _SINGLE
        span = self._call_span(call, record, workflow=is_plan or record.operation == _FLOW)
        for note in call.notes:
            if isinstance(note, Selected) and not note.path:
                span.set_attribute(names.SELECTION, note.method)
        attempts = [note for note in call.notes if isinstance(note, BranchHedged | BranchRetry)]
        # Of an ensemble that was asked again every branch is there once for each time, and all have the same path.
        made: list[tuple[BranchRecord, Span]] = []
        steps: list[tuple[StepNote, Span]] = []
        ensembles = {"": span}
        branches = dict[str, Span]()  # a flow that is asked as a model is a leaf with steps below it
        for item in _as_they_began(call.steps, record):
            if isinstance(item, BranchRecord):
                part = self._branch_span(item, ensembles, plans, asked=record.operation)
                made.append((item, part))
                branches[item.branch] = part
                if not item.leaf:
                    ensembles[item.branch] = part
            else:
                part = self._step_span(item, _enclosing(item.step, ChainMap(ensembles, branches)), record.started_at_s)
                steps.append((item, part))
                ensembles[item.step] = part
        for note in attempts:
            _attempt(_at(note, made, record.started_at_s) or span, note, record.started_at_s)
        for note in call.notes:
            if isinstance(note, BranchFallback):
                attributes = {names.FALLBACK_FROM: note.model, names.FALLBACK_TO: note.to, names.ERROR_TYPE: note.code}
                span.add_event(names.FALLBACK, attributes, _ns(record.started_at_s + note.at_s))
        for branch, part in made:
            part.end(_ns(branch.finished_at_s))
        for note, part in steps:
            part.end(_ns(record.started_at_s + note.ended_s))
        span.end(_ns(record.finished_at_s))

    def close(self, timeout_s: float) -> None:
        """Send what waits, for at most `timeout_s`; the processor itself would take half a minute."""
        ending = threading.Thread(target=self._processor.shutdown, name="quorate-spans-end", daemon=True)
        ending.start()
        ending.join(timeout_s)
        if ending.is_alive():
            self._exporter.shutdown()  # wakes an export that waits to try again

    def _call_span(self, call: "CallTrace", record: RunRecord, *, workflow: bool) -> Span:
        model = self._text(record.model)
        operation = names.INVOKE_WORKFLOW if workflow else names.OPERATIONS.get(record.operation, record.operation)
        self._ids.give(call.place)
        span = self._tracer.start_span(
            f"{operation} {model}",
            context=_below(call.parent, call.tracestate),
            kind=SpanKind.SERVER,
            attributes=_given(
                {
                    names.OPERATION: operation,
                    names.REQUEST_MODEL: model,
                    names.WORKFLOW: model if workflow else None,
                    names.REQUEST_STREAM: record.stream,
                    names.INPUT_TOKENS: record.prompt_tokens,
                    names.OUTPUT_TOKENS: record.completion_tokens,
                    names.CACHED_TOKENS: record.cached_tokens or None,
                    names.REASONING_TOKENS: record.reasoning_tokens or None,
                    names.TIME_TO_FIRST_CHUNK: _since(record.started_at_s, record.first_token_at_s),
                    names.STATUS_CODE: record.status,
                    names.ERROR_TYPE: record.error_code,
                    names.RUN_ID: record.id,
                    names.REQUEST_ID: self._text(record.request_id),
                    names.TENANT: record.tenant,
                    names.MODE: record.mode,
                    names.STATE: record.state.value,
                    names.COST: record.cost_microusd,
                    names.AGREEMENT_SCORE: record.agreement,
                    names.AGREEMENT_KIND: record.agreement_kind,
                }
            ),
            start_time=_ns(record.started_at_s),
        )
        if record.status >= _SERVER_ERROR or record.state is State.FAILED:
            span.set_status(StatusCode.ERROR)
        return span

    def _step_span(self, note: "StepNote", above: Span, began_at_s: float) -> Span:
        path = self._text(note.step)
        span = self._tracer.start_span(
            f"{names.STEP} {path}",
            context=set_span_in_context(above, Context()),
            kind=SpanKind.INTERNAL,
            attributes=_given(
                {
                    names.STEP_PATH: path,
                    names.STEP_EXECUTOR: note.executor or None,
                    names.STEP_ATTEMPTS: note.attempts,
                    names.STEP_CACHED: note.cached or None,
                    names.ERROR_TYPE: note.code,
                    names.STATE: note.state.value,
                    names.COST: note.cost_microusd,
                }
            ),
            start_time=_ns(began_at_s + note.began_s),
        )
        if note.state is State.FAILED:
            span.set_status(StatusCode.ERROR)
        for retry in note.retries:
            told = {
                names.RETRY_ATTEMPT: retry.attempt,
                names.RETRY_DELAY: retry.delay_s,
                names.ERROR_TYPE: retry.code,
            }
            span.add_event(names.RETRY, told, _ns(began_at_s + retry.at_s))
        return span

    def _branch_span(
        self, branch: BranchRecord, ensembles: Mapping[str, Span], plans: Mapping[str, PlanStarted], *, asked: str
    ) -> Span:
        model = self._text(branch.model)
        above = _above(branch.branch, plans)
        role = _role(branch.branch, plans.get(above))
        operation = _leaf_operation(asked) if branch.leaf else names.INVOKE_WORKFLOW
        span = self._tracer.start_span(
            f"{operation if role is None else role} {model}",
            context=set_span_in_context(_enclosing(branch.branch, ensembles), Context()),
            kind=SpanKind.CLIENT if branch.leaf else SpanKind.INTERNAL,
            attributes=_given(
                {
                    names.OPERATION: operation,
                    names.REQUEST_MODEL: model,
                    names.WORKFLOW: None if branch.leaf else model,
                    names.PROVIDER: self._provider(branch.provider) if branch.leaf else None,
                    names.INPUT_TOKENS: branch.prompt_tokens,
                    names.OUTPUT_TOKENS: branch.completion_tokens,
                    names.TIME_TO_FIRST_CHUNK: _since(branch.started_at_s, branch.first_token_at_s),
                    names.ERROR_TYPE: branch.error_code,
                    names.BRANCH: self._text(branch.branch),
                    names.BRANCH_ROLE: role,
                    names.BRANCH_GROUP: branch.group,
                    names.BRANCH_ATTEMPTS: branch.attempts,
                    names.BRANCH_SELECTED: branch.selected,
                    names.STATE: branch.state.value,
                    names.COST: branch.cost_microusd,
                }
            ),
            start_time=_ns(branch.started_at_s),
        )
        if branch.state is State.FAILED:
            span.set_status(StatusCode.ERROR)
        return span

    def _provider(self, name: str) -> str:
        """Return OpenTelemetry's word for the language that a provider of this name speaks."""
        kind = self._kinds.get(name, name)
        return names.PROVIDERS.get(kind, kind)

    def _text(self, text: str) -> str:
        return self._redact(text[:_MAX_TEXT])


def _leaf_operation(asked: str) -> str:
    """Return what a provider is asked for, by what the caller asked for: whatever needs a text is a chat there."""
    return names.EMBEDDINGS if asked == names.EMBEDDINGS else names.CHAT


class _GivenIds(IdGenerator):
    """The ids of the next span if they were given, else new ones: a call's own were sent upstream long ago."""

    def __init__(self) -> None:
        self._random = random.SystemRandom()
        self._given: TraceParent | None = None

    def give(self, place: TraceParent) -> None:
        self._given = place

    def generate_span_id(self) -> int:
        given, self._given = self._given, None
        return int(given.span_id, 16) if given is not None else self._random.getrandbits(64) or 1

    def generate_trace_id(self) -> int:
        # asked for roots only, and before the span id: the one who gives also takes
        return int(self._given.trace_id, 16) if self._given is not None else self._random.getrandbits(128) or 1


def _below(parent: TraceParent | None, tracestate: str) -> Context:
    if parent is None:
        return Context()
    above = SpanContext(
        trace_id=int(parent.trace_id, 16),
        span_id=int(parent.span_id, 16),
        is_remote=True,
        trace_flags=TraceFlags(parent.flags),
        trace_state=TraceState.from_header([tracestate]),
    )
    return set_span_in_context(NonRecordingSpan(above), Context())


def _above(path: str, plans: Mapping[str, PlanStarted]) -> str:
    """Return the path of the plan that a branch belongs to: names of models may have slashes as paths do."""
    above = path.rpartition("/")[0]
    while above and above not in plans:
        above = above.rpartition("/")[0]
    return above


def _as_they_began(notes: Sequence["StepNote"], record: RunRecord) -> "Iterator[StepNote | BranchRecord]":
    """Yield steps and branches so that what a part is in comes before it; branches stay in their order."""
    steps = sorted(notes, key=lambda note: (note.began_s, len(note.step)))
    began = [(record.started_at_s + note.began_s, note) for note in steps]
    asked = [(branch.started_at_s, branch) for branch in record.branches]
    return (item for _, item in merge(began, asked, key=itemgetter(0)))


def _enclosing(path: str, known: Mapping[str, Span]) -> Span:
    """Return the span of what a part is in: a plan, a step of a flow, or the call.

    `name[3]` is one item of a step, `name#2` its second attempt.
    """
    while (end := max(path.rfind("/"), path.rfind("["), path.rfind("#"))) > 0:
        path = path[:end]
        if path in known:
            return known[path]
    return known[""]


def _at(
    note: BranchHedged | BranchRetry, made: Sequence[tuple[BranchRecord, Span]], started_at_s: float
) -> Span | None:
    """Return the span of the branch that was asked again: of several with its path the one that was under way."""
    at_s = started_at_s + note.at_s
    began = [span for branch, span in made if branch.branch == note.branch and branch.started_at_s <= at_s]
    return began[-1] if began else None


def _role(path: str, plan: PlanStarted | None) -> str | None:
    """Return what a branch does that is not a member of the plan above it."""
    if plan is None or path in plan.branches:
        return None
    return _ROLES.get(path.rpartition("/")[2].partition("#")[0])


def _attempt(span: Span, note: BranchHedged | BranchRetry, started_at_s: float) -> None:
    at_ns = _ns(started_at_s + note.at_s)
    if isinstance(note, BranchHedged):
        span.add_event(names.HEDGE, {names.HEDGE_MODEL: note.hedge, names.HEDGE_AFTER: note.after_s}, at_ns)
        return
    attributes = {names.RETRY_ATTEMPT: note.attempt, names.RETRY_DELAY: note.delay_s, names.ERROR_TYPE: note.code}
    span.add_event(names.RETRY, attributes, at_ns)


def _given(attributes: Mapping[str, Attribute | None]) -> dict[str, Attribute]:
    return {name: value for name, value in attributes.items() if value is not None}


def _since(start_s: float, end_s: float | None) -> float | None:
    return None if end_s is None else end_s - start_s


def _ns(unix_s: float) -> int:
    return round(unix_s * 1e9)
