"""What a measurement of agreement says: clusters, score, abstentions, and why."""

from dataclasses import dataclass
from typing import TypeAlias

from quorate.consensus.clean import Abstention
from quorate.consensus.kind import Kind
from quorate.consensus.trust import Weighting

Explanation: TypeAlias = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One reply to be compared.

    `name` is shown in explanations only; `weight` (finite, >= 0) is the reply's vote; `complete=False` marks a
    truncated reply, which abstains. Replies of one `family` (a vendor, say) that agree count less and less: the
    heaviest its whole vote, the next half of it, a third, ...; '' belongs to none.
    """

    text: str
    name: str = ""
    weight: float = 1.0
    complete: bool = True
    family: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """Replies that all agree with each other.

    `members` and `medoid` are indexes of the answers as given, `share` is the weight of the members over the weight of
    all answers (abstentions included), `answer` the normalised answer ('' for prose: use the medoid's text). The medoid
    agrees most with the other members; ties go to the greater weight, then to the typical length.
    """

    members: tuple[int, ...]
    share: float
    answer: str
    medoid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """How much two answers agree (`first` < `second` are their indexes) and the guards that lowered the score."""

    first: int
    second: int
    score: float
    guards: tuple[str, ...] = ()
    judged: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why an answer abstained."""

    index: int
    reason: Abstention


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """The measured agreement of a set of answers.

    `score` is the share of the largest cluster, in [0, 1], abstentions counted below the line: a measurement, not a
    probability of being right. That is `confidence`, learned from checked answers of the same kind; `None`, and not
    `calibrated`, while too few are known. `clusters` come largest first. `weighting` says where the votes came from.
    `entropy`, in nats, tells how far the votes are spread over the clusters, abstentions left out: 0 if all agree,
    log(n) for n that each say something else. `dissent` is what the smaller clusters answer, the largest first.
    `answers` holds the normalised answer of every index in `indexes` (None: it has none).
    """

    score: float
    kind: Kind
    clusters: tuple[Cluster, ...]
    abstentions: tuple[int, ...]
    threshold: float
    method: str
    weighting: Weighting = Weighting.GIVEN
    confidence: float | None = None
    entropy: float = 0.0
    dissent: tuple[str, ...] = ()
    pairs: tuple[Pair, ...] = ()
    reasons: tuple[Reason, ...] = ()
    indexes: tuple[int, ...] = ()
    names: tuple[str, ...] = ()
    answers: tuple[str | None, ...] = ()

    @property
    def leader(self) -> Cluster | None:
        """The largest cluster, or None if every answer abstained."""
        return self.clusters[0] if self.clusters else None

    @property
    def calibrated(self) -> bool:
        """Whether the probability of being right is known."""
        return self.confidence is not None

    @property
    def agreed(self) -> bool:
        """Whether the score reaches the threshold."""
        return bool(self.clusters) and self.score >= self.threshold

    def explain(self) -> Explanation:
        """Return the whole measurement as JSON-able values: answers, pairs with guards, clusters, abstentions."""
        return {
            "kind": str(self.kind),
            "method": self.method,
            "score": self.score,
            "threshold": self.threshold,
            "calibrated": self.calibrated,
            "confidence": self.confidence,
            "weighting": str(self.weighting),
            "entropy": self.entropy,
            "dissent": list(self.dissent),
            "answers": [
                {"index": index, "name": name, "answer": answer}
                for index, name, answer in zip(self.indexes, self.names, self.answers, strict=True)
            ],
            "pairs": [_pair(pair) for pair in self.pairs],
            "clusters": [_cluster(cluster) for cluster in self.clusters],
            "abstentions": [{"index": reason.index, "reason": str(reason.reason)} for reason in self.reasons],
        }


def _pair(pair: Pair) -> Explanation:
    return {
        "first": pair.first,
        "second": pair.second,
        "score": pair.score,
        "guards": list(pair.guards),
        "judged": pair.judged,
    }


def _cluster(cluster: Cluster) -> Explanation:
    return {
        "members": list(cluster.members),
        "share": cluster.share,
        "answer": cluster.answer,
        "medoid": cluster.medoid,
    }
