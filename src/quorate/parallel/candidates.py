"""What a selector works with: the answers of a plan's last stage, and a way to ask a model about them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count

from quorate.consensus import Agreement, LabelledAnswer, PromptMessage
from quorate.model import Call, Completion, Model, Outcome
from quorate.parallel.branch import Branch
from quorate.parallel.live import Live
from quorate.parallel.plan import Member, Plan, Select
from quorate.parallel.run_branch import BranchRun
from quorate.resilience.contracted import Terms
from quorate.wire.chat import ChatRequest, Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """The answer: of `outcome`, or `completion` alone for a synthesis. `reason` tells why, also of a fallback."""

    completion: Completion
    outcome: Outcome | None
    method: Select
    reason: str


@dataclass(slots=True, kw_only=True)
class Candidates:
    """A live object: the successful `outcomes` in plan order, their `members` by index, their agreement.

    `agreement` is `None` for fewer than two answers. `helpers` collects the calls that a selector makes; they are
    charged and reported like branches. `terms` are what an answer that one of them writes has to keep.
    """

    plan: Plan
    request: ChatRequest
    call: Call
    outcomes: Sequence[Outcome]
    members: dict[int, Member]
    agreement: Agreement | None
    live: Live | None = None
    terms: Terms | None = None
    helpers: list[Outcome] = field(default_factory=list[Outcome])
    _numbers: Iterator[int] = field(default_factory=count)

    @property
    def question(self) -> str:
        """What was asked."""
        return self.request.prompt_text

    def weight(self, outcome: Outcome) -> float:
        """Return the vote of the outcome's member."""
        return self.members[outcome.index].weight

    def labelled(self, outcomes: Sequence[Outcome], names: Sequence[str]) -> tuple[LabelledAnswer, ...]:
        """Return the answers under anonymous labels, in the order given."""
        return tuple(
            LabelledAnswer(label=label, text=outcome.text, weight=self.weight(outcome))
            for label, outcome in zip(names, outcomes, strict=True)
        )

    async def ask(
        self,
        model: Model,
        name: str,
        messages: Sequence[PromptMessage],
        *,
        live: Live | None = None,
        terms: Terms | None = None,
    ) -> Outcome:
        """Ask a judge or synthesiser; return its outcome, never raising for its failure."""
        settled: list[Outcome] = []
        request = ChatRequest(
            model=model.name,
            messages=tuple(Message(role=message.role, content=message.content) for message in messages),
            stream=True if live is not None else None,
            max_tokens=self.plan.helper_max_tokens,
        )
        index = max(self.members) + 1 + next(self._numbers)
        member = Member(model=model.name, group=max(member.group for member in self.members.values()) + 1)
        run = BranchRun(
            branch=Branch(id=name, index=index, member=member, model=model),
            call=self.call.child(name, timeout_s=self.plan.timeout_s),
            request=request,
            retry=self.plan.retry,
            settle=settled.append,
            claim=lambda name: name != model.name,
            terms=terms,
            live=live,
        )
        try:
            await run.run()
        finally:
            self.helpers.extend(settled)
        return settled[0]
