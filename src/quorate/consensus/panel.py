"""Agreement of replies that arrive one by one: what was read and compared once is not read or compared again."""

import math
from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from dataclasses import replace
from typing import TypeAlias

from quorate.consensus.ballot import Ballot
from quorate.consensus.code import SameCode
from quorate.consensus.kind import Kind
from quorate.consensus.measure import Comparer, Member, kind_of, measure
from quorate.consensus.pairs import Rules
from quorate.consensus.question import Question
from quorate.consensus.reading import Reading
from quorate.consensus.result import Agreement, Answer
from quorate.consensus.tool_call import ToolCallText
from quorate.consensus.trust import Weighting
from quorate.consensus.verdict import Judgement, PairVerdict
from quorate.consensus.votes import Vote, votes
from quorate.core.errors import InvalidRequest

DEFAULT_THRESHOLD = 0.7
_Said: TypeAlias = tuple[str, bool, tuple[ToolCallText, ...]]


def agreement(
    prompt: str,
    answers: Sequence[Answer],
    *,
    kind: Kind | None = None,
    threshold: float = DEFAULT_THRESHOLD,
    key_fields: Sequence[str] = (),
    same_code: SameCode | None = None,
) -> Agreement:
    """Return the agreement of several answers to one prompt.

    `kind` overrides detection; `threshold` in (0, 1] is the pair score at which two answers agree, and the score at
    which `agreed` is true; `key_fields` name the top-level JSON fields that decide alone. `same_code` tells whether two
    programs that differ do the same; it is asked once for a pair, and what it raises is raised here. The score of a
    single answer is 1 of 1 and means nothing: ask at least two. Raises InvalidRequest for a threshold or weight out of
    range, never for a text. Cost: no I/O, one comparison per pair of distinct answers; about 1 ms for five short
    replies.
    """
    panel = Panel(prompt, kind=kind, threshold=threshold, key_fields=key_fields, same_code=same_code)
    for index, answer in enumerate(answers):
        panel.add(index, answer)
    return panel.agreement()


class Panel:
    """The answers received so far; `agreement()` equals the function of that name over them in index order.

    With a `ballot`, which has to hold a voter for every index, the votes are the ballot's instead of the answers' own,
    and an agreement has a confidence where one is known.
    """

    def __init__(
        self,
        prompt: str,
        *,
        kind: Kind | None = None,
        threshold: float = DEFAULT_THRESHOLD,
        key_fields: Sequence[str] = (),
        same_code: SameCode | None = None,
        ballot: Ballot | None = None,
    ) -> None:
        if not 0.0 < threshold <= 1.0:
            raise InvalidRequest(f"the threshold {threshold!r} is not in (0, 1]; 0.7 is usual", param="threshold")
        self._comparer = Comparer(Question(prompt), Rules(key_fields=tuple(key_fields), same_code=same_code))
        self._declared = kind
        self._threshold = threshold
        self._members: dict[int, Member] = {}
        self._readings: dict[_Said, Reading] = {}
        self._latest: Agreement | None = None
        self._ballot = ballot
        self._counted: Mapping[int, Answer] = {}

    def add(self, index: int, answer: Answer) -> None:
        """Add one answer under its index in the panel, in any order; each index at most once."""
        if index in self._members:
            raise InvalidRequest(f"answer {index!r} is already in the panel; add each index once", param="index")
        if not (math.isfinite(answer.weight) and answer.weight >= 0):
            raise InvalidRequest(
                f"the weight {answer.weight!r} of answer {index!r} is no vote; use a finite number >= 0", param="weight"
            )
        self._members[index] = Member(index=index, answer=answer, reading=self._read(answer))
        self._latest = None

    def read_ahead(self) -> None:
        """Read the answers so far as far as telling their kind does; changes nothing but the time that is left to do.

        For whoever waits for more answers: late ones are then measured sooner.
        """
        if self._declared is None:
            kind_of(self._comparer.question, [self._members[index] for index in sorted(self._members)])

    def _read(self, answer: Answer) -> Reading:
        """Return the reading of an answer; models that agree often agree to the letter, which is read once."""
        key = (answer.text, answer.complete, answer.tool_calls)
        reading = self._readings.get(key)
        if reading is None:
            reading = self._readings[key] = Reading(
                self._comparer.question, answer.text, complete=answer.complete, tool_calls=answer.tool_calls
            )
        return reading

    def judge(
        self, first: int, second: int, score: float, *, verdicts: Sequence[PairVerdict] = (), cached: bool = False
    ) -> None:
        """Replace the score of a pair by a judge's, in [0, 1]; it also lifts the cap on long prose.

        `verdicts` (with `first` as A, then swapped) and whether they were `cached` are shown in explanations only.
        """
        if first == second or not {first, second} <= self._members.keys():
            raise InvalidRequest(
                f"({first!r}, {second!r}) is no pair of this panel; add both answers first", param="pair"
            )
        if not 0.0 <= score <= 1.0:
            raise InvalidRequest(f"the judged score {score!r} is not in [0, 1]", param="score")
        given = tuple(verdicts) if first < second else tuple(reversed(verdicts))
        judgement = Judgement(score=score, verdicts=given, cached=cached)
        self._comparer.judged[min(first, second), max(first, second)] = judgement
        self._latest = None

    def supposing(self, pairs: Iterable[tuple[int, int]]) -> "Panel":
        """Return the panel as it would be if those pairs (lower index first) just agreed; this one stays as it is.

        They score the threshold, so that pairs which are known to agree better find together first.
        """
        other: Panel = copy(self)
        other._comparer = self._comparer.judging(dict.fromkeys(pairs, Judgement(score=self._threshold)))
        other._members = dict(self._members)
        other._latest = None
        return other

    def text(self, index: int) -> str:
        """Return the answer at an index as it is compared: without reasoning blocks, lead-ins and courtesies."""
        return self._members[index].reading.text

    def agreement(self) -> Agreement:
        """Return the agreement of the answers added so far; the same object until something is added."""
        if self._latest is None:
            self._latest = self._measured()
        return self._latest

    def _measured(self) -> Agreement:
        members = [self._members[index] for index in sorted(self._members)]
        kind = self._declared or kind_of(self._comparer.question, members)
        answers = {member.index: member.answer for member in members}
        ballot = self._ballot
        self._counted = answers if ballot is None else ballot.weighed(answers, kind)
        same = len({answer.weight for answer in answers.values()}) <= 1
        own = Weighting.EQUAL if same else Weighting.GIVEN
        found = measure(
            self._comparer,
            [_with(member, self._counted[member.index]) for member in members],
            kind=kind,
            threshold=self._threshold,
            weighting=own if ballot is None else ballot.weighting_for(kind),
        )
        return found if ballot is None else ballot.judged(found)

    def cannot_be_overtaken(self, outstanding: int | Sequence[float]) -> bool:
        """Whether the leader stays ahead even if all outstanding answers join the runner-up.

        `outstanding` is their number or their weights. A tie is not ahead. It assumes that the kind of the answers
        does not change with the late ones.
        """
        weights = [1.0] * outstanding if isinstance(outstanding, int) else list(outstanding)
        clusters = self.agreement().clusters
        if not clusters:
            return False
        leader = self._weight(clusters[0].members)
        runner_up = self._weight(clusters[1].members) if len(clusters) > 1 else 0.0
        return leader > runner_up + math.fsum(weights)

    def posterior(self) -> float | None:
        """Return how likely the leading answer is right by track records alone; `None` if the ballot has none."""
        return None if self._ballot is None else self._ballot.posterior(self.agreement())

    def _weight(self, indexes: Sequence[int]) -> float:
        counted = (self._counted[index] for index in indexes)
        return math.fsum(votes(Vote(answer.weight, answer.family) for answer in counted))


def _with(member: Member, answer: Answer) -> Member:
    return member if member.answer is answer else replace(member, answer=answer)
