"""Where an answer comes from, part by part, and what speaks against it."""

from dataclasses import dataclass
from enum import StrEnum


class Basis(StrEnum):
    """How it is known which answers a part comes from.

    `answer`: it is a branch's own answer, word for word. `vote`: it was counted. `reported`: a model says so that was
    shown the answers and the parts. `unverified`: nobody says; the writer was shown these answers.
    """

    ANSWER = "answer"
    VOTE = "vote"
    REPORTED = "reported"
    UNVERIFIED = "unverified"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A part of the answer and the branches that it comes from.

    `part` is a JSONPath for a vote on fields, the part's text for a synthesis, '' for the whole answer. `share` is what
    the branches' votes are of all votes, in [0, 1]. A part without branches is one that no answer supports.
    """

    part: str
    branches: tuple[str, ...]
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Where each part of an answer comes from, and how that is known; `note` says why it is not known better."""

    basis: Basis
    sources: tuple[Source, ...]
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dissent:
    """Branches that say something else than the answer, and what they say (at most 200 characters).

    `part` is a JSONPath for a field that no majority decided, '' for the whole answer.
    """

    branches: tuple[str, ...]
    share: float
    answer: str
    part: str = ""
