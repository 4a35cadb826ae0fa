"""What happened in one call, gathered from its events."""

from collections.abc import Callable
from dataclasses import dataclass

from quorate.model.event import (
    AgreementUpdated,
    BranchCancelled,
    BranchFailed,
    BranchFinished,
    BranchFirstToken,
    BranchHedged,
    BranchRetry,
    BranchStarted,
    Event,
    PlanStarted,
    Selected,
    State,
)
from quorate.model.run import BranchRecord


@dataclass(slots=True)
class _Branch:
    started: BranchStarted
    end: BranchFinished | BranchFailed | BranchCancelled | None = None
    first_token_s: float | None = None
    retries: int = 0
    hedges: int = 0


class Recorder:
    """An event sink that knows, at any time, what a call's branches did; a live object.

    `agreement`, its `agreement_kind`, `mode` and `selected` are those of the outermost plan; `single` says that this
    plan only stands for one model.
    """

    __slots__ = ("_branches", "_latest", "_plans", "agreement", "agreement_kind", "mode", "selected", "single")

    def __init__(self) -> None:
        self._branches: list[_Branch] = []
        # By path and model, for a path alone may be that of two: of `a/b`, and of the member `b` of the ensemble `a`.
        self._latest: dict[tuple[str, str], _Branch] = {}
        self._plans: set[str] = set()
        self.mode = "single"
        self.single = False
        self.agreement: float | None = None
        self.agreement_kind: str | None = None
        self.selected: str | None = None

    def __call__(self, event: Event) -> None:
        """Take an event into account."""
        match event:
            case BranchStarted():
                self._start(event)
            case BranchFinished() | BranchFailed() | BranchCancelled():
                self._end(event)
            case BranchFirstToken():
                self._first_token(event)
            case BranchRetry():
                self._retry(event)
            case BranchHedged():
                self._hedge(event)
            case PlanStarted():
                self._plan(event)
            case AgreementUpdated() if not event.path:
                self.agreement, self.agreement_kind = event.score, event.kind
            case Selected() if not event.path:
                self.selected = event.branch or "synthesiser"
            case _:
                pass

    def branches(self, began_at_s: float, now_s: float, provider_of: Callable[[str], str]) -> tuple[BranchRecord, ...]:
        """Return what every branch did, in the order they began.

        Where an ensemble was asked again, its branches are there once for each time: all of them were paid.
        `began_at_s` is the Unix time at which the call began, `now_s` how long ago that is: a branch without an end
        ended now.
        """
        return tuple(self._record(branch, began_at_s, now_s, provider_of) for branch in self._branches)

    def _record(
        self, branch: _Branch, began_at_s: float, now_s: float, provider_of: Callable[[str], str]
    ) -> BranchRecord:
        started, end = branch.started, branch.end
        path = started.branch
        first_s = branch.first_token_s
        return BranchRecord(
            branch=path,
            model=started.model,
            provider=provider_of(started.model),
            state=_state(end),
            started_at_s=began_at_s + started.at_s,
            finished_at_s=began_at_s + (now_s if end is None else end.at_s),
            first_token_at_s=None if first_s is None else began_at_s + first_s,
            group=started.group,
            attempts=max(branch.retries + 1, 1 if end is None else end.attempts) + branch.hedges,
            prompt_tokens=0 if end is None else end.prompt_tokens,
            completion_tokens=0 if end is None else end.completion_tokens,
            cost_microusd=0 if end is None else end.cost_microusd,
            estimated=end is not None and end.estimated,
            selected=path == self.selected,
            leaf=path not in self._plans,
            error_code=end.code if isinstance(end, BranchFailed) else None,
        )

    def _start(self, event: BranchStarted) -> None:
        self._latest[event.branch, event.model] = branch = _Branch(event)
        self._branches.append(branch)

    def _plan(self, event: PlanStarted) -> None:
        self._plans.add(event.path)
        if not event.path and not self.single:
            self.mode = event.mode

    def _first_token(self, event: BranchFirstToken) -> None:
        branch = self._latest.get((event.branch, event.model))
        if branch is not None:
            branch.first_token_s = event.at_s

    def _retry(self, event: BranchRetry) -> None:
        branch = self._latest.get((event.branch, event.model))
        if branch is not None:
            branch.retries += 1

    def _hedge(self, event: BranchHedged) -> None:
        branch = self._latest.get((event.branch, event.model))
        if branch is not None:
            branch.hedges += 1

    def _end(self, event: BranchFinished | BranchFailed | BranchCancelled) -> None:
        branch = self._latest.get((event.branch, event.model))
        if branch is not None:
            branch.end = event


def _state(end: BranchFinished | BranchFailed | BranchCancelled | None) -> State:
    match end:
        case BranchFinished():
            return State.FINISHED
        case BranchFailed():
            return State.FAILED
        case _:
            return State.CANCELLED
