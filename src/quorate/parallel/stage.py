"""A stage of a plan: groups one after another, the branches of a group in parallel, until the stop rule says enough."""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby

from quorate.consensus import Agreement, Answer, Panel
from quorate.core.errors import DeadlineExceeded, QuorateError
from quorate.model import Call, Outcome, State
from quorate.model.event import AgreementUpdated, BranchCancelled
from quorate.parallel.ask import branch_request
from quorate.parallel.branch import Branch
from quorate.parallel.live import Live
from quorate.parallel.plan import FailureStrategy, Mode, Plan
from quorate.parallel.run_branch import BranchRun
from quorate.parallel.stop import Standing, Stopped, min_models, stop_rule
from quorate.resilience.resilient import is_held_back
from quorate.wire.chat import ChatRequest

_NOT_NEEDED = "the answer was settled before its turn"
#: Why an answer is not the whole answer.
_UNFINISHED = frozenset({"length", "content_filter"})
#: A single answer agrees with nobody, so it is not even read until there is a second one.
_COMPARABLE = 2


@dataclass(slots=True, kw_only=True)
class Stage:
    """A live object: runs `branches` on `request`.

    After `run`, `outcomes` holds one outcome for every branch, by its index. A failed branch is an outcome like any
    other; with `fail_fast` the first one ends the stage and `failure` is its error. `live` passes on the pieces of
    the one branch that may speak: the first with a token in a race for one answer, or the only branch there is.
    `taken` are the models that run in the plan, to which those are added that stand in for one.
    """

    plan: Plan
    branches: Sequence[Branch]
    request: ChatRequest
    call: Call
    taken: set[str]
    live: Live | None = None
    outcomes: dict[int, Outcome] = field(default_factory=dict[int, Outcome])
    agreement: Agreement | None = None
    stopped: Stopped = Stopped.ALL_SETTLED
    failure: QuorateError | None = None
    critical_path_s: float = 0.0
    _runs: dict[int, tuple[BranchRun, asyncio.Task[None]]] = field(
        default_factory=dict[int, tuple[BranchRun, asyncio.Task[None]]]
    )
    _done: asyncio.Queue[int] = field(default_factory=asyncio.Queue[int])
    _panel: Panel = field(init=False)
    _unread: list[Outcome] = field(default_factory=list[Outcome])
    _counted: set[int] = field(default_factory=set[int])
    _answered: int = 0
    _speaker: int | None = None

    def __post_init__(self) -> None:
        """Begin an empty panel for the stage's question."""
        self._panel = Panel(self.request.prompt_text, kind=self.plan.kind, threshold=self.plan.threshold)

    @property
    def answers(self) -> list[Outcome]:
        """The answers to choose from, in plan order: those the stop rule saw; once one has spoken, only that one."""
        return [
            outcome
            for index, outcome in sorted(self.outcomes.items())
            if outcome.ok and index in self._counted and self._speaker in (None, index)
        ]

    async def run(self) -> None:
        """Run group after group until the rule is met or every branch has settled."""
        for _, group in groupby(self.branches, key=lambda branch: branch.group):
            members = list(group)
            enough = await self._run_group(members)
            self.critical_path_s += max(
                (self.outcomes[b.index].latency_s for b in members if self._counts(b)), default=0.0
            )
            if enough is not None:
                self.stopped = enough
                break
        else:
            self.stopped = self._settled_reason()
        self.skip_rest()

    def skip_rest(self) -> None:
        """Settle every branch that never began."""
        for branch in self.branches:
            if branch.index not in self.outcomes:
                self._skip(branch)

    def give_up(self, reason: str) -> None:
        """Say why the branches that still run are about to be cancelled."""
        for run, task in self._runs.values():
            if not task.done():
                run.lose = reason

    async def _run_group(self, branches: list[Branch]) -> Stopped | None:
        waiting = deque(branches)
        limit = self.plan.max_concurrent if self.plan.enabled else 1
        running = 0
        async with asyncio.TaskGroup() as tasks:
            while running or (waiting and self._speaker is None):
                while waiting and running < limit and self._speaker is None:
                    self._start(tasks, waiting.popleft())
                    running += 1
                ended = await self._ended()
                running -= len(ended)
                enough = self._count()
                if enough is not None:
                    self._cancel_rest(f"{self._runs[ended[-1]][0].branch.id} settled it: {enough}")
                    return enough
        return None

    async def _ended(self) -> list[int]:
        """Wait for a branch to end; return all that have ended by then."""
        ended = [await self._done.get()]
        while not self._done.empty():
            ended.append(self._done.get_nowait())
        return ended

    def _start(self, tasks: asyncio.TaskGroup, branch: Branch) -> None:
        timeout_s = branch.member.timeout_s if branch.member.timeout_s is not None else self.plan.timeout_s
        run = BranchRun(
            branch=branch,
            call=self.call.child(branch.id, timeout_s=timeout_s),
            request=branch_request(self.request, branch, max_tokens=self.plan.max_tokens),
            retry=branch.member.retry or self.plan.retry,
            settle=self._settle,
            claim=self._claim,
            live=self.live if self._one_decides() and not is_held_back(branch.model) else None,
            on_speak=self._let_speak,
        )
        task = tasks.create_task(run.run())
        self._runs[branch.index] = (run, task)
        task.add_done_callback(lambda _: self._done.put_nowait(branch.index))

    def _claim(self, name: str) -> bool:
        """Give a branch a model to fall back on, unless it has a place in this plan: its vote would count twice."""
        if name in self.taken:
            return False
        self.taken.add(name)
        return True

    def _one_decides(self) -> bool:
        """Whether the answer is certainly that of the first branch with a token."""
        count = len(self.branches)
        return count == 1 or (self.plan.mode is Mode.RACE and min_models(self.plan, count) == 1)

    def _settle(self, outcome: Outcome) -> None:
        self.outcomes[outcome.index] = outcome

    def _let_speak(self, branch: Branch) -> None:
        """In a streamed race the first token wins: the others are cancelled in the same moment."""
        self._speaker = branch.index
        self._cancel_rest(f"{branch.id} had the first token", speaker=branch.index)

    def _cancel_rest(self, reason: str, *, speaker: int | None = None) -> None:
        for index, (run, task) in self._runs.items():
            if index != speaker and not task.done():
                run.lose = reason
                task.cancel()

    def _count(self) -> Stopped | None:
        """Take all new outcomes into account, in plan order; return why to stop, or `None`.

        Whatever is there counts before the rule is asked, so that the order within one moment changes nothing. A
        failure may settle the matter as well: there is one less who could turn it.
        """
        fresh = [outcome for index, outcome in sorted(self.outcomes.items()) if index not in self._counted]
        self._counted.update(outcome.index for outcome in fresh)
        self._add_answers([outcome for outcome in fresh if outcome.ok])
        for outcome in fresh:
            if outcome.error is not None and self.plan.failure_strategy is FailureStrategy.FAIL_FAST:
                self.failure = self.failure or outcome.error
        if self.failure is not None:
            return Stopped.FAIL_FAST
        if not fresh or (self._speaker is not None and self._speaker not in self._counted):
            return None
        enough = stop_rule(self.plan, len(self.branches)).decide(self._standing())
        return Stopped.FIRST_TOKEN if enough is Stopped.FIRST_SUCCESS and self._speaker is not None else enough

    def _add_answers(self, outcomes: Sequence[Outcome]) -> None:
        """Measure the agreement with some more answers, once for all that came in the same moment."""
        self._unread.extend(outcomes)
        self._answered += len(outcomes)
        if not outcomes or self._answered < _COMPARABLE:
            return
        for waiting in self._unread:
            self._panel.add(waiting.index, self._answer(waiting))
        self._unread.clear()
        self.agreement = self._panel.agreement()
        self.call.emit(
            AgreementUpdated(
                call_id=self.call.id,
                at_s=self.call.at_s,
                path=self.call.branch,
                score=self.agreement.score,
                kind=self.agreement.kind.value,
                answered=self._answered,
                total=len(self.branches),
            )
        )

    def _answer(self, outcome: Outcome) -> Answer:
        whole = outcome.completion is not None and outcome.completion.finish_reason not in _UNFINISHED
        weight = next(branch.member.weight for branch in self.branches if branch.index == outcome.index)
        return Answer(text=outcome.text, name=outcome.branch, weight=weight, complete=whole)

    def _standing(self) -> Standing:
        outstanding = [branch.member.weight for branch in self.branches if branch.index not in self._counted]
        return Standing(answered=self._answered, agreement=self.agreement, panel=self._panel, outstanding=outstanding)

    def _counts(self, branch: Branch) -> bool:
        outcome = self.outcomes.get(branch.index)
        return outcome is not None and outcome.state is not State.CANCELLED

    def _settled_reason(self) -> Stopped:
        late = any(isinstance(outcome.error, DeadlineExceeded) for outcome in self.outcomes.values())
        return Stopped.DEADLINE if late and self.call.deadline.remaining_s() == 0.0 else Stopped.ALL_SETTLED

    def _skip(self, branch: Branch) -> None:
        """Settle a branch that never began."""
        at_s = self.call.at_s
        self.outcomes[branch.index] = Outcome(
            branch=branch.id,
            model=branch.member.model,
            index=branch.index,
            group=branch.group,
            state=State.CANCELLED,
            started_s=at_s,
            finished_s=at_s,
            attempts=0,
        )
        self.call.emit(
            BranchCancelled(
                call_id=self.call.id,
                at_s=at_s,
                branch=self.call.child(branch.id).branch,
                model=branch.member.model,
                latency_s=0.0,
                reason=_NOT_NEEDED,
                cost_microusd=0,
            )
        )
