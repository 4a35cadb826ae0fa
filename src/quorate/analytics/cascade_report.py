"""What a cascade is worth on recorded answers: right answers and cost, beside those of each model alone."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from quorate.analytics.cascade_cases import CascadeCase, CascadeCases
from quorate.analytics.intervals import Resamples
from quorate.analytics.report import Rate
from quorate.consensus.escalation import EscalationRule
from quorate.core.units import MICROUSD_PER_USD


@dataclass(frozen=True, slots=True, kw_only=True)
class Alone:
    """One model alone: answers right, and what 1,000 answers cost in US dollars (`None`: not recorded)."""

    model: str
    accuracy: Rate
    usd_per_1000: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CascadeReport:
    """A cascade on recorded answers; shares with their 95 % intervals (bootstrap over prompts).

    `how` says when it escalates. `best` is the model that alone is right most often, `relative_cost` the cascade's cost
    as a share of that one's; `gain` the difference of their shares of right answers. `calls` are requests to models per
    prompt. `mean_latency_s`: the slowest cheap answer, and the strong one where it escalates. `None`: not recorded.
    """

    how: str
    cheap: tuple[str, ...]
    strong: str
    prompts: int
    skipped: int
    priced: int
    accuracy: Rate
    escalated: Rate
    gain: Rate
    relative_cost: Rate | None
    usd_per_1000: float | None
    calls: float
    mean_latency_s: float | None
    kept_right: Rate | None
    alone: tuple[Alone, ...]
    best: str

    def to_dict(self) -> dict[str, object]:
        """Return plain JSON values."""
        return asdict(self)


def evaluate_cascade(
    found: CascadeCases, *, rule: EscalationRule | None = None, below: float = 0.7, seed: int = 0
) -> CascadeReport:
    """Return what the cascade is worth that escalates by `rule`, without one on agreement `below`.

    `kept_right` is how often an answer that did not escalate is right. Same cases and seed, same report. Cost: a second
    for 5,000 cases.
    """
    cases = found.cases
    resamples = Resamples(len(cases), seed)
    goes_on = np.array([_escalates(case, rule, below) for case in cases])
    cheap = np.array([case.right for case in cases], dtype=np.float64)
    strong = np.array([case.strong_right for case in cases], dtype=np.float64)
    right = np.where(goes_on, strong, cheap)
    models = (*found.cheap, found.strong)
    table = np.array([[*case.each_right, case.strong_right] for case in cases], dtype=np.float64)
    costs = _costs(cases)
    place = int(table.mean(axis=0).argmax())
    spent = None if costs is None else costs[:, :-1].sum(axis=1) + goes_on * costs[:, -1]
    return CascadeReport(
        how=f"agreement below {below:g}" if rule is None else _told(rule),
        cheap=found.cheap,
        strong=found.strong,
        prompts=len(cases),
        skipped=found.read - len(cases),
        priced=found.priced,
        accuracy=resamples.mean(right),
        escalated=resamples.mean(goes_on.astype(np.float64)),
        gain=resamples.mean(right - table[:, place]),
        relative_cost=None if spent is None or costs is None else resamples.ratio(spent, costs[:, place]),
        usd_per_1000=None if spent is None else _per_1000(spent),
        calls=len(found.cheap) + float(goes_on.mean()),
        mean_latency_s=_latency_s(cases, goes_on),
        kept_right=resamples.ratio(cheap * ~goes_on, (~goes_on).astype(np.float64)),
        alone=tuple(
            Alone(
                model=model,
                accuracy=resamples.mean(table[:, at]),
                usd_per_1000=None if costs is None else _per_1000(costs[:, at]),
            )
            for at, model in enumerate(models)
        ),
        best=models[place],
    )


def _told(rule: EscalationRule) -> str:
    origin = rule.origin
    return f"rule of {origin.fitted_on}, fitted on {origin.prompts} prompts of {origin.data}"


def _escalates(case: CascadeCase, rule: EscalationRule | None, below: float) -> bool:
    return case.agreement < below if rule is None else rule.gain(case.features) >= rule.least_gain


def _costs(cases: Sequence[CascadeCase]) -> NDArray[np.float64] | None:
    """Return what each model costs for each prompt, shape (prompts, models), the strong one last; or `None`."""
    rows = [
        (*case.each_cost, case.strong_cost)
        for case in cases
        if case.each_cost is not None and case.strong_cost is not None
    ]
    return np.array(rows, dtype=np.float64) if len(rows) == len(cases) else None


def _per_1000(costs: NDArray[np.float64]) -> float:
    return float(costs.mean()) * 1000 / MICROUSD_PER_USD


def _latency_s(cases: Sequence[CascadeCase], goes_on: NDArray[np.bool_]) -> float | None:
    took: list[float] = []
    for case, on in zip(cases, goes_on, strict=True):
        if case.cheap_latency_s is None or case.strong_latency_s is None:
            return None
        took.append(case.cheap_latency_s + (case.strong_latency_s if on else 0.0))
    return sum(took) / len(took)
