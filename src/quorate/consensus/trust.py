"""What is known before a question is asked: how often models were right, and what an agreement has been worth."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from quorate.consensus.kind import Kind


class Weighting(StrEnum):
    """Where the votes of a panel come from.

    `equal`: one each. `given`: as the plan's members say. `learned`: from how often each model was right.
    """

    EQUAL = "equal"
    GIVEN = "given"
    LEARNED = "learned"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackRecord:
    """How often a model was `right` among `total` answers that somebody checked (fractions: discounted old ones)."""

    right: float
    total: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What an agreement shows that bears on whether its leading answer is right.

    `panel_size` counts all answers, abstentions included; `share` and `runner_up` are the weights of the largest and of
    the second cluster over all; `clusters` is the number of different answers; `supporters` and `panel` are the models
    (catalog names) behind the leading answer and behind all answers.
    """

    kind: Kind
    panel_size: int
    weighting: Weighting
    share: float
    runner_up: float
    clusters: int
    supporters: Sequence[str]
    panel: Sequence[str]


class Trust(Protocol):
    """Gives what is known; the answers may change while it lives, as labels come in. No call of it waits."""

    @property
    def informed(self) -> bool:
        """Whether anything is known at all: if not, nobody need ask."""
        ...

    def track_record(self, model: str, kind: Kind) -> TrackRecord | None:
        """Return how often the model (a catalog name) was right in answers of this kind; `None`: nothing is known."""
        ...

    def confidence(self, evidence: Evidence) -> float | None:
        """Return the probability that the leading answer is right; `None` while too few labels tell."""
        ...


class TrustOfTenants(ABC):
    """A `Trust` that knows more for one tenant than for another; what it says itself holds for all of them."""

    @abstractmethod
    def track_record(self, model: str, kind: Kind) -> TrackRecord | None:
        """As `Trust.track_record`."""

    @abstractmethod
    def confidence(self, evidence: Evidence) -> float | None:
        """As `Trust.confidence`."""

    @abstractmethod
    def for_tenant(self, tenant: str) -> Trust:
        """Return what is known for this tenant's questions, at this moment. Does not wait."""


class NoTrust:
    """Nothing is known."""

    @property
    def informed(self) -> bool:
        """Never."""
        return False

    def track_record(self, model: str, kind: Kind) -> None:
        """Return nothing."""
        del model, kind

    def confidence(self, evidence: Evidence) -> None:
        """Return nothing."""
        del evidence


NO_TRUST: Trust = NoTrust()
