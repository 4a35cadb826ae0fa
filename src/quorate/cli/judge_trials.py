"""Putting judges to their tasks: every call goes through the library, with its limits, retries and prices."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec

from quorate.analytics.journal import Journal
from quorate.analytics.judge_task import ChoiceTask, PairTask, Task
from quorate.analytics.judge_trial import Asked, ChoiceTrial, JudgeTrial, PairTrial
from quorate.cli.board import Board
from quorate.cli.judge_journal import Trials
from quorate.cli.purse import Purse, most_microusd
from quorate.consensus import (
    LabelledAnswer,
    PairVerdict,
    PromptMessage,
    labels,
    pair_judge_messages,
    parse_pair_verdict,
    parse_selection,
    selection_messages,
)
from quorate.core.errors import BudgetSpent, QuorateError
from quorate.core.secret import new_nonce
from quorate.core.units import format_usd
from quorate.library.quorate import Quorate
from quorate.parallel.result import Result
from quorate.wire.chat import ChatRequest, Message

#: So many tasks failing one after another say that the others would fail as well.
_MOST_FAILURES = 10

T = TypeVar("T")


@dataclass(slots=True, kw_only=True)
class JudgeTrials:
    """A live object: asks judges about tasks, `concurrency` calls at once, until all is done or a limit is reached.

    The `trials` on record are not asked again; new ones are added, and to the `journal`. A call leaves only if `purse`
    can pay its worst case. `told` is called after each task with how many are done. `notes` say what went wrong. A task
    whose call failed is not kept, so that a run that is continued tries it again.
    """

    quorate: Quorate
    trials: Trials = field(default_factory=Trials)
    journal: Journal | None = None
    purse: Purse = field(default_factory=lambda: Purse(None))
    concurrency: int = 4
    max_tokens: int | None = None
    told: Callable[[int], None] = lambda _done: None
    notes: list[str] = field(default_factory=list[str])
    _done: int = 0
    _failures: int = 0
    _in_a_row: int = 0
    _last_failure: str = ""
    _over: bool = False

    async def run(self, judges: Sequence[str], tasks: Sequence[Task]) -> list[JudgeTrial]:
        """Return the trials of all judges on all tasks, those on record included, as far as they got.

        Raises InvalidRequest where a limit is to hold for a judge whose price is not known.
        """
        if self.purse.limit_microusd is not None:
            for judge in judges:
                most_microusd(self.quorate, "?", models=judge)
        todo = deque((judge, task) for task in tasks for judge in judges if (judge, task.id) not in self.trials)
        self._done = len(tasks) * len(judges) - len(todo)
        async with asyncio.TaskGroup() as workers:
            for _ in range(min(self.concurrency, len(todo))):
                workers.create_task(self._work(todo))
        if self._failures:
            self.notes.append(f"{self._failures} tasks failed and are left out; the last: {self._last_failure}")
        if todo:
            self.notes.append(f"{len(todo)} tasks were not begun: {self._why()}; --resume continues a run")
        wanted = [(judge, task.id) for task in tasks for judge in judges]
        return [self.trials[key] for key in wanted if key in self.trials]

    def _why(self) -> str:
        if self._in_a_row >= _MOST_FAILURES:
            return f"{self._in_a_row} failed in a row"
        spent, limit = format_usd(self.purse.spent_microusd), format_usd(self.purse.limit_microusd)
        return f"{spent} of {limit} are spent, and the next call may cost more than is left"

    async def _work(self, todo: deque[tuple[str, Task]]) -> None:
        while todo and not self._over:
            judge, task = todo.popleft()
            try:
                trial = await self._pair(judge, task) if isinstance(task, PairTask) else await self._choice(judge, task)
            except BudgetSpent:
                todo.appendleft((judge, task))
                self._over = True
                return
            except QuorateError as error:
                self._fail(error)
            else:
                self._in_a_row = 0
                await self._keep(trial)
            self._done += 1
            self.told(self._done)

    async def _keep(self, trial: JudgeTrial) -> None:
        if self.journal is not None:
            await asyncio.to_thread(self.journal.append, msgspec.json.encode(trial))
        self.trials[trial.judge, trial.task] = trial

    def _fail(self, error: QuorateError) -> None:
        self._failures += 1
        self._in_a_row += 1
        self._last_failure = error.message
        self._over = self._over or self._in_a_row >= _MOST_FAILURES

    async def _pair(self, judge: str, task: PairTask) -> PairTrial:
        def prompt(a: str, b: str) -> Sequence[PromptMessage]:
            return pair_judge_messages(task.question, a, b, nonce=new_nonce())

        first, asked = await self._ask(judge, prompt(task.a, task.b), parse_pair_verdict)
        second, again = await self._ask(judge, prompt(task.b, task.a), parse_pair_verdict)
        return PairTrial(
            task=task.id,
            judge=judge,
            agree=task.agree,
            forward=_directions(first),
            backward=None if second is None else _directions(second.swapped()),
            asked=(asked, again),
        )

    async def _choice(self, judge: str, task: ChoiceTask) -> ChoiceTrial:
        order = range(len(task.texts))
        chosen, asked = await self._choose(judge, task, order)
        again_chosen, again = await self._choose(judge, task, order[::-1])
        return ChoiceTrial(
            task=task.id,
            judge=judge,
            models=task.models,
            right=task.right,
            lengths=tuple(map(len, task.texts)),
            chosen=(chosen, again_chosen),
            asked=(asked, again),
        )

    async def _choose(self, judge: str, task: ChoiceTask, order: Sequence[int]) -> tuple[int | None, Asked]:
        names = labels(len(order))
        shown = [
            LabelledAnswer(label=label, text=task.texts[position]) for label, position in zip(names, order, strict=True)
        ]
        messages = selection_messages(task.question, shown, nonce=new_nonce())
        return await self._ask(judge, messages, lambda text: order[names.index(parse_selection(text, names))])

    async def _ask(
        self, judge: str, messages: Sequence[PromptMessage], read: Callable[[str], T]
    ) -> tuple[T | None, Asked]:
        """Return what `read` makes of the judge's reply, `None` if it cannot be read, and the call."""
        request = ChatRequest(
            messages=tuple(Message(role=message.role, content=message.content) for message in messages),
            max_tokens=self.max_tokens,
        )
        result = await self._paid(request, judge)
        found, unreadable = None, ""
        try:
            found = read(result.answer)
        except ValueError as error:
            unreadable = str(error)
        return found, Asked(
            latency_s=result.latency.total_s,
            cost_microusd=result.cost_microusd,
            simulated=result.completion.metadata.get("simulated") is True,
            unreadable=unreadable,
        )

    async def _paid(self, request: ChatRequest, judge: str) -> Result:
        """Return the result; what it cost is booked however it ends. Raises `BudgetSpent` if it may cost too much."""
        most = 0 if self.purse.limit_microusd is None else most_microusd(self.quorate, request, models=judge)
        if not await self.purse.reserve(most):
            raise BudgetSpent(f"the limit of {format_usd(self.purse.limit_microusd)} is spent")
        board = Board()
        try:
            return await self.quorate.ask(request, models=judge, on_event=board)
        finally:
            await self.purse.settle(most, board.spent_microusd)


def _directions(verdict: PairVerdict | None) -> tuple[bool, bool] | None:
    return None if verdict is None else (verdict.a_implies_b, verdict.b_implies_a)
