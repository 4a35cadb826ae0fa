"""From verdicts to figures: how right a judge is, and which biases it has.

Position and self-preference: Zheng et al. 2023, "Judging LLM-as-a-Judge with MT-Bench and Chatbot Arena", section 3.3;
length: Dubois et al. 2024, "Length-Controlled AlpacaEval". A task, with both its orders, is one observation: intervals
are Wilson's where it is right or wrong as a whole, else bootstraps over tasks.
"""

from collections.abc import Mapping, Sequence
from statistics import fmean, median

import numpy as np

from quorate.analytics.intervals import Resamples
from quorate.analytics.judge_gap import floats, mean_gap
from quorate.analytics.judge_report import LEAST_TASKS, ChoiceFigures, JudgeFigures, JudgeReport, PairFigures
from quorate.analytics.judge_self import Read, self_figures
from quorate.analytics.judge_trial import Asked, ChoiceTrial, JudgeTrial, PairTrial
from quorate.analytics.report import Rate
from quorate.analytics.wilson import wilson
from quorate.core.errors import InvalidRequest

#: As many verdicts may change with the order before it is called a bias: a judge may waver where a pair is on the edge.
TOLERATED_CHANGES = 0.05
_EVEN = 0.5


def evaluate_judges(
    trials: Sequence[JudgeTrial],
    *,
    data: str,
    own: Mapping[str, str],
    threshold: float = 0.7,
    seed: int = 0,
    notes: Sequence[str] = (),
) -> JudgeReport:
    """Return the figures of every judge that the trials are of, in the order of their names, with 95 % intervals.

    `own` maps a judge to the name under which its own answers were recorded; `threshold` is the joint score at which a
    pair is found to agree. Same trials and seed, same report. Raises InvalidRequest if there are no trials.
    """
    if not trials:
        told = f" ({'; '.join(notes)})" if notes else ""
        raise InvalidRequest(f"no judge gave a verdict, so there is nothing to measure{told}")
    judges = sorted({trial.judge for trial in trials})
    return JudgeReport(
        data=data,
        threshold=threshold,
        seed=seed,
        judges=tuple(_judge(judge, trials, own.get(judge), threshold, seed) for judge in judges),
        notes=tuple(notes),
    )


def _judge(judge: str, trials: Sequence[JudgeTrial], own: str | None, threshold: float, seed: int) -> JudgeFigures:
    by_task = sorted((trial for trial in trials if trial.judge == judge), key=lambda trial: trial.task)
    asked: list[Asked] = [call for trial in by_task for call in trial.asked]
    costs = [call.cost_microusd for call in asked]
    known = [cost for cost in costs if cost is not None]
    latencies = [call.latency_s for call in asked]
    others = [trial for trial in trials if isinstance(trial, ChoiceTrial) and trial.judge != judge]
    return JudgeFigures(
        judge=judge,
        simulated=any(call.simulated for call in asked),
        calls=len(asked),
        unreadable=wilson(sum(bool(call.unreadable) for call in asked), len(asked)),
        cost_microusd=sum(known) if len(known) == len(costs) else None,
        median_latency_s=median(latencies),
        p95_latency_s=float(np.percentile(latencies, 95)),
        pairs=_pairs([trial for trial in by_task if isinstance(trial, PairTrial)], threshold, seed),
        choices=_choices([trial for trial in by_task if isinstance(trial, ChoiceTrial)], others, own, seed),
    )


def _pairs(trials: Sequence[PairTrial], threshold: float, seed: int) -> PairFigures | None:
    """Return the figures of the pairs with two verdicts; `None` if there are none."""
    both = [
        (trial.agree, trial.forward, trial.backward)
        for trial in trials
        if trial.forward is not None and trial.backward is not None
    ]
    if not both:
        return None
    scores = np.array([(sum(forward) + sum(backward)) / 4 for _, forward, backward in both])
    agree = np.array([label for label, _, _ in both])
    found = scores >= threshold
    changed = wilson(sum(forward != backward for _, forward, backward in both), len(both))
    return PairFigures(
        pairs=len(both),
        right=wilson(float((found == agree).sum()), len(both)),
        auc=Resamples(len(both), seed).auc(scores[:, None], agree[:, None]),
        kept=wilson(float((found & agree).sum()), int(agree.sum())) if agree.any() else None,
        passed=wilson(float((found & ~agree).sum()), int((~agree).sum())) if not agree.all() else None,
        changed=changed,
        position_bias=len(both) >= LEAST_TASKS and changed.low > TOLERATED_CHANGES,
    )


def _choices(
    trials: Sequence[ChoiceTrial], others: Sequence[ChoiceTrial], own: str | None, seed: int
) -> ChoiceFigures | None:
    """Return the figures of the choices that were read in both orders; `None` if there are none."""
    both = _read(trials)
    if not both:
        return None
    resamples = Resamples(len(both), seed)
    mixed = np.array([len(set(trial.right)) > 1 for trial, _ in both])
    right = floats([fmean(trial.right[position] for position in chosen) for trial, chosen in both])
    blind = floats([fmean(trial.right) for trial, _ in both])
    first = mean_gap(resamples, [_first(trial, chosen) - 1 / len(trial.models) for trial, chosen in both])
    longer = _longer(resamples, both)
    return ChoiceFigures(
        choices=len(both),
        right=resamples.ratio(right * mixed, mixed.astype(np.float64)),
        blind_right=float(blind[mixed].mean()) if mixed.any() else None,
        changed=wilson(sum(chosen[0] != chosen[1] for _, chosen in both), len(both)),
        first=first,
        position_bias=first.apart,
        longer=longer,
        length_bias=longer is not None and longer.count >= LEAST_TASKS and not longer.low <= _EVEN <= longer.high,
        own=None if own is None else self_figures(own, both, _read(others), seed),
    )


def _read(trials: Sequence[ChoiceTrial]) -> list[Read]:
    """Return the choices that were read in both orders."""
    both: list[Read] = []
    for trial in trials:
        one, other = trial.chosen
        if one is not None and other is not None:
            both.append((trial, (one, other)))
    return both


def _first(trial: ChoiceTrial, chosen: tuple[int, int]) -> float:
    """Return how often the choice stood in the first place: the second time the order was reversed."""
    return ((chosen[0] == 0) + (chosen[1] == len(trial.models) - 1)) / 2


def _longer(resamples: Resamples, both: Sequence[Read]) -> Rate | None:
    """Return how often a right answer that was chosen is longer than another right one."""
    tops: list[float] = []
    bottoms: list[float] = []
    for trial, chosen in both:
        rivals = [
            trial.lengths[position] > length
            for position in chosen
            if trial.right[position]
            for length, right in zip(trial.lengths, trial.right, strict=True)
            if right and length != trial.lengths[position]
        ]
        tops.append(sum(rivals))
        bottoms.append(len(rivals))
    return resamples.ratio(floats(tops), floats(bottoms))
