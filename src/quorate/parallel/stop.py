"""Stop rules: when enough branches of a stage have answered."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, assert_never

from quorate.consensus import Agreement, Panel
from quorate.consensus.posterior import lead_probability
from quorate.parallel.plan import Mode, Plan, StopForm

#: Answers that a quorum waits for by default: where it goes by the share, three, of small panels two.
_USUAL_QUORUM, _SMALL_PANEL, _LEAST_QUORUM = 3, 3, 2


class Stopped(StrEnum):
    """Why a plan stopped waiting.

    Of a cascade: `content`, a stage's answer was good enough; `last_stage`, all stages were asked; `budget`, nothing
    more fitted under its cap; or `deadline`.
    """

    ALL_SETTLED = "all_settled"
    FIRST_SUCCESS = "first_success"
    FIRST_TOKEN = "first_token"  # noqa: S105 - a token of text
    AGREEMENT = "agreement"
    POSTERIOR = "posterior"
    BETA = "beta"
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
class Enough:
    """Stop when at least `needed` have answered and `form` is satisfied, or when no other answer can win any more.

    The share is of the answers received, so one early voice never decides: `needed` is at least 2. `share` looks at
    `threshold`, `posterior` and `beta` at `confidence`; without track records a posterior is not known, and the share
    decides. What each form saves, measured: docs/explanation/agreement.md. Sources: the share and the lead are the
    plurality rules of self-consistency (Wang et al. 2023) stopped early; `posterior` is naive Bayes over track records;
    `beta` is Adaptive-Consistency (Aggarwal et al. 2023).
    """

    needed: int
    threshold: float
    form: StopForm = StopForm.SHARE
    confidence: float = 0.95

    def decide(self, standing: Standing) -> Stopped | None:
        """Stop when the form is satisfied, or on a lead that the outstanding votes cannot turn."""
        agreement = standing.agreement
        if agreement is None or standing.answered < self.needed:
            return None
        enough = self._enough(standing, agreement)
        if enough is not None:
            return enough
        if standing.outstanding and standing.panel.cannot_be_overtaken(standing.outstanding):
            return Stopped.CANNOT_BE_OVERTAKEN
        return None

    def _enough(self, standing: Standing, agreement: Agreement) -> Stopped | None:
        match self.form:
            case StopForm.SHARE:
                return Stopped.AGREEMENT if agreement.score >= self.threshold else None
            case StopForm.LEAD:
                return None
            case StopForm.POSTERIOR:
                sure = standing.panel.posterior()
                if sure is None:
                    return Stopped.AGREEMENT if agreement.score >= self.threshold else None
                return Stopped.POSTERIOR if sure >= self.confidence else None
            case StopForm.BETA:
                return Stopped.BETA if _lead(agreement) >= self.confidence else None
            case _:
                assert_never(self.form)


def _lead(agreement: Agreement) -> float:
    """Return how sure the lead in heads is; nothing leads where every answer abstained."""
    heads = [len(cluster.members) for cluster in agreement.clusters[:2]]
    return lead_probability(heads[0], sum(heads[1:])) if heads else 0.0


def min_models(plan: Plan, branches: int) -> int:
    """Return how many answers the plan needs: as written, else 1; for a quorum 3, or 2 if up to 3 run at once.

    So two cheap models may settle a question before two dear ones are asked. Two are also enough where track records
    or odds say when to stop. A quorum of one branch needs that one.
    """
    if plan.mode is not Mode.QUORUM:
        return plan.min_models or 1
    large = plan.stop is StopForm.SHARE and _at_once(plan, branches) > _SMALL_PANEL
    usual = _USUAL_QUORUM if large else _LEAST_QUORUM
    return plan.min_models or min(branches, usual)


def _at_once(plan: Plan, branches: int) -> int:
    """Return how many of the branches are in the largest group."""
    sizes: Counter[int] = Counter()
    for member in plan.members:
        sizes[member.group] += member.count
    return math.ceil(branches * max(sizes.values(), default=1) / max(sizes.total(), 1))


def stop_rule(plan: Plan, branches: int) -> StopRule:
    """Return the plan's rule for a stage of `branches`."""
    needed = min_models(plan, branches)
    match plan.mode:
        case Mode.ALL:
            return Never()
        case Mode.RACE:
            return FirstSuccess(needed=needed)
        case Mode.QUORUM:
            return Enough(needed=needed, threshold=plan.threshold, form=plan.stop, confidence=plan.stop_confidence)
