"""Fitting the rule by which a cascade escalates, and what every setting of it would give."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from quorate.analytics.cascade_cases import CascadeCase, CascadeCases
from quorate.analytics.logistic import Logistic, fit_logistic
from quorate.consensus.escalation import MOST_DEVIATIONS, EscalationRule, RuleOrigin, Scaled
from quorate.core.errors import InvalidRequest

#: The ridge on standardised features: chosen on the development halves of two data sets, where 10 to 100 differ little.
RIDGE = 30.0
#: Fewer prompts than this fit noise.
LEAST_CASES = 50
_FOLDS = 5
_FRONTIER_POINTS = 21
_LEAST_DEVIATION = 1e-6


class Target(StrEnum):
    """What a rule is to give.

    `quality`: the most right answers within a share of the strong model's cost. `cost`: the least cost that has so many
    right answers.
    """

    QUALITY = "quality"
    COST = "cost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What escalating a `share` of the prompts gives: answers right, and cost as a share of the strong model's alone.

    `least_gain` is the rule's; `relative_cost` is `None` where costs are not recorded.
    """

    share: float
    least_gain: float
    accuracy: float
    relative_cost: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """The rule, the setting that it has, and the whole frontier: figures on prompts that each fit had not seen."""

    rule: EscalationRule
    chosen: Setting
    frontier: tuple[Setting, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fit:
    names: tuple[str, ...]
    means: NDArray[np.float64]
    deviations: NDArray[np.float64]
    stay: Logistic
    strong: Logistic

    def gain(self, cases: Sequence[CascadeCase]) -> NDArray[np.float64]:
        scaled = _scaled(_table(cases, self.names), self.means, self.deviations)
        return self.strong.probability(scaled) - self.stay.probability(scaled)


def fit_cascade(
    found: CascadeCases, *, target: Target, limit: float | None, origin: RuleOrigin, ridge: float = RIDGE
) -> Fitted:
    """Return the rule for `target` on the cases.

    `limit`: for `quality` the most it may cost, as a share of the strong model's cost (`None`: whatever it takes); for
    `cost` the least share of right answers (`None`: as many as the strong model has). Two logistic regressions tell how
    likely the cheap answer and the strong one are right; the frontier and the choice come from five-fold
    cross-validation, by the digest of the prompt's id. Raises `InvalidRequest` for too few cases, a limit that nothing
    reaches, and missing costs. Cost: a second for 5,000 cases.
    """
    cases = found.cases
    if len(cases) < LEAST_CASES:
        raise InvalidRequest(f"{len(cases)} prompts can be used; a rule needs {LEAST_CASES} at least", param="data")
    needs_cost = target is Target.COST or limit is not None
    if needs_cost and found.priced < len(cases):
        raise InvalidRequest(
            f"the costs of {found.priced} of {len(cases)} prompts are recorded; give all of them in a file (--costs)",
            param="costs",
        )
    gains = _unseen_gains(cases, ridge)
    frontier = _frontier(cases, gains)
    chosen = _choose(cases, frontier, target, limit)
    rule = _rule(_fit(cases, ridge), chosen, found, origin)
    return Fitted(rule=rule, chosen=chosen, frontier=_thinned(frontier))


def _unseen_gains(cases: Sequence[CascadeCase], ridge: float) -> NDArray[np.float64]:
    """Return the gain of each case by a fit that has not seen it."""
    folds = np.array([sha256(f"fold/{case.prompt_id}".encode()).digest()[0] % _FOLDS for case in cases])
    gains = np.zeros(len(cases))
    for fold in range(_FOLDS):
        away = folds == fold
        if away.any() and not away.all():
            fit = _fit([case for case, out in zip(cases, away, strict=True) if not out], ridge)
            gains[away] = fit.gain([case for case, out in zip(cases, away, strict=True) if out])
    return gains


def _fit(cases: Sequence[CascadeCase], ridge: float) -> _Fit:
    every = tuple(sorted({name for case in cases for name in case.features}))
    table = _table(cases, every)
    # One that hardly varies tells nothing, and a later prompt may be far from it.
    kept = table.std(axis=0) > _LEAST_DEVIATION
    names = tuple(name for name, keep in zip(every, kept, strict=True) if keep)
    table = table[:, kept]
    means, deviations = table.mean(axis=0), table.std(axis=0)
    scaled = _scaled(table, means, deviations)
    right = np.array([case.right for case in cases])
    strong = np.array([case.strong_right for case in cases])
    return _Fit(
        names=names,
        means=means,
        deviations=deviations,
        stay=fit_logistic(scaled, right, ridge=ridge),
        strong=fit_logistic(scaled, strong, ridge=ridge),
    )


def _table(cases: Sequence[CascadeCase], names: Sequence[str]) -> NDArray[np.float64]:
    return np.array([[case.features.get(name, 0.0) for name in names] for case in cases])


def _scaled(
    table: NDArray[np.float64], means: NDArray[np.float64], deviations: NDArray[np.float64]
) -> NDArray[np.float64]:
    return np.clip((table - means) / deviations, -MOST_DEVIATIONS, MOST_DEVIATIONS)


def _frontier(cases: Sequence[CascadeCase], gains: NDArray[np.float64]) -> list[Setting]:
    """Return a setting for every number of escalated prompts, none first: those with the greatest gain escalate."""
    order = np.argsort(-gains, kind="stable")
    right = np.array([case.right for case in cases], dtype=np.float64)
    strong = np.array([case.strong_right for case in cases], dtype=np.float64)
    won = np.concatenate([[0.0], np.cumsum((strong - right)[order])]) + right.sum()
    cheap, dear = _cost_columns(cases)
    spent = None if cheap is None else np.concatenate([[0.0], np.cumsum(dear[order])]) + cheap.sum()
    whole = float(dear.sum()) or 1.0
    edges = np.concatenate([[1.0], gains[order]])
    count = len(cases)
    return [
        Setting(
            share=taken / count,
            least_gain=float(edges[taken]) if taken else 1.0,
            accuracy=float(won[taken]) / count,
            relative_cost=None if spent is None else float(spent[taken]) / whole,
        )
        for taken in range(count + 1)
    ]


def _cost_columns(cases: Sequence[CascadeCase]) -> tuple[NDArray[np.float64] | None, NDArray[np.float64]]:
    """Return what the cheap models and the strong one cost for each prompt; no cheap ones unless all are known."""
    if any(case.each_cost is None or case.strong_cost is None for case in cases):
        return None, np.zeros(len(cases))
    cheap = np.array([sum(case.each_cost or ()) for case in cases])
    return cheap, np.array([case.strong_cost or 0.0 for case in cases])


def _choose(cases: Sequence[CascadeCase], frontier: Sequence[Setting], target: Target, limit: float | None) -> Setting:
    if target is Target.QUALITY:
        fitting = [each for each in frontier if limit is None or (each.relative_cost or 0.0) <= limit]
        if not fitting:
            least = frontier[0].relative_cost or 0.0
            raise InvalidRequest(
                f"the cheap models alone cost {least:.3f} of the strong one; at most {limit:g} cannot be reached",
                param="at_most",
            )
        return max(fitting, key=lambda each: (each.accuracy, -each.share))
    wanted = sum(case.strong_right for case in cases) / len(cases) if limit is None else limit
    fitting = [each for each in frontier if each.accuracy >= wanted]
    if not fitting:
        best = max(each.accuracy for each in frontier)
        raise InvalidRequest(
            f"no setting has {wanted:.3f} of the answers right; the best has {best:.3f}", param="at_least"
        )
    return min(fitting, key=lambda each: (each.relative_cost or 0.0, -each.accuracy))


def _thinned(frontier: Sequence[Setting]) -> tuple[Setting, ...]:
    places = np.linspace(0, len(frontier) - 1, min(_FRONTIER_POINTS, len(frontier)))
    return tuple(frontier[round(float(place))] for place in places)


def _rule(fit: _Fit, chosen: Setting, found: CascadeCases, origin: RuleOrigin) -> EscalationRule:
    return EscalationRule(
        answers=len(found.cheap),
        least_gain=chosen.least_gain,
        share=chosen.share,
        stay=fit.stay.intercept,
        strong=fit.strong.intercept,
        features=tuple(
            Scaled(
                name=name,
                mean=float(fit.means[place]),
                deviation=float(fit.deviations[place]),
                stay=float(fit.stay.weights[place]),
                strong=float(fit.strong.weights[place]),
            )
            for place, name in enumerate(fit.names)
        ),
        origin=origin,
    )
