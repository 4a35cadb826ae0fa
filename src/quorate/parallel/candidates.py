"""What a selector works with: the answers of a plan's last stage, and a way to ask a model about them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from math import fsum

from quorate.consensus import (
    Agreement,
    Answer,
    Cluster,
    LabelledAnswer,
    PromptMessage,
    below_floor,
    open_contradictions,
)
from quorate.consensus.trust import NO_TRUST, Trust
from quorate.model import Call, Model, Outcome
from quorate.parallel.branch import Resolve
from quorate.parallel.chosen import Chosen
from quorate.parallel.helper_call import helper_request, helper_run
from quorate.parallel.live import Live
from quorate.parallel.plan import Member, Plan, Select
from quorate.parallel.provenance import Basis, Dissent, Provenance, Source
from quorate.resilience.contracted import Terms
from quorate.wire.chat import ChatRequest


@dataclass(slots=True, kw_only=True)
class Candidates:
    """A live object: the successful `outcomes` in plan order, their `members` by index, their agreement.

    `agreement` is `None` for fewer than two answers; `trust` is what is known of the models. `helpers` collects the
    calls that a selector makes; they are charged and reported like branches. `terms` are what an answer that one of
    them writes has to keep.
    """

    plan: Plan
    request: ChatRequest
    call: Call
    outcomes: Sequence[Outcome]
    members: dict[int, Member]
    agreement: Agreement | None
    resolve: Resolve
    trust: Trust = NO_TRUST
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

    def share(self, outcomes: Iterable[Outcome]) -> float:
        """Return what the votes of some outcomes are of all votes, in [0, 1]."""
        total = fsum(map(self.weight, self.outcomes))
        return min(fsum(map(self.weight, outcomes)) / total, 1.0) if total else 0.0

    @property
    def no_consensus(self) -> bool:
        """Whether the answers are known to agree less than the plan's floor."""
        return below_floor(self.agreement, self.plan.floor)

    def heaviest(self, among: Iterable[Outcome]) -> Outcome:
        """Return the answer with the greatest vote; of equals that of the larger group, its medoid, the first.

        With equal votes it is thus the one that most others agree with.
        """
        return max(among, key=lambda outcome: (self.weight(outcome), *self._standing(outcome), -outcome.index))

    def _standing(self, outcome: Outcome) -> tuple[float, bool]:
        cluster = self.cluster(outcome)
        return (0.0, False) if cluster is None else (cluster.share, cluster.medoid == outcome.index)

    def cluster(self, outcome: Outcome) -> Cluster | None:
        """Return the group of answers that the outcome's belongs to; `None` if it cannot be compared."""
        clusters = self.agreement.clusters if self.agreement is not None else ()
        return next((cluster for cluster in clusters if outcome.index in cluster.members), None)

    def contradictions(self, outcome: Outcome | None = None) -> tuple[Dissent, ...]:
        """Return the groups that do not agree with an outcome, without one with the leading group; largest first."""
        if self.agreement is None or self._all_say(outcome):
            return ()
        names = {each.index: each.branch for each in self.outcomes}
        answers = {each.index: Answer(text=each.text) for each in self.outcomes}
        if any(cluster.medoid not in answers for cluster in self.agreement.clusters):
            return ()  # once one has spoken it is the only candidate
        found = open_contradictions(self.agreement, answers, of=None if outcome is None else outcome.index)
        return tuple(
            Dissent(branches=tuple(names[i] for i in each.members), share=each.share, answer=each.answer)
            for each in found
        )

    def _all_say(self, outcome: Outcome | None) -> bool:
        """Whether there is one group, and an outcome, if one is meant, is in it."""
        clusters = self.agreement.clusters if self.agreement is not None else ()
        return len(clusters) == 1 and (outcome is None or outcome.index in clusters[0].members)

    def chosen(self, outcome: Outcome, method: Select, reason: str, *, no_consensus: bool = False) -> Chosen:
        """Return a branch's answer as the answer."""
        assert outcome.completion is not None
        source = Source(part="", branches=(outcome.branch,), share=self.share([outcome]))
        return Chosen(
            completion=outcome.completion,
            outcome=outcome,
            method=method,
            reason=reason,
            provenance=Provenance(basis=Basis.ANSWER, sources=(source,)),
            contradictions=self.contradictions(outcome),
            no_consensus=no_consensus or self.no_consensus,
        )

    def helper(self, name: str | None) -> Model:
        """Return the model a selector asks: the plan's, else the heaviest member (of equals, the first)."""
        if name is not None:
            return self.resolve(name)
        heaviest = max(self.members.items(), key=lambda item: (item[1].weight, -item[0]))[1]
        return self.resolve(heaviest.model)

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
        run = helper_run(
            self.plan,
            self.call,
            model,
            helper_request(self.plan, model.name, messages, stream=live is not None),
            name=name,
            index=max(self.members) + 1 + next(self._numbers),
            members=self.members.values(),
            settle=settled.append,
            live=live,
            terms=terms,
        )
        try:
            await run.run()
        finally:
            self.helpers.extend(settled)
        return settled[0]
