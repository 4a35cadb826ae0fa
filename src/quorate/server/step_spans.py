"""From the events of a flow's steps to what the spans of its trace say."""

from typing import TYPE_CHECKING

from quorate.flows.event import StepFailed, StepFinished, StepRetry, StepSkipped, StepStarted
from quorate.model.event import Event, State
from quorate.telemetry.tracing import StepNote, StepRetried

if TYPE_CHECKING:
    from quorate.model.call import Call
    from quorate.telemetry.tracing import CallTrace


class StepSpans:
    """An event sink for one call; a live object. Steps that began and have not ended when it is closed were cut off.

    Times are when it hears of things, in seconds since the call began: events count from the beginning of their run.
    """

    __slots__ = ("_begun", "_call", "_retries", "_trace")

    def __init__(self, trace: "CallTrace", call: "Call") -> None:
        self._trace = trace
        self._call = call
        self._begun: dict[str, tuple[float, str]] = {}
        self._retries: dict[str, list[StepRetried]] = {}

    def __call__(self, event: Event) -> None:
        """Take an event into account."""
        match event:
            case StepStarted():
                self._begun.setdefault(event.step, (self._call.at_s, event.executor))
            case StepRetry():
                retried = StepRetried(
                    at_s=self._call.at_s, attempt=event.attempt, delay_s=event.delay_s, code=event.code
                )
                self._retries.setdefault(event.step, []).append(retried)
            case StepFinished():
                self._end(event, State.FINISHED, cached=event.cached)
            case StepFailed():
                self._end(event, State.FAILED, code=event.code)
            case StepSkipped():
                self._begun.pop(event.step, None)
            case _:
                pass

    def close(self) -> None:
        """Have the steps end that nothing more is heard of."""
        for step, (began_s, executor) in self._begun.items():
            note = StepNote(
                step=step,
                executor=executor,
                state=State.CANCELLED,
                began_s=began_s,
                ended_s=self._call.at_s,
                retries=tuple(self._retries.get(step, ())),
            )
            self._trace.step(note)
        self._begun.clear()

    def _end(
        self, event: StepFinished | StepFailed, state: State, *, cached: bool = False, code: str | None = None
    ) -> None:
        now_s = self._call.at_s
        began_s, executor = self._begun.pop(event.step, (max(0.0, now_s - event.latency_s), ""))
        note = StepNote(
            step=event.step,
            executor=executor,
            state=state,
            began_s=began_s,
            ended_s=now_s,
            attempts=event.attempts,
            cost_microusd=event.cost_microusd,
            cached=cached,
            code=code,
            retries=tuple(self._retries.pop(event.step, ())),
        )
        self._trace.step(note)
