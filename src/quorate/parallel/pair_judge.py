"""`pair_judge`: a model says whether two answers mean the same, where their texts leave it open.

Bidirectional entailment (Kuhn et al. 2023, "Semantic Uncertainty", section 3.2), asked in both orders because judges
favour places (Zheng et al. 2023, section 3.3). The texts that are compared are those of the panel, under the labels A
and B.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count

from quorate.consensus import PairVerdict, Panel, joint_score, pair_judge_messages, parse_pair_verdict
from quorate.core.errors import QuorateError
from quorate.core.secret import new_nonce
from quorate.model import Call, Model, Outcome
from quorate.parallel.branch import MAX_BRANCHES
from quorate.parallel.helper_call import helper_request, helper_run
from quorate.parallel.pair_order import Indexes, next_pairs
from quorate.parallel.plan import Plan
from quorate.parallel.run_branch import BranchRun
from quorate.parallel.verdicts import Verdict, Verdicts, pair_key
from quorate.wire.chat import ChatRequest

#: Above the indexes of all branches and of what a selector asks.
_FIRST_INDEX = 2 * MAX_BRANCHES


@dataclass(slots=True, kw_only=True)
class PairJudge:
    """A live object: what a plan asks its pair judge, and what came of it.

    At most `plan.max_judged_pairs` pairs are asked about, each twice; those that `verdicts` knows do not count.
    `helpers` are the calls, charged and reported like branches. After a call that failed nobody is asked again. A pair
    without two verdicts keeps its computed score.
    """

    plan: Plan
    model: Model
    verdicts: Verdicts
    call: Call
    helpers: list[Outcome] = field(default_factory=list[Outcome])
    _asked: int = 0
    _over: bool = False
    _troubles: list[str] = field(default_factory=list[str])
    _too_many: str | None = None
    _settled: set[Indexes] = field(default_factory=set[Indexes])
    _running: list[BranchRun] = field(default_factory=list[BranchRun])
    _numbers: Iterator[int] = field(default_factory=count)
    _places: asyncio.Semaphore = field(init=False)

    def __post_init__(self) -> None:
        """Take as many calls at once as the plan has branches at once."""
        self._places = asyncio.Semaphore(self.plan.max_concurrent if self.plan.enabled else 1)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What kept pairs from being judged."""
        troubles = dict.fromkeys(self._troubles)
        return (*troubles, *(() if self._too_many is None else (self._too_many,)))

    def propose(self, panel: Panel, question: str, settles: Callable[[Panel], bool]) -> tuple[Indexes, ...]:
        """Return the pairs to ask about now; none where a judge's word cannot make the panel one that `settles`."""
        if self._over:
            return ()
        left = self.plan.max_judged_pairs - self._asked

        def fits(pairs: Sequence[Indexes]) -> bool:
            return len(self._unknown(panel, question, pairs)) <= left

        proposal = next_pairs(panel, settles, without=self._settled, fits=fits)
        self._too_many = None
        if proposal is None:
            return ()
        if not fits(proposal.needed):
            self._too_many = (
                f"more pairs of answers than max_judged_pairs ({self.plan.max_judged_pairs}) would have to be judged; "
                "the others keep their computed scores"
            )
            return ()
        return proposal.now if not self._unknown(panel, question, proposal.now) or self._may_ask() else ()

    async def ask(self, panel: Panel, question: str, pairs: Sequence[Indexes]) -> None:
        """Judge the pairs and put their scores into the panel. Never raises for a judge that fails."""
        async with asyncio.TaskGroup() as tasks:
            for pair in pairs:
                tasks.create_task(self._judge(panel, question, pair))

    def lose(self, reason: str) -> None:
        """Say why the calls under way are about to be cancelled."""
        for run in self._running:
            run.lose = reason

    def _may_ask(self) -> bool:
        what = f"the pair judge {self.model.name} was asked"
        try:
            self.call.deadline.require(what)
            self.call.budget.require(what)
        except QuorateError as error:
            self._give_up(error.message)
            return False
        return True

    def _give_up(self, why: str) -> None:
        self._over = True
        self._troubles.append(f"the pair judge {self.model.name} was not heard on every pair: {why}")

    def _key(self, panel: Panel, question: str, pair: Indexes) -> bytes:
        return pair_key(
            tenant=self.call.tenant,
            judge=self.model.name,
            question=question,
            one=panel.text(pair[0]),
            other=panel.text(pair[1]),
        )

    def _unknown(self, panel: Panel, question: str, pairs: Sequence[Indexes]) -> set[bytes]:
        return {key for pair in pairs if (key := self._key(panel, question, pair)) not in self.verdicts}

    async def _judge(self, panel: Panel, question: str, pair: Indexes) -> None:
        first, second = pair
        low, high = sorted((panel.text(first), panel.text(second)))
        self._settled.add(pair)
        try:
            verdict, cached = await self.verdicts.of(
                self._key(panel, question, pair),
                lambda: self._both_orders(question, low, high),
                patience_s=self.call.deadline.capped(self.plan.timeout_s).remaining_s(),
            )
        except TimeoutError:
            self._give_up("somebody else's question about the same pair took too long")
            return
        if verdict is None:
            return
        ordered = verdict if panel.text(first) == low else verdict[::-1]
        panel.judge(first, second, joint_score(ordered), verdicts=ordered, cached=cached)

    async def _both_orders(self, question: str, low: str, high: str) -> Verdict | None:
        if self._over:
            return None
        self._asked += 1
        async with asyncio.TaskGroup() as tasks:
            orders = [tasks.create_task(self._ask(question, *order)) for order in ((low, high), (high, low))]
        one, other = (order.result() for order in orders)
        return None if one is None or other is None else (one, other)

    async def _ask(self, question: str, a: str, b: str) -> PairVerdict | None:
        """Return a verdict; `None`, and a warning, if there is none that can be used."""
        async with self._places:
            messages = pair_judge_messages(question, a, b, nonce=new_nonce())
            outcome = await self._run(helper_request(self.plan, self.model.name, messages))
        if outcome.error is not None:
            self._give_up(outcome.error.message)
            return None
        try:
            return parse_pair_verdict(outcome.text)
        except ValueError as error:
            self._troubles.append(f"a verdict of the pair judge {self.model.name} cannot be used: {error}")
            return None

    async def _run(self, request: ChatRequest) -> Outcome:
        settled: list[Outcome] = []
        number = next(self._numbers)
        run = helper_run(
            self.plan,
            self.call,
            self.model,
            request,
            name=f"pair_judge#{number + 1}",
            index=_FIRST_INDEX + number,
            members=self.plan.members,
            settle=settled.append,
        )
        self._running.append(run)
        try:
            await run.run()
        finally:
            self._running.remove(run)
            self.helpers.extend(settled)
        return settled[0]
