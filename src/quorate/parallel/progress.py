"""Progress of a plan from its events: a branch counts by its weight, half while it runs, whole when it has settled."""

from quorate.model import Event, State
from quorate.model.event import (
    BranchCancelled,
    BranchEvent,
    BranchFailed,
    BranchFinished,
    BranchStarted,
    PlanStarted,
    Selected,
)

_STATES: dict[type[BranchEvent], State] = {
    BranchStarted: State.RUNNING,
    BranchFinished: State.FINISHED,
    BranchFailed: State.FAILED,
    BranchCancelled: State.CANCELLED,
}
_DONE = {State.PENDING: 0.0, State.RUNNING: 0.5}


class Progress:
    """An event sink for the plan at `path` (empty: the outermost); `percent` is 0 to 100 and never falls."""

    def __init__(self, path: str = "") -> None:
        self._path = path
        self._weights: dict[str, float] = {}
        self._percent = 0.0
        self.states: dict[str, State] = {}

    def __call__(self, event: Event) -> None:
        """Take an event into account."""
        if isinstance(event, PlanStarted) and event.path == self._path:
            self._weights = dict(zip(event.branches, event.weights, strict=True))
            self.states = dict.fromkeys(event.branches, State.PENDING)
        elif isinstance(event, BranchEvent):
            state = _STATES.get(type(event))
            if state is not None and event.branch in self.states:
                self.states[event.branch] = state
        elif isinstance(event, Selected) and event.path == self._path:
            self._percent = 100.0
        done = sum(self._weights[branch] * _DONE.get(state, 1.0) for branch, state in self.states.items())
        self._percent = max(self._percent, 100.0 * done)

    @property
    def percent(self) -> float:
        """How much of the plan is done; 100 once the answer is chosen."""
        return min(100.0, self._percent)
