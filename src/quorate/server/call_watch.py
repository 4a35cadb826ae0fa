"""One call from its admission to its record: the events, the trace, the metrics, the row."""

import random
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from quorate.core.clock import Deadline
from quorate.core.errors import QuorateError
from quorate.core.ids import RunId
from quorate.engine.charges import charged
from quorate.engine.recorder import Recorder
from quorate.model.call import Call, TraceContext
from quorate.model.completion import Delta
from quorate.model.event import EventSink, State, fan_out, ignore_events
from quorate.model.ledger import LedgerLine
from quorate.model.run import BranchRecord, RunRecord
from quorate.model.usage import NOTHING, Budget
from quorate.server.kept_answer import kept_answer
from quorate.server.step_spans import StepSpans
from quorate.wire.stream import Joiner

if TYPE_CHECKING:
    from quorate.access.principal import Principal
    from quorate.server.services import Services
    from quorate.telemetry.tracing import CallTrace

CLIENT_GONE = 499
#: What is known of a call to which nobody listened; never told of anything.
_UNHEARD = Recorder()
#: The mode, in the record, of a call that asked nobody.
DRY_RUN = "dry_run"


class CallWatch:
    """Makes the `Call` and, when it is over, the one record of it; a live object.

    `began_at_s` is the Unix time at which it began. `branch` is set where one endpoint answers alone; else the branches
    are gathered from events. `first_token_s` is when the first piece of the answer was passed on, in seconds since it
    began; `None` where it is not streamed. The caller's `timeout_s` counts where it is less than the gateway's own.
    `dry_run` marks the record of a call that asks nobody; `record_id` is that of a record which is not the first one of
    its call, and is then a child of that; `paid` is what of the call's spend is in another record.
    `end` has to be called exactly once, whatever happened; it
    never waits and never raises.
    """

    __slots__ = (
        "_began_s",
        "_operation",
        "_principal",
        "_recorder",
        "_said",
        "_services",
        "_steps",
        "_trace",
        "answer",
        "began_at_s",
        "branch",
        "call",
        "dry_run",
        "first_token_s",
        "model",
        "paid",
        "prompt",
        "record_id",
        "request_id",
        "stream",
    )

    def __init__(
        self,
        services: "Services",
        principal: "Principal",
        *,
        run_id: str,
        request_id: str,
        operation: str,
        model: str,
        stream: bool,
        trace: TraceContext | None,
        timeout_s: float | None = None,
    ) -> None:
        self._services = services
        self._principal = principal
        self._operation = operation
        self.request_id = request_id
        self.model = model
        self.stream = stream
        self.prompt: str | None = None
        self.answer: str | None = None
        self.branch: BranchRecord | None = None
        self.first_token_s: float | None = None
        self.dry_run = False
        self.record_id: str | None = None
        self.paid = NOTHING
        clock = services.clock
        self.began_at_s = clock.unix_s()
        self._began_s = clock.monotonic()
        self._recorder: Recorder | None = None
        self._said: Joiner | None = None
        self._trace: CallTrace | None = None
        limit_s = services.settings.request_timeout_s
        if timeout_s is not None and timeout_s < limit_s:
            limit_s = timeout_s
        sink: EventSink = ignore_events
        if services.tracing is not None:
            self._trace = begun = services.tracing.begin(trace)
            trace = begun.context
            sink = begun.sink
        self.call = Call(
            id=RunId(run_id),
            clock=clock,
            started_s=self._began_s,
            deadline=Deadline(clock=clock, at=self._began_s + limit_s),
            tenant=principal.tenant,
            principal=principal.key_id or "local",
            budget=Budget(services.defaults.max_cost_microusd),
            trace=trace,
            sink=sink,
            seed=random.getrandbits(63),
        )
        self._steps: StepSpans | None = None
        if self._trace is not None and self._trace.is_kept:
            self._steps = StepSpans(self._trace, self.call)
            self.add_sink(self._steps)

    @property
    def recorder(self) -> Recorder:
        """What gathers the branches; made when it is first asked for: an endpoint that answers alone needs none."""
        if self._recorder is None:
            self._recorder = Recorder()
        return self._recorder

    def listen(self) -> None:
        """Gather the branches from events, from now on: where more than one endpoint answers."""
        self.add_sink(self.recorder)

    def add_sink(self, sink: EventSink) -> None:
        """Have one more sink told of every event from now on."""
        before = self.call.sink
        both = sink if before is ignore_events else fan_out(before, sink)
        self.call = msgspec.structs.replace(self.call, sink=both)

    def heard(self, delta: Delta) -> None:
        """Take note of a piece of the answer that is about to be passed on."""
        if self._services.keeps_texts:
            self._said = self._said or Joiner()
            self._said.add(delta.chunk)
        if self.first_token_s is None and delta.says_something:
            self.first_token_s = self.call.at_s

    def ledger(self) -> tuple[LedgerLine, ...]:
        """Return a line for everything that was charged by now."""
        return charged(self.call, model=self.model, at_s=self.began_at_s + self.call.at_s)

    def end(
        self, *, status: int, error: QuorateError | None, route: str, client: str, lines: Sequence[LedgerLine] = ()
    ) -> RunRecord:
        """Make the record of the call and give it to whoever keeps, counts or sends it; `lines` go into it as well."""
        services, recorder, call = self._services, self._recorder or _UNHEARD, self.call
        began_at_s, duration_s, first_s = self.began_at_s, call.at_s, self.first_token_s
        spent = call.budget.spend
        spend = spent if self.paid is NOTHING else spent.since(self.paid)
        usage = spend.usage
        record = RunRecord(
            id=self.record_id or call.id,
            parent_id=None if self.record_id is None else call.id,
            tenant=call.tenant,
            key_id=self._principal.key_id,
            request_id=self.request_id,
            operation=self._operation,
            model=self.model,
            mode=DRY_RUN if self.dry_run else recorder.mode,
            state=_state(status, error),
            status=status,
            stream=self.stream,
            started_at_s=began_at_s,
            finished_at_s=began_at_s + duration_s,
            first_token_at_s=None if first_s is None else began_at_s + first_s,
            prompt_tokens=usage.prompt_tokens,
            completion_tokens=usage.completion_tokens,
            cached_tokens=usage.cached_tokens,
            reasoning_tokens=usage.reasoning_tokens,
            cost_microusd=spend.cost_microusd,
            estimated=spend.estimated,
            agreement=recorder.agreement,
            agreement_kind=recorder.agreement_kind,
            weighting=recorder.weighting,
            error_code=None if error is None else error.code,
            trace_id=call.trace.traceparent[3:35] if call.trace is not None else None,
            prompt=self.prompt,
            answer=self.answer if self._said is None else kept_answer(self._said.response()),
            branches=self._branches(recorder, duration_s),
            ledger=(*self.ledger(), *lines),
        )
        services.writer.put(record)
        if services.metrics is not None:
            services.metrics.observe(record)
        if self._trace is not None:
            if self._steps is not None:
                self._steps.close()
            self._trace.end(record)
        if services.request_log is not None:
            services.request_log.line(record, route=route, client=client)
        return record

    def _branches(self, recorder: Recorder, duration_s: float) -> tuple[BranchRecord, ...]:
        """Return the one branch, or those of a plan; where fallbacks took over from the one, it begins their plan."""
        if self.branch is not None and not recorder.fallbacks:
            return (self.branch,)
        gathered = recorder.branches(self.began_at_s, duration_s, self._services.provider_of)
        return gathered if self.branch is None else (self.branch, *gathered[1:])


def _state(status: int, error: QuorateError | None) -> State:
    if status == CLIENT_GONE:
        return State.CANCELLED
    return State.FINISHED if error is None else State.FAILED
