"""What a run of a flow looks like while it runs, from its events: one row per step."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from quorate.flows.event import (
    FlowFinished,
    FlowStarted,
    StepDelta,
    StepEnded,
    StepEvent,
    StepFailed,
    StepFinished,
    StepRetry,
    StepSkipped,
    StepStarted,
)
from quorate.model import Event

_TAIL = 200


@dataclass(slots=True, kw_only=True)
class FlowRow:
    """A live line of the board: one step by its path. Times are seconds since the run began."""

    path: str
    state: str = "waiting"
    executor: str = ""
    started_s: float | None = None
    latency_s: float | None = None
    cost_microusd: int | None = None
    settled: bool = False
    note: str = ""

    @property
    def depth(self) -> int:
        """How many steps it is inside of."""
        return self.path.count("/") + self.path.count("[")


@dataclass(slots=True, kw_only=True)
class FlowBoard:
    """A live event sink that knows how far a run is. `elapsed_s` runs by the clock passed in."""

    monotonic: Callable[[], float] = time.monotonic
    rows: dict[str, FlowRow] = field(default_factory=dict[str, FlowRow])
    percent: float = 0.0
    status: str = ""
    _began_s: float = 0.0

    def __post_init__(self) -> None:
        self._began_s = self.monotonic()

    @property
    def elapsed_s(self) -> float:
        """Seconds since the board was made."""
        return self.monotonic() - self._began_s

    @property
    def spent_microusd(self) -> int:
        """What is known to have been spent so far; what is inside a step is part of it once that has ended."""
        rows = list(self.rows.values())
        over = {row.path for row in rows if row.settled}
        return sum(row.cost_microusd or 0 for row in rows if not any(_is_inside(row.path, each) for each in over))

    def __call__(self, event: Event) -> None:
        """Take an event into account."""
        match event:
            case FlowStarted():
                self.rows = {path: self.rows.get(path) or FlowRow(path=path) for path in event.steps}
            case StepEvent():
                self._step(event)
            case FlowFinished():
                self.status = event.status
            case _:
                pass

    def _step(self, event: StepEvent) -> None:
        row = self._row(event.step)
        if isinstance(event, StepEnded):
            self.percent, row.settled = max(self.percent, event.percent), True
        match event:
            case StepStarted():
                row.state, row.executor = "running", event.executor
                row.started_s = event.at_s if row.started_s is None else row.started_s
            case StepDelta():
                row.note = (row.note + event.text)[-_TAIL:]
            case StepRetry():
                row.note = f"attempt {event.attempt} failed: {event.message}"
            case StepFinished():
                row.state, row.latency_s, row.cost_microusd = "succeeded", event.latency_s, event.cost_microusd
                row.note = f"{event.handled_by} stands in" if event.handled_by else "cached" if event.cached else ""
            case StepFailed():
                row.state, row.latency_s, row.cost_microusd = "failed", event.latency_s, event.cost_microusd
                row.note = event.message
            case StepSkipped():
                row.state, row.note = "skipped", event.reason
            case _:
                pass

    def _row(self, path: str) -> FlowRow:
        """Return the row of a step; a new one stands behind the last that is inside the same step."""
        if (row := self.rows.get(path)) is not None:
            return row
        row = FlowRow(path=path)
        rows: dict[str, FlowRow] = {}
        within = [each for each in self.rows if _is_inside(path, each)]
        around = max(within, key=len, default=None)
        behind = [each for each in self.rows if around is not None and (each == around or _is_inside(each, around))]
        for each, known in self.rows.items():
            rows[each] = known
            if behind and each == behind[-1]:
                rows[path] = row
        self.rows = rows if behind else {**rows, path: row}
        return row


def _is_inside(path: str, other: str) -> bool:
    return path.startswith((f"{other}/", f"{other}["))
