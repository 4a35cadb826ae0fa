"""Stop rules: when enough branches of a stage have answered."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from quorate.consensus import Agreement, Panel
from quorate.parallel.plan import Mode, Plan


class Stopped(StrEnum):
    """Why a plan stopped waiting.

    Of a cascade: `content`, a stage's answer was good enough; `last_stage`, all stages were asked; `budget`, nothing
    more fitted under its cap; or `deadline`.
    """

    ALL_SETTLED = "all_settled"
    FIRST_SUCCESS = "first_success"
    FIRST_TOKEN = "first_token"  # noqa: S105 - a token of text
    AGREEMENT = "agreement"
    CANNOT_BE_OVERTAKEN = "cannot_be_overtaken"
    FAIL_FAST = "fail_fast"
    DEADLINE = "deadline"
    CONTENT = "content"
    LAST_STAGE = "last_stage"
    BUDGET = "budget"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a stage stands after an answer: how many have answered, how they agree, the weights still outstanding."""

    answered: int
    agreement: Agreement | None
    panel: Panel
    outstanding: Sequence[float]


class StopRule(Protocol):
    """Decides after each answer."""

    def decide(self, standing: Standing) -> Stopped | None:
        """Return why to stop now, or `None` to go on."""
        ...


@dataclass(frozen=True, slots=True)
class Never:
    """Wait for every branch."""

    def decide(self, standing: Standing) -> Stopped | None:
        """Go on."""
        del standing


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstSuccess:
    """Stop at `needed` answers (1 for a plain race)."""

    needed: int = 1

    def decide(self, standing: Standing) -> Stopped | None:
        """Stop once enough have answered."""
        return Stopped.FIRST_SUCCESS if standing.answered >= self.needed else None


@dataclass(frozen=True, slots=True, kw_only=True)
class EnoughAgreement:
    """Stop when at least `needed` have answered and agree to `threshold`, or when no other answer can win any more.

    The share is of the answers received, so one early voice never decides: `needed` is at least 2.
    """

    needed: int
    threshold: float

    def decide(self, standing: Standing) -> Stopped | None:
        """Stop on agreement or on a lead that the outstanding votes cannot turn."""
        agreement = standing.agreement
        if agreement is None or standing.answered < self.needed:
            return None
        if agreement.score >= self.threshold:
            return Stopped.AGREEMENT
        if standing.outstanding and standing.panel.cannot_be_overtaken(standing.outstanding):
            return Stopped.CANNOT_BE_OVERTAKEN
        return None


def min_models(plan: Plan, branches: int) -> int:
    """Return how many answers the plan needs: as written, else 1; for a quorum half of the branches, at least 2.

    A quorum of one branch needs that one.
    """
    if plan.mode is not Mode.QUORUM:
        return plan.min_models or 1
    return plan.min_models or min(branches, max(2, (branches + 1) // 2))


def stop_rule(plan: Plan, branches: int) -> StopRule:
    """Return the plan's rule for a stage of `branches`."""
    needed = min_models(plan, branches)
    match plan.mode:
        case Mode.ALL:
            return Never()
        case Mode.RACE:
            return FirstSuccess(needed=needed)
        case Mode.QUORUM:
            return EnoughAgreement(needed=needed, threshold=plan.threshold)
