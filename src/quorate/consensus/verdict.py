"""What a judge says of a pair of answers, and what several of its verdicts come to."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PairVerdict:
    """A judge's answer to both directions of entailment between two answers."""

    a_implies_b: bool
    b_implies_a: bool
    reason: str

    @property
    def score(self) -> float:
        """The pair score: 1 if each implies the other, .5 if only one does, else 0."""
        return (self.a_implies_b + self.b_implies_a) / 2

    def swapped(self) -> "PairVerdict":
        """Return the verdict with A and B exchanged, to join it with one asked in the other order."""
        return PairVerdict(a_implies_b=self.b_implies_a, b_implies_a=self.a_implies_b, reason=self.reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """A judged pair: its score and the verdicts behind it, the first with the pair's first answer as A, then swapped.

    `cached`: the verdicts are from memory, nobody was asked.
    """

    score: float
    verdicts: tuple[PairVerdict, ...] = ()
    cached: bool = False


def joint_score(verdicts: Sequence[PairVerdict]) -> float:
    """Return the pair score of several verdicts on one pair (both orders): their mean, 0 for none."""
    return sum(verdict.score for verdict in verdicts) / len(verdicts) if verdicts else 0.0
