"""Self-preference: whether a judge takes its own answer more often than its being right or wrong explains."""

from collections.abc import Sequence
from dataclasses import dataclass

from quorate.analytics.intervals import Resamples
from quorate.analytics.judge_gap import mean_gap, mean_rate
from quorate.analytics.judge_report import Gap, SelfFigures
from quorate.analytics.judge_trial import ChoiceTrial
from quorate.analytics.report import Rate

#: A choice, and the position chosen in each of the two orders.
Read = tuple[ChoiceTrial, tuple[int, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Standing:
    """One choice with the judge's own answer in it.

    `taken` is how often it was chosen, `others` how often by the other judges; `excess` and `others_excess`: how much
    more often than blindly among answers as right or wrong as the one taken (`None`: there was no such choice).
    """

    right: bool
    taken: float
    others: float | None
    excess: float | None
    others_excess: float | None


def self_figures(own: str, choices: Sequence[Read], others: Sequence[Read], seed: int) -> SelfFigures:
    """Return how often the answer of the model called `own` was chosen, and by `others` in the same choices."""
    by_task: dict[str, list[Read]] = {}
    for read in others:
        by_task.setdefault(read[0].task, []).append(read)
    found = [
        _standing(trial, chosen, trial.models.index(own), by_task.get(trial.task, []))
        for trial, chosen in choices
        if own in trial.models
    ]
    among_equals = _gap([each.excess for each in found], seed)
    preference = _gap(
        [
            None if each.excess is None or each.others_excess is None else each.excess - each.others_excess
            for each in found
        ],
        seed,
    )
    decisive = among_equals if preference is None else preference
    return SelfFigures(
        model=own,
        choices=len(found),
        when_right=_rate([each.taken for each in found if each.right], seed),
        when_wrong=_rate([each.taken for each in found if not each.right], seed),
        others_right=_rate([each.others for each in found if each.right], seed),
        others_wrong=_rate([each.others for each in found if not each.right], seed),
        among_equals=among_equals,
        preference=preference,
        bias=decisive is not None and decisive.apart and decisive.value > 0,
    )


def _standing(trial: ChoiceTrial, chosen: tuple[int, int], own: int, others: Sequence[Read]) -> _Standing:
    theirs = [position for _, positions in others for position in positions]
    return _Standing(
        right=trial.right[own],
        taken=chosen.count(own) / len(chosen),
        others=theirs.count(own) / len(theirs) if theirs else None,
        excess=_excess(trial, chosen, own),
        others_excess=_excess(trial, theirs, own),
    )


def _excess(trial: ChoiceTrial, chosen: Sequence[int], own: int) -> float | None:
    equals = trial.right.count(trial.right[own])
    among = [position for position in chosen if trial.right[position] == trial.right[own]]
    return among.count(own) / len(among) - 1 / equals if among and equals > 1 else None


def _rate(values: Sequence[float | None], seed: int) -> Rate | None:
    known = [value for value in values if value is not None]
    return mean_rate(Resamples(len(known), seed), known) if known else None


def _gap(values: Sequence[float | None], seed: int) -> Gap | None:
    known = [value for value in values if value is not None]
    return mean_gap(Resamples(len(known), seed), known) if known else None
