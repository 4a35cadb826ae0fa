"""What happened in one call, gathered from its events."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from quorate.model.event import (
    AgreementUpdated,
    BranchCancelled,
    BranchFailed,
    BranchFallback,
    BranchFinished,
    BranchFirstToken,
    BranchHedged,
    BranchRetry,
    BranchStarted,
    Event,
    PlanStarted,
    Selected,
    State,
    Vote,
)
from quorate.model.run import BranchRecord

#: Selectors whose answer is that of a call of their own -> the name of that call.
_WRITERS = {"synthesis": "synthesiser"}
_End = BranchFinished | BranchFailed | BranchFallback | BranchCancelled


@dataclass(slots=True)
class _Branch:
    """One model's part in a branch; `before` is where the model it stands in for gave up, with the counts so far.

    `place` says which plan it is of, in the order they began, and where in it.
    """

    started: BranchStarted
    before: BranchFallback | None = None
    place: tuple[int, int] | None = None
    end: _End | None = None
    first_token_s: float | None = None
    retries: int = 0
    hedges: int = 0
    leaf: bool | None = None

    @property
    def attempts(self) -> int:
        """How often the model was asked; a model that is a plan counts what its end says."""
        if self.before is not None or self.end is None or isinstance(self.end, BranchFallback):
            return self.retries + 1 + self.hedges
        return max(self.retries + 1, self.end.attempts) + self.hedges

    def tokens(self, name: Literal["prompt_tokens", "completion_tokens"]) -> int:
        """Return what this model used."""
        used = 0 if self.end is None else getattr(self.end, name)
        return used - (0 if self.before is None else getattr(self.before, name))

    @property
    def cost_microusd(self) -> int | None:
        """What this model cost; `None` if that is not known."""
        cost = 0 if self.end is None else self.end.cost_microusd
        before = 0 if self.before is None else self.before.cost_microusd
        return None if cost is None or before is None else cost - before


class Recorder:
    """An event sink that knows, at any time, what a call's branches did; a live object.

    `agreement`, its `agreement_kind`, `weighting`, `mode` and `selected` are those of the outermost plan;
    `single` says that this plan only stands for one model. `fallbacks` are the models that others were asked in place
    of, in order.
    """

    __slots__ = (
        "_branches",
        "_latest",
        "_places",
        "_plans",
        "_votes",
        "agreement",
        "agreement_kind",
        "fallbacks",
        "mode",
        "selected",
        "single",
        "weighting",
    )

    def __init__(self) -> None:
        self._branches: list[_Branch] = []
        # By path and model, for a path alone may be that of two: of `a/b`, and of the member `b` of the ensemble `a`.
        self._latest: dict[tuple[str, str], _Branch] = {}
        self._places: dict[str, tuple[int, int]] = {}
        self._plans: set[str] = set()
        self._votes: dict[str, Vote] = {}
        self.fallbacks: list[BranchFallback] = []
        self.mode = "single"
        self.single = False
        self.agreement: float | None = None
        self.agreement_kind: str | None = None
        self.weighting: str | None = None
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
            case BranchFallback():
                self._fall_back(event)
            case BranchHedged():
                self._hedge(event)
            case PlanStarted():
                self._plan(event)
            case AgreementUpdated() if not event.path:
                self.agreement, self.agreement_kind = event.score, event.kind
            case Selected() if not event.path:
                self.selected, self.weighting = event.branch or _WRITERS.get(event.method), event.weighting
                self._votes = {vote.branch: vote for vote in event.votes}
            case _:
                pass

    def branches(self, began_at_s: float, now_s: float, provider_of: Callable[[str], str]) -> tuple[BranchRecord, ...]:
        """Return what every branch did: in the order they began, those of one plan as they stand in it.

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
        # Of a branch in which one model stood in for another, the one that answered has voted.
        vote = self._votes.get(path) if isinstance(end, BranchFinished) else None
        return BranchRecord(
            branch=path,
            model=started.model,
            provider=provider_of(started.model),
            state=_state(end),
            started_at_s=began_at_s + started.at_s,
            finished_at_s=began_at_s + (now_s if end is None else end.at_s),
            first_token_at_s=None if first_s is None else began_at_s + first_s,
            group=started.group,
            attempts=branch.attempts,
            prompt_tokens=branch.tokens("prompt_tokens"),
            completion_tokens=branch.tokens("completion_tokens"),
            cost_microusd=branch.cost_microusd,
            estimated=end is not None and end.estimated,
            selected=path == self.selected and not isinstance(end, BranchFallback),
            leaf=path not in self._plans if branch.leaf is None else branch.leaf,
            error_code=end.code if isinstance(end, BranchFailed | BranchFallback) else None,
            cluster=None if vote is None else vote.cluster,
            vote=None if vote is None else vote.weight,
        )

    def _start(self, event: BranchStarted) -> None:
        branch = _Branch(event, place=self._places.get(event.branch))
        self._latest[event.branch, event.model] = branch
        self._branches.insert(self._position(branch), branch)

    def _position(self, branch: _Branch) -> int:
        """Return where it belongs: a plan may begin with its slowest branch, and is told as it was written."""
        if branch.place is not None:
            plan, place = branch.place
            for position, other in enumerate(self._branches):
                if other.place is not None and other.place[0] == plan and other.place[1] > place:
                    return position
        return len(self._branches)

    def _plan(self, event: PlanStarted) -> None:
        number = 1 + max((number for number, _ in self._places.values()), default=0)
        self._places.update((path, (number, place)) for place, path in enumerate(event.branches))
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

    def _fall_back(self, event: BranchFallback) -> None:
        """End the part of a model that gave up; what follows in the branch is of the one that stands in for it."""
        self.fallbacks.append(event)
        path = event.branch
        failed = self._latest.get((path, event.model))
        if failed is None:
            return
        failed.end = event
        failed.leaf = path not in self._plans
        self._plans.discard(path)
        started = BranchStarted(
            call_id=event.call_id, at_s=event.at_s, branch=path, model=event.to, group=failed.started.group
        )
        branch = _Branch(started, before=event)
        self._branches.append(branch)
        self._latest |= dict.fromkeys([key for key, latest in self._latest.items() if latest is failed], branch)
        self._latest[path, event.to] = branch

    def _hedge(self, event: BranchHedged) -> None:
        branch = self._latest.get((event.branch, event.model))
        if branch is not None:
            branch.hedges += 1

    def _end(self, event: BranchFinished | BranchFailed | BranchCancelled) -> None:
        branch = self._latest.get((event.branch, event.model))
        if branch is not None:
            branch.end = event


def _state(end: _End | None) -> State:
    match end:
        case BranchFinished():
            return State.FINISHED
        case BranchFailed() | BranchFallback():
            return State.FAILED
        case _:
            return State.CANCELLED
