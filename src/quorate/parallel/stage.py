"""A stage of a plan: groups one after another, the branches of a group in parallel, until the stop rule says enough."""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby

from quorate.consensus import Agreement, Answer, Panel
from quorate.consensus.ballot import Ballot
from quorate.core.errors import DeadlineExceeded, QuorateError
from quorate.model import Call, Outcome, State
from quorate.model.event import AgreementUpdated, BranchCancelled
from quorate.parallel.ask import branch_request
from quorate.parallel.branch import Branch
from quorate.parallel.compared import compared, panel_for
from quorate.parallel.live import Live
from quorate.parallel.paces import Paces
from quorate.parallel.pair_judge import PairJudge
from quorate.parallel.plan import FailureStrategy, Member, Mode, Plan
from quorate.parallel.run_branch import BranchRun
from quorate.parallel.stop import Standing, Stopped, min_models, stop_rule
from quorate.resilience.contracted import Terms
from quorate.resilience.resilient import is_held_back
from quorate.wire.chat import ChatRequest

_NOT_NEEDED = "the answer was settled before its turn"
#: A single answer agrees with nobody, so it is not even read unless there may be a second one.
_COMPARABLE = 2
#: Stands among the indexes of branches that have ended for the pair judge.
_JUDGED = -1


@dataclass(slots=True, kw_only=True)
class Stage:
    """A live object: runs `branches` on `request`.

    After `run`, `outcomes` holds one outcome for every branch, by its index. A failed branch is an outcome like any
    other; with `fail_fast` the first one ends the stage and `failure` is its error. `live` passes on the pieces of
    the one branch that may speak: the first with a token in a race for one answer, or the only branch there is.
    `taken` are the models that run in the plan, to which those are added that stand in for one. `ballot` holds the
    votes of the branches. `paces` say which models are slow, and hear how long they took. `terms` are what an answer
    has to keep to be one. A `pair_judge` is asked where its word could settle what measuring leaves open; meanwhile no
    further branch begins.
    """

    plan: Plan
    branches: Sequence[Branch]
    request: ChatRequest
    call: Call
    taken: set[str]
    ballot: Ballot
    paces: Paces = field(default_factory=Paces)
    terms: Terms | None = None
    live: Live | None = None
    pair_judge: PairJudge | None = None
    outcomes: dict[int, Outcome] = field(default_factory=dict[int, Outcome])
    agreement: Agreement | None = None
    stopped: Stopped = Stopped.ALL_SETTLED
    failure: QuorateError | None = None
    critical_path_s: float = 0.0
    _runs: dict[int, tuple[BranchRun, asyncio.Task[None]]] = field(
        default_factory=dict[int, tuple[BranchRun, asyncio.Task[None]]]
    )
    _done: asyncio.Queue[int] = field(default_factory=asyncio.Queue[int])
    _judging: asyncio.Task[None] | None = None
    _panel: Panel = field(init=False)
    _unread: list[Outcome] = field(default_factory=list[Outcome])
    _counted: set[int] = field(default_factory=set[int])
    _answered: int = 0
    _speaker: int | None = None

    def __post_init__(self) -> None:
        """Begin an empty panel for the stage's question."""
        self._panel = panel_for(self.plan, self.request.prompt_text, ballot=self.ballot)

    @property
    def answers(self) -> list[Outcome]:
        """The answers to choose from, in plan order: those the stop rule saw; once one has spoken, only that one."""
        return [
            outcome
            for index, outcome in sorted(self.outcomes.items())
            if outcome.ok and index in self._counted and self._speaker in (None, index)
        ]

    def voting(self) -> dict[int, Member]:
        """Return the members with the votes that counted, so that every selector goes by them."""
        if self.agreement is None:
            return {branch.index: branch.member for branch in self.branches}
        weigh = self.ballot.weigher(self.agreement.kind)
        return {branch.index: _with_vote(branch.member, weigh(branch.index)) for branch in self.branches}

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
        self._runs.clear()  # they lead back here: the whole plan would wait for the garbage collector

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
        limit = self.plan.max_concurrent if self.plan.enabled else 1
        waiting = deque(branches if limit == 1 else self._in_starting_order(branches))
        running = 0
        async with asyncio.TaskGroup() as tasks:
            while running or self._judging or (waiting and self._speaker is None):
                while waiting and running < limit and self._speaker is None and not self._judging:
                    self._start(tasks, waiting.popleft())
                    running += 1
                began_s = self.call.at_s
                ended = await self._ended()
                if not running:
                    self.critical_path_s += self.call.at_s - began_s
                running -= sum(index != _JUDGED for index in ended)
                enough = self._count(judged=_JUDGED in ended)
                if enough is not None:
                    self._cancel_rest(f"{self._name(ended[-1])} settled it: {enough}")
                    return enough
                self._consult(tasks)
                if running and not waiting:
                    self._read_ahead()
        return None

    def _in_starting_order(self, branches: list[Branch]) -> list[Branch]:
        """Return the branches by priority, and where all are waited for the slowest models first.

        Not under a limit of cost: the money goes to those whom the plan names first.
        """
        if self.plan.mode is not Mode.ALL or self.call.budget.limits:
            return branches
        pace = self.paces.of
        return sorted(branches, key=lambda branch: (-branch.member.priority, -pace(branch.member.model)))

    def _name(self, ended: int) -> str:
        return "the pair judge" if ended == _JUDGED else self._runs[ended][0].branch.id

    def _consult(self, tasks: asyncio.TaskGroup) -> None:
        """Have pairs judged that could settle the matter, unless that is being done."""
        if self.pair_judge is None or self._judging or self._answered < _COMPARABLE:
            return
        question = self.request.prompt_text
        pairs = self.pair_judge.propose(self._panel, question, self._would_settle)
        if pairs:
            self._judging = tasks.create_task(self.pair_judge.ask(self._panel, question, pairs))
            self._judging.add_done_callback(lambda _: self._done.put_nowait(_JUDGED))

    def _would_settle(self, panel: Panel) -> bool:
        """Whether a panel like this is the end: by the stop rule, or of all answers by being agreed."""
        if self.plan.mode is Mode.ALL:
            return len(self._counted) == len(self.branches) and panel.agreement().agreed
        return stop_rule(self.plan, len(self.branches)).decide(self._standing(panel)) is not None

    async def _ended(self) -> list[int]:
        """Wait for a branch or a judgement to end; return all that have ended by then."""
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
            terms=self.terms,
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
        if outcome.ok:
            self.paces.note(outcome.model, outcome.latency_s)

    def _let_speak(self, branch: Branch) -> None:
        """In a streamed race the first token wins: the others are cancelled in the same moment."""
        self._speaker = branch.index
        self._cancel_rest(f"{branch.id} had the first token", speaker=branch.index)

    def _cancel_rest(self, reason: str, *, speaker: int | None = None) -> None:
        for index, (run, task) in self._runs.items():
            if index != speaker and not task.done():
                run.lose = reason
                task.cancel()
        if self.pair_judge is not None and self._judging:
            self.pair_judge.lose(reason)
            self._judging.cancel()

    def _count(self, *, judged: bool = False) -> Stopped | None:
        """Take all new outcomes into account, in plan order; return why to stop, or `None`.

        Whatever is there counts before the rule is asked, so that the order within one moment changes nothing. A
        failure may settle the matter as well: there is one less who could turn it, and so may what was `judged`.
        """
        if judged:
            self._judging = None
            self._measure()
        fresh = [outcome for index, outcome in sorted(self.outcomes.items()) if index not in self._counted]
        self._counted.update(outcome.index for outcome in fresh)
        self._add_answers([outcome for outcome in fresh if outcome.ok])
        for outcome in fresh:
            if outcome.error is not None and self.plan.failure_strategy is FailureStrategy.FAIL_FAST:
                self.failure = self.failure or outcome.error
        if self.failure is not None:
            return Stopped.FAIL_FAST
        if not (fresh or judged) or (self._speaker is not None and self._speaker not in self._counted):
            return None
        if self.plan.mode is Mode.ALL:  # its rule never says enough: how things stand need not be worked out
            return None
        enough = stop_rule(self.plan, len(self.branches)).decide(self._standing())
        return Stopped.FIRST_TOKEN if enough is Stopped.FIRST_SUCCESS and self._speaker is not None else enough

    def _add_answers(self, outcomes: Sequence[Outcome]) -> None:
        """Measure the agreement with some more answers, once for all that came in the same moment."""
        self._unread.extend(outcomes)
        self._answered += len(outcomes)
        if not outcomes or self._answered < _COMPARABLE:
            return
        self._read()
        self._measure()

    def _read_ahead(self) -> None:
        """Read what has come while others are awaited: it is out of the time between the last answer and the result.

        Not while one speaks for all, whom nobody will be compared with.
        """
        if self._unread and self._speaker is None:
            self._read()
            self._panel.read_ahead()

    def _read(self) -> None:
        for waiting in self._unread:
            self._panel.add(waiting.index, self._answer(waiting))
        self._unread.clear()

    def _measure(self) -> None:
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
        return compared(outcome, weight=self.ballot.voters[outcome.index].weight, name=outcome.branch)

    def _standing(self, supposed: Panel | None = None) -> Standing:
        agreement = self.agreement if supposed is None else supposed.agreement()
        outstanding: list[float] = []
        if agreement is not None:
            weigh = self.ballot.weigher(agreement.kind)
            outstanding = [weigh(branch.index) for branch in self.branches if branch.index not in self._counted]
        panel = self._panel if supposed is None else supposed
        return Standing(answered=self._answered, agreement=agreement, panel=panel, outstanding=outstanding)

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


def _with_vote(member: Member, weight: float) -> Member:
    return member if member.weight == weight else replace(member, weight=weight)
