"""Spans of calls, sent to a collector. Made only when tracing is switched on; nothing of it is loaded otherwise."""

import logging
import queue
import random
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from quorate.core.errors import Misconfigured
from quorate.model.call import TraceContext
from quorate.model.event import BranchFallback, BranchHedged, BranchRetry, Event, PlanStarted, Selected, State
from quorate.model.run import RunRecord
from quorate.telemetry.redaction import Redactor
from quorate.telemetry.traceparent import TraceParent, new_traceparent, parse_traceparent

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter

    from quorate.telemetry.spans import SpanWriter

_log = logging.getLogger("quorate")
#: Finished calls that may wait for their spans to be made.
_MAX_WAITING = 10_000
Note = PlanStarted | BranchHedged | BranchRetry | BranchFallback | Selected


class StepRetried(msgspec.Struct, frozen=True, kw_only=True):
    """Attempt number `attempt` of a step failed with `code`, `at_s` after the call began; another one follows."""

    at_s: float
    attempt: int
    delay_s: float
    code: str


class StepNote(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a flow that has ended: its path, what did it, how. Times are seconds since the call began."""

    step: str
    executor: str
    state: State
    began_s: float
    ended_s: float
    attempts: int = 1
    cost_microusd: int | None = None
    cached: bool = False
    code: str | None = None
    retries: tuple[StepRetried, ...] = ()


class CallTrace:
    """A live object: one call's place in its trace, and what its spans will say.

    `place` is the call's own span; `traceparent` and `context` are to be sent upstream. `sink` and `end` cost about a
    microsecond; spans are made in another thread.
    """

    __slots__ = ("_finish", "notes", "parent", "place", "steps", "tracestate")

    def __init__(
        self, finish: "Tracing | None", place: TraceParent, parent: TraceParent | None, tracestate: str
    ) -> None:
        self._finish = finish
        self.place = place
        self.parent = parent
        self.tracestate = tracestate
        self.notes: list[Note] = []
        self.steps: list[StepNote] = []

    @property
    def traceparent(self) -> str:
        """The header that makes an upstream's spans children of this call."""
        return str(self.place)

    @property
    def context(self) -> TraceContext:
        """The headers to send upstream."""
        return TraceContext(traceparent=str(self.place), tracestate=self.tracestate)

    @property
    def trace_id(self) -> str:
        """The trace this call belongs to, also when it is not sampled."""
        return self.place.trace_id

    def sink(self, event: Event) -> None:
        """Take an event into account: plans, retries and selections; the rest is in the record."""
        if self._finish is not None and isinstance(event, Note):
            self.notes.append(event)

    @property
    def is_kept(self) -> bool:
        """Whether spans are made of it."""
        return self._finish is not None

    def step(self, note: StepNote) -> None:
        """Take note of a step of a flow that has ended."""
        if self._finish is not None:
            self.steps.append(note)

    def end(self, record: RunRecord) -> None:
        """Hand over what is known at the end of the call; the second time does nothing."""
        finish, self._finish = self._finish, None
        if finish is not None:
            finish.write_later(self, record)


class Tracing:
    """A live object: makes the spans of sampled calls and sends them in batches, OTLP over HTTP.

    `endpoint` is the collector's address without a path; `sample` the share of traces kept where the caller has not
    decided; `kinds` the types of providers by the names that the operator gave them. Raises `Misconfigured` when the
    extra `otel` is not installed. `dropped` counts calls whose spans were not made because the thread that makes them
    is behind.
    """

    def __init__(
        self,
        *,
        endpoint: str,
        service: str,
        ids: random.Random,
        sample: float = 1.0,
        version: str = "",
        redact: Redactor | None = None,
        kinds: Mapping[str, str] | None = None,
        exporter: "SpanExporter | None" = None,
    ) -> None:
        self._writer = _span_writer(endpoint, service, version, redact or Redactor(), kinds or {}, exporter)
        self._ids = ids
        self._sample = sample
        self._queue: queue.SimpleQueue[tuple[CallTrace, RunRecord] | None] = queue.SimpleQueue()
        self.dropped = 0
        self._thread = threading.Thread(target=self._work, name="quorate-spans", daemon=True)
        self._thread.start()

    def begin(self, trace: TraceContext | None) -> CallTrace:
        """Return the trace of a new call, below the caller's if it sent one; about 3 us."""
        parent = parse_traceparent(trace.traceparent) if trace is not None else None
        if parent is None:
            root = new_traceparent(self._ids, sampled=self._ids.random() < self._sample)
            return CallTrace(self if root.sampled else None, root, None, "")
        tracestate = trace.tracestate if trace is not None else ""
        return CallTrace(self if parent.sampled else None, parent.child(self._ids), parent, tracestate)

    def write_later(self, call: CallTrace, record: RunRecord) -> None:
        """Pass a finished call to the thread that makes spans; never blocks."""
        if self._queue.qsize() >= _MAX_WAITING:
            self.dropped += 1
        else:
            self._queue.put((call, record))

    def close(self, timeout_s: float) -> None:
        """Send what waits; gives up after about `timeout_s`. Blocking."""
        self._queue.put(None)
        self._thread.join(timeout_s)
        self._writer.close(timeout_s)

    def _work(self) -> None:
        while (item := self._queue.get()) is not None:
            try:
                self._writer.write(*item)
            except Exception:  # noqa: BLE001 - a span that cannot be made must not end the thread that makes the others
                _log.exception("the spans of a call could not be made")


def _span_writer(
    endpoint: str,
    service: str,
    version: str,
    redact: Redactor,
    kinds: Mapping[str, str],
    exporter: "SpanExporter | None",
) -> "SpanWriter":
    try:
        # optional dependency: the extra `otel`; 0.3 s
        from quorate.telemetry.spans import SpanWriter, otlp_exporter  # noqa: PLC0415
    except ImportError as error:
        raise Misconfigured(
            f"tracing is enabled and {error.name!r} is not installed; pip install 'quorate[otel]', or set"
            " telemetry.tracing.enabled to false"
        ) from error
    chosen = exporter if exporter is not None else otlp_exporter(endpoint)
    return SpanWriter(chosen, service=service, version=version, redact=redact, kinds=kinds)
