"""Who votes with what weight, and what is known of the voters."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from quorate.consensus.accuracy import accuracy, vote_weight
from quorate.consensus.evidence import evidence_of
from quorate.consensus.kind import Kind
from quorate.consensus.posterior import posterior
from quorate.consensus.result import Agreement, Answer
from quorate.consensus.trust import NO_TRUST, Trust, Weighting


@dataclass(frozen=True, slots=True, kw_only=True)
class Voter:
    """The model (catalog name) behind an answer, the vote it was given, and its family: the vendor, say."""

    model: str
    weight: float = 1.0
    family: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ballot:
    """The voters by the indexes of their answers, where their votes come from, and what is known of them.

    Learned votes need a track record of at least one voter for the kind of answer at hand; without any the given ones
    count. A voter without a record votes as a model of which nothing is known.
    """

    voters: Mapping[int, Voter]
    weighting: Weighting = Weighting.GIVEN
    trust: Trust = NO_TRUST

    def knows(self, kind: Kind) -> bool:
        """Whether the track record of any voter is known for this kind."""
        return self.trust.informed and any(self._is_known(voter, kind) for voter in self.voters.values())

    def _is_known(self, voter: Voter, kind: Kind) -> bool:
        return self.trust.track_record(voter.model, kind) is not None

    def weighting_for(self, kind: Kind) -> Weighting:
        """Return where the votes on answers of this kind come from: `equal` also if the given ones are all the same."""
        if self.weighting is Weighting.LEARNED and self.knows(kind):
            return Weighting.LEARNED
        same = len({voter.weight for voter in self.voters.values()}) <= 1
        return Weighting.EQUAL if same or self.weighting is Weighting.EQUAL else Weighting.GIVEN

    def weigher(self, kind: Kind) -> Callable[[int], float]:
        """Return what gives the vote of a voter on answers of this kind."""
        return self._weigher(kind, self.weighting_for(kind))

    def _weigher(self, kind: Kind, weighting: Weighting) -> Callable[[int], float]:
        match weighting:
            case Weighting.LEARNED:
                return lambda index: vote_weight(self.trust.track_record(self.voters[index].model, kind))
            case _ if self.weighting is Weighting.EQUAL:
                return lambda _: 1.0
            case _:
                return lambda index: self.voters[index].weight

    def weighed(self, answers: Mapping[int, Answer], kind: Kind) -> dict[int, Answer]:
        """Return the answers with the votes that count; only learned ones are shared within a family."""
        weighting = self.weighting_for(kind)
        weigh, learned = self._weigher(kind, weighting), weighting is Weighting.LEARNED
        return {
            index: _voting(answer, weigh(index), self.voters[index].family if learned else "")
            for index, answer in answers.items()
        }

    def judged(self, agreement: Agreement) -> Agreement:
        """Return the agreement with the probability that its leading answer is right, where that is known."""
        if agreement.method == "refusal" or not self.trust.informed:
            return agreement
        models = {index: voter.model for index, voter in self.voters.items()}
        return replace(agreement, confidence=self.trust.confidence(evidence_of(agreement, models)))

    def posterior(self, agreement: Agreement) -> float | None:
        """Return how likely the leading answer is right by the track records alone; `None`: there are none."""
        if not agreement.clusters or not self.knows(agreement.kind):
            return None
        return posterior([self._accuracies(cluster.members, agreement.kind) for cluster in agreement.clusters])

    def _accuracies(self, members: Sequence[int], kind: Kind) -> list[tuple[float, str]]:
        voters = [self.voters[index] for index in members]
        return [(accuracy(self.trust.track_record(voter.model, kind)), voter.family) for voter in voters]


def _voting(answer: Answer, weight: float, family: str) -> Answer:
    """Return the answer with a vote; the same object if it has it: this is asked after each answer that comes."""
    same = answer.weight == weight and answer.family == family
    return answer if same else replace(answer, weight=weight, family=family)
