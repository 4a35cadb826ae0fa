"""Putting judges to their tasks: every call goes through the library, with its limits, retries and prices."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from quorate.analytics.judge_task import ChoiceTask, PairTask, Task
from quorate.analytics.judge_trial import Asked, ChoiceTrial, JudgeTrial, PairTrial
from quorate.cli.judge_journal import JudgeJournal
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
from quorate.core.units import MICROUSD_PER_USD, format_usd
from quorate.library.quorate import Quorate
from quorate.wire.chat import ChatRequest, Message

if TYPE_CHECKING:
    from quorate.library.options import AskOptions

#: So many tasks failing one after another say that the others would fail as well.
_MOST_FAILURES = 10

T = TypeVar("T")


@dataclass(slots=True, kw_only=True)
class JudgeTrials:
    """A live object: asks judges about tasks, `concurrency` calls at once, until all is done or a limit is reached.

    What `journal` holds already is not asked again. `limit_microusd` bounds what this run spends: no call leaves once
    it is spent. `told` is called after each task with how many are done and how much was spent. `notes` say what went
    wrong. A task whose call failed is not kept, so that a run that is continued tries it again.
    """

    quorate: Quorate
    journal: JudgeJournal
    concurrency: int = 4
    max_tokens: int | None = None
    limit_microusd: int | None = None
    told: Callable[[int, int], None] = lambda _done, _spent: None
    notes: list[str] = field(default_factory=list[str])
    spent_microusd: int = 0
    _done: int = 0
    _failures: int = 0
    _in_a_row: int = 0
    _last_failure: str = ""
    _over: bool = False

    async def run(self, judges: Sequence[str], tasks: Sequence[Task]) -> list[JudgeTrial]:
        """Return the trials of all judges on all tasks, those on record included, as far as they got."""
        todo = deque((judge, task) for task in tasks for judge in judges if (judge, task.id) not in self.journal.trials)
        self._done = len(tasks) * len(judges) - len(todo)
        async with asyncio.TaskGroup() as workers:
            for _ in range(min(self.concurrency, len(todo))):
                workers.create_task(self._work(todo))
        if self._failures:
            self.notes.append(f"{self._failures} tasks failed and are left out; the last: {self._last_failure}")
        if todo:
            self.notes.append(f"{len(todo)} tasks were not begun: {self._why()}; --resume continues a run")
        wanted = [(judge, task.id) for task in tasks for judge in judges]
        return [self.journal.trials[key] for key in wanted if key in self.journal.trials]

    def _why(self) -> str:
        if self._in_a_row >= _MOST_FAILURES:
            return f"{self._in_a_row} failed in a row"
        return f"{format_usd(self.spent_microusd)} of {format_usd(self.limit_microusd)} are spent"

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
                await asyncio.to_thread(self.journal.add, trial)
            self._done += 1
            self.told(self._done, self.spent_microusd)

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
        left = None if self.limit_microusd is None else self.limit_microusd - self.spent_microusd
        if left is not None and left <= 0:
            raise BudgetSpent(f"the limit of {format_usd(self.limit_microusd)} is spent")
        request = ChatRequest(
            messages=tuple(Message(role=message.role, content=message.content) for message in messages),
            max_tokens=self.max_tokens,
        )
        options: AskOptions = {"models": judge}
        if left is not None:
            options["max_cost_usd"] = left / MICROUSD_PER_USD
        result = await self.quorate.ask(request, **options)
        self.spent_microusd += result.spend.known_microusd
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


def _directions(verdict: PairVerdict | None) -> tuple[bool, bool] | None:
    return None if verdict is None else (verdict.a_implies_b, verdict.b_implies_a)
