"""A vote on every field of JSON answers: one object whose values were each given by some answer."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import fsum
from statistics import fmean
from typing import Final, TypeAlias, cast

from quorate.consensus.json_value import vote_key
from quorate.consensus.question import Question
from quorate.consensus.reading import Reading

#: An object nested deeper is voted on as a whole.
MAX_DEPTH = 32
_MAJORITY = 0.5
_EXACT = 1e-9
_SUMMARY_CHARS = 200


class _Absent:
    """Stands for a field that an answer does not have: not having it is a vote too."""


_ABSENT: Final = _Absent()
_OBJECT: Final = "object"
_Key: TypeAlias = object


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonAnswer:
    """A JSON answer: its index, its vote (>= 0) and its value."""

    index: int
    weight: float
    value: object


@dataclass(frozen=True, slots=True, kw_only=True)
class Rival:
    """Another value of a field (as JSON, cut at 200 characters; '' for none) and who gave it."""

    text: str
    members: tuple[int, ...]
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """How one field was decided.

    `path` is a JSONPath, `$.city` or `$["a b"]`. `members` gave the value, `share` is their part of all votes. `text`
    is the value as JSON, '' where the field is left out. `open`: no value has more than half of the votes, so it is
    the best-weighted answer's; `rivals` are the other ones.
    """

    path: str
    text: str
    members: tuple[int, ...]
    share: float
    open: bool = False
    rivals: tuple[Rival, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldVote:
    """The value that was voted for, as JSON text, and how each of its fields was decided.

    `share` is the mean share of the fields, in [0, 1].
    """

    text: str
    fields: tuple[Field, ...]
    share: float


def json_answer(question: str, text: str, *, index: int, weight: float) -> JsonAnswer | None:
    """Return the JSON value of a reply as an answer that can be voted on; `None` if it has none that is valid JSON."""
    found = Reading(Question(question), text).json
    if found is None:
        return None
    try:
        json.dumps(found.value, allow_nan=False)
    except (ValueError, RecursionError):
        return None
    return JsonAnswer(index=index, weight=weight, value=found.value)


def vote_fields(answered: Sequence[JsonAnswer], *, total: float) -> FieldVote:
    """Return what at least one answer decides; the same for the answered in any order.

    `total` is the weight of all answers, also of those without JSON. Objects are gone into field by field; a field is
    decided by more than half of `total`, where not having it counts as a value. Values are equal as in the comparison
    of JSON answers: numbers as numbers, texts without case. An array is one value: a mixture of two lists would be one
    that nobody gave. Where nothing has more than half, the best-weighted answer decides (of equals the lowest index).
    Cost: no I/O, linear in the size of the values.
    """
    ordered = sorted(answered, key=lambda each: (-each.weight, each.index))
    value, fields = _Vote(total=total).decide("$", [(each, each.value) for each in ordered], 0)
    return FieldVote(text=_json(value), fields=tuple(fields), share=fmean(field.share for field in fields))


_Votes: TypeAlias = list[tuple[JsonAnswer, object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Vote:
    total: float

    def decide(self, path: str, votes: _Votes, depth: int) -> tuple[object, list[Field]]:
        """Return the value at `path`, and its fields. `votes` come best-weighted first."""
        groups: dict[_Key, _Votes] = {}
        for each, value in votes:
            groups.setdefault(_key(value, depth), []).append((each, value))
        winner = max(groups, key=lambda key: self._share(groups[key]))  # of equals, the best-weighted answer's
        won = self._share(groups[winner]) > _MAJORITY + _EXACT
        if not won:
            return self._open(path, votes)
        value = groups[winner][0][1]
        if winner is not _OBJECT:
            return value, [] if value is _ABSENT else [self._field(path, value, groups[winner])]
        merged, fields = self._object(path, groups[winner], depth)
        if merged or any(value == {} for _, value in groups[winner]):
            return merged, fields or [self._field(path, merged, groups[winner])]
        return self._open(path, groups[winner])

    def _object(self, path: str, votes: _Votes, depth: int) -> tuple[dict[str, object], list[Field]]:
        """Return the object whose fields are decided one by one, those of the best-weighted answer first."""
        objects = [(each, cast("dict[str, object]", value)) for each, value in votes]
        merged: dict[str, object] = {}
        fields: list[Field] = []
        for name in dict.fromkeys(name for _, value in objects for name in value):
            inner = [(each, value.get(name, _ABSENT)) for each, value in objects]
            value, found = self.decide(f"{path}{_step(name)}", inner, depth + 1)
            if value is not _ABSENT:
                merged[name] = value
            fields += found
        return merged, fields

    def _open(self, path: str, votes: _Votes) -> tuple[object, list[Field]]:
        """Return the value of the best-weighted answer as it is, with its rivals."""
        value = votes[0][1]
        groups: dict[_Key, _Votes] = {}
        for each, other in votes:
            groups.setdefault(_key(other, MAX_DEPTH), []).append((each, other))
        mine = groups.pop(_key(value, MAX_DEPTH))
        rivals = tuple(
            Rival(text=_text(group[0][1]), members=_members(group), share=self._share(group))
            for group in sorted(groups.values(), key=lambda group: (-self._share(group), _members(group)))
        )
        return value, [replace(self._field(path, value, mine), open=True, rivals=rivals)]

    def _field(self, path: str, value: object, votes: _Votes) -> Field:
        return Field(path=path, text=_text(value), members=_members(votes), share=self._share(votes))

    def _share(self, votes: _Votes) -> float:
        return min(fsum(each.weight for each, _ in votes) / self.total, 1.0) if self.total else 0.0


def _key(value: object, depth: int) -> _Key:
    if value is _ABSENT:
        return _ABSENT
    return _OBJECT if isinstance(value, dict) and depth < MAX_DEPTH else vote_key(cast("object", value))


def _members(votes: _Votes) -> tuple[int, ...]:
    return tuple(sorted(each.index for each, _ in votes))


def _step(name: str) -> str:
    return f".{name}" if name.isascii() and name.isidentifier() else f"[{json.dumps(name)}]"


def _text(value: object) -> str:
    text = "" if value is _ABSENT else _json(value)
    return text if len(text) <= _SUMMARY_CHARS else text[: _SUMMARY_CHARS - 1] + "\u2026"


def _json(value: object) -> str:
    """Return valid JSON that every encoding can carry; half a surrogate pair stays an escape."""
    text = json.dumps(value, ensure_ascii=False)
    return text if text.isascii() or text.isprintable() else json.dumps(value)
