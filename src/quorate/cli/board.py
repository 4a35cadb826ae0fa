"""What a running question looks like, from its events: one row per branch, the agreement, the choice."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from quorate.model import Event, State
from quorate.model.event import (
    AgreementUpdated,
    BranchCancelled,
    BranchDelta,
    BranchEvent,
    BranchFailed,
    BranchFallback,
    BranchFinished,
    BranchFirstToken,
    BranchHedged,
    BranchRetry,
    BranchStarted,
    PlanStarted,
    Selected,
    Warned,
)
from quorate.parallel.progress import Progress


@dataclass(slots=True, kw_only=True)
class Row:
    """A live line of the board: one branch. Times are seconds since the question was asked.

    `cost_microusd` is `None` while or when it is not known, `tokens` are those of the answer.
    """

    branch: str
    model: str = ""
    state: State = State.PENDING
    started_s: float | None = None
    first_token_s: float | None = None
    latency_s: float | None = None
    tokens: int | None = None
    cost_microusd: int | None = None
    settled: bool = False
    retries: int = 0
    note: str = ""
    text: str = ""

    @property
    def depth(self) -> int:
        """How many ensembles it is inside of."""
        return self.branch.count("/")


@dataclass(slots=True, kw_only=True)
class Agreement:
    """The live agreement of the outermost plan: `answered` of `total` branches have answered."""

    score: float
    kind: str
    answered: int
    total: int


@dataclass(slots=True, kw_only=True)
class Board:
    """A live event sink that knows how far a question is. `elapsed_s` runs by the clock passed in."""

    monotonic: Callable[[], float] = time.monotonic
    rows: dict[str, Row] = field(default_factory=dict[str, Row])
    agreement: Agreement | None = None
    selected: Selected | None = None
    warnings: list[str] = field(default_factory=list[str])
    mode: str = ""
    progress: Progress = field(default_factory=Progress)
    _began_s: float = 0.0

    def __post_init__(self) -> None:
        self._began_s = self.monotonic()

    @property
    def elapsed_s(self) -> float:
        """Seconds since the board was made."""
        return self.monotonic() - self._began_s

    @property
    def spent_microusd(self) -> int:
        """What is known to have been spent so far; inner branches are part of their outer one."""
        return sum(row.cost_microusd or 0 for row in list(self.rows.values()) if not row.depth)

    @property
    def unpriced(self) -> bool:
        """Whether the cost of a branch that ended is not known."""
        return any(row.settled and row.cost_microusd is None for row in list(self.rows.values()))

    def __call__(self, event: Event) -> None:
        """Take an event into account."""
        self.progress(event)
        match event:
            case PlanStarted():
                self._plan(event)
            case BranchEvent():
                self._branch(event)
            case AgreementUpdated(path=""):
                self.agreement = Agreement(
                    score=event.score, kind=event.kind, answered=event.answered, total=event.total
                )
            case Selected(path=""):
                self.selected = event
            case Warned() if event.message not in self.warnings:
                self.warnings.append(event.message)
            case _:
                pass

    def _plan(self, event: PlanStarted) -> None:
        new = {branch: self.rows.get(branch) or Row(branch=branch) for branch in event.branches}
        if not event.path:
            self.mode = event.mode
            self.rows = new
            return
        rows: dict[str, Row] = {}
        for name, row in self.rows.items():
            rows[name] = row
            if name == event.path:  # the members of an inner ensemble stand below it
                rows |= new
        self.rows = rows | new

    def _branch(self, event: BranchEvent) -> None:
        row = self.rows.setdefault(event.branch, Row(branch=event.branch))
        row.model = event.model
        match event:
            case BranchStarted():
                row.state, row.started_s = State.RUNNING, event.at_s
            case BranchFirstToken():
                row.first_token_s = event.at_s - (row.started_s or 0.0)
            case BranchDelta():
                row.text += event.text
            case BranchRetry():
                row.retries, row.text = row.retries + 1, ""
                row.note = f"retry {event.attempt}: {event.message}"
            case BranchFallback():
                row.text, row.note = "", f"{event.to} stands in: {event.message}"
            case BranchHedged():
                row.note = f"late after {event.after_s:.2g} s: {event.hedge} asked as well"
            case BranchFinished():
                row.tokens, row.note = event.completion_tokens, ""
                self._settle(row, State.FINISHED, event.latency_s, event.cost_microusd)
            case BranchFailed():
                row.note = event.message
                self._settle(row, State.FAILED, event.latency_s, event.cost_microusd)
            case BranchCancelled():
                row.note = event.reason
                self._settle(row, State.CANCELLED, event.latency_s, event.cost_microusd)
            case _:
                pass

    def _settle(self, row: Row, state: State, latency_s: float, cost_microusd: int | None) -> None:
        row.state, row.latency_s, row.cost_microusd, row.settled = state, latency_s, cost_microusd, True
