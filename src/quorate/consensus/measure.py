"""From readings to an Agreement: who votes, which kind, how every two compare, which clusters, which medoids."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from quorate.consensus.clean import Abstention
from quorate.consensus.cluster import complete_linkage
from quorate.consensus.detect import detect_kind
from quorate.consensus.kind import Kind
from quorate.consensus.pairs import NO_RULES, Rules, compare
from quorate.consensus.question import Question
from quorate.consensus.reading import Reading
from quorate.consensus.result import Agreement, Answer, Cluster, Pair, Reason
from quorate.consensus.trust import Weighting
from quorate.consensus.verdict import Judgement
from quorate.consensus.votes import Vote, entropy, votes

_FREE_KINDS = frozenset({Kind.SHORT, Kind.PROSE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """An answer, its index in the panel and its reading."""

    index: int
    answer: Answer
    reading: Reading


class Comparer:
    """The pair scores of one panel, each computed once; a judge's score replaces the computed one."""

    def __init__(self, question: Question, rules: Rules = NO_RULES) -> None:
        self.question = question
        self.rules = rules
        self.judged: dict[tuple[int, int], Judgement] = {}
        self._known: dict[tuple[Kind, int, int], Pair] = {}

    def pair(self, kind: Kind, one: Member, other: Member) -> Pair:
        """Return the pair of two members, lower index first."""
        first, second = (one, other) if one.index < other.index else (other, one)
        key = (kind, first.index, second.index)
        known = self._known.get(key)
        if known is None:
            result = compare(self.question, kind, first.reading, second.reading, self.rules)
            known = Pair(first=first.index, second=second.index, score=result.score, guards=result.guards)
            self._known[key] = known
        judgement = self.judged.get((first.index, second.index))
        if judgement is None:
            return known
        return replace(known, score=judgement.score, judged=True, compared=known.score, judgement=judgement)

    def judging(self, judgements: Mapping[tuple[int, int], Judgement]) -> "Comparer":
        """Return a comparer with some more judgements; what was computed serves both."""
        other = Comparer(self.question, self.rules)
        other.judged = {**self.judged, **judgements}
        other._known = self._known
        return other


def measure(
    comparer: Comparer,
    members: Sequence[Member],
    *,
    kind: Kind | None,
    threshold: float,
    weighting: Weighting = Weighting.EQUAL,
    detailed: bool = True,
) -> Agreement:
    """Return the agreement of members in index order; `detailed=False` leaves out what only `explain` needs."""
    reasons = _abstentions(members)
    voters = [member for member in members if member.index not in reasons]
    found = kind or kind_of(comparer.question, voters)
    if found not in _FREE_KINDS:
        reasons |= {member.index: Abstention.NO_ANSWER for member in voters if member.reading.answer(found) is None}
        voters = [member for member in voters if member.index not in reasons]
    refused = bool(members) and all(reason is Abstention.REFUSAL for reason in reasons.values()) and not voters
    if refused:
        voters, reasons = list(members), {}
    table = _Table(comparer=comparer, kind=found, voters=voters, refused=refused)
    clusters = table.clusters(threshold, [member.answer.weight for member in members if member.index in reasons])
    return Agreement(
        score=clusters[0].share if clusters else 0.0,
        kind=found,
        clusters=clusters,
        abstentions=tuple(sorted(reasons)),
        threshold=threshold,
        method=_method(found, refused=refused, judged=bool(comparer.judged)),
        weighting=weighting,
        entropy=entropy(clusters),
        dissent=tuple(_said(cluster, members) for cluster in clusters[1:]) if detailed else (),
        pairs=tuple(table.pairs.values()) if detailed else (),
        reasons=tuple(Reason(index=index, reason=reasons[index]) for index in sorted(reasons)),
        indexes=tuple(member.index for member in members),
        names=tuple(member.answer.name for member in members) if detailed else (),
        answers=_answers(found, members, reasons) if detailed else (),
    )


def kind_of(question: Question, members: Sequence[Member]) -> Kind:
    """Return the kind of the members' answers; those that abstain say nothing about it."""
    reasons = _abstentions(members)
    readings = [member.reading for member in members if member.index not in reasons]
    first = readings[0] if readings else None
    # Replies that are the same to the letter share one reading, and are of the kind that one of them is.
    return detect_kind(question, readings[:1] if all(reading is first for reading in readings) else readings)


def _abstentions(members: Sequence[Member]) -> dict[int, Abstention]:
    return {
        member.index: member.reading.cleaned.abstention
        for member in members
        if member.reading.cleaned.abstention is not None
    }


def _method(kind: Kind, *, refused: bool, judged: bool) -> str:
    if refused:
        return "refusal"
    if judged:
        return "judged"
    return "compared" if kind in _FREE_KINDS else "extracted"


def _answers(kind: Kind, members: Sequence[Member], reasons: Mapping[int, Abstention]) -> tuple[str | None, ...]:
    return tuple(None if member.index in reasons else member.reading.answer(kind) for member in members)


def _said(cluster: Cluster, members: Sequence[Member]) -> str:
    """Return a cluster's answer; of prose, which has none, the text of the medoid."""
    return cluster.answer or next(member.reading.text for member in members if member.index == cluster.medoid)


class _Table:
    """The voters of one measurement and the scores between them."""

    def __init__(self, *, comparer: Comparer, kind: Kind, voters: Sequence[Member], refused: bool) -> None:
        self.kind = kind
        self.voters = voters
        self.refused = refused
        self.judged = bool(comparer.judged)
        self.pairs: dict[tuple[int, int], Pair] = {}
        if not refused:
            for position, one in enumerate(voters):
                for other in voters[position + 1 :]:
                    self.pairs[one.index, other.index] = comparer.pair(kind, one, other)

    def clusters(self, threshold: float, abstained: Sequence[float]) -> tuple[Cluster, ...]:
        """Return the clusters, heaviest first; ties go to the more cohesive, then by content, last by index."""
        parts = [(part, _votes(part)) for part in self._parts(threshold)]
        total = math.fsum([*abstained, *(vote for _, cast in parts for vote in cast)])
        if len(parts) > 1:
            parts.sort(key=lambda part: self._precedence(*part))
        return tuple(self._cluster(part, math.fsum(cast), total) for part, cast in parts)

    def _parts(self, threshold: float) -> list[Sequence[Member]]:
        voters = self.voters
        if voters and all(pair.score >= threshold for pair in self.pairs.values()):
            return [voters]
        by_content = sorted(range(len(voters)), key=lambda at: (voters[at].reading.said, voters[at].index))
        order = {position: rank for rank, position in enumerate(by_content)}
        found = complete_linkage(
            [order[position] for position in range(len(voters))],
            [member.answer.weight for member in voters],
            lambda one, other: self.score(voters[one], voters[other]),
            threshold,
        )
        return [[voters[at] for at in part] for part in found]

    def score(self, one: Member, other: Member) -> float:
        """Return the score of two voters."""
        if self.refused or one.index == other.index:
            return 1.0
        key = (one.index, other.index) if one.index < other.index else (other.index, one.index)
        return self.pairs[key].score

    def _cluster(self, part: Sequence[Member], weight: float, total: float) -> Cluster:
        medoid = self._medoid(part)
        return Cluster(
            members=tuple(sorted(member.index for member in part)),
            share=min(weight / total, 1.0) if total else 0.0,
            answer="" if self.refused else medoid.reading.answer(self.kind) or "",
            medoid=medoid.index,
        )

    def _medoid(self, part: Sequence[Member]) -> Member:
        if self._is_one(part):
            return min(part, key=lambda member: (-member.answer.weight, member.index))
        lengths = sorted(len(member.reading.said) for member in part)
        typical = lengths[(len(lengths) - 1) // 2]
        return min(
            part,
            key=lambda member: (
                -math.fsum(self.score(member, other) * other.answer.weight for other in part),
                -member.answer.weight,
                abs(len(member.reading.said) - typical),
                member.reading.said,
                member.index,
            ),
        )

    def _is_one(self, part: Sequence[Member]) -> bool:
        """Whether all members are one text, and no judge has said otherwise: then each agrees as much as any other."""
        first = part[0].reading
        if len(part) > 1 and (self.judged or first.calls is not None):
            return False
        return all(member.reading is first for member in part)

    def _precedence(self, members: Sequence[Member], cast: Iterable[float]) -> tuple[float, float, list[str], int]:
        weight = math.fsum(cast)
        scores = sorted(self.score(one, other) for at, one in enumerate(members) for other in members[at + 1 :])
        cohesion = math.fsum(scores) / len(scores) if scores else 1.0
        texts = sorted(member.reading.said for member in members)
        return (-weight, -cohesion, texts, min(member.index for member in members))


def _votes(part: Iterable[Member]) -> list[float]:
    return votes(Vote(member.answer.weight, member.answer.family) for member in part)
