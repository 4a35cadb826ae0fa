"""What track records and calibration are worth: fitted on one half of the prompts, judged on the other."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from quorate.analytics.early_stop import Form, StopRun, stopped
from quorate.analytics.intervals import Resamples
from quorate.analytics.labelled import (
    Vote,
    count,
    equal_vote,
    label,
    leader_right,
    learned_vote,
    records_of,
    training_labels,
)
from quorate.analytics.report import ScoreFigures, StopFigures, TrustReport
from quorate.analytics.trial import Rules, Trial
from quorate.consensus.calibration import LEAST_COMBINED, Calibration, Label, Records, fit
from quorate.consensus.trust import Weighting

_BINS = 10
#: Probabilities are compared in steps of half a point: it makes the bootstrap of an area cheap.
_STEPS = 200


def trust_reports(trials: Sequence[Trial], rules: Rules) -> tuple[TrustReport, ...]:
    """Return the figures of each track that has enough prompts (200 in each half); the halves go by a hash."""
    tracks = sorted({trial.track for trial in trials})
    found = (_report(track, [trial for trial in trials if trial.track == track], rules) for track in tracks)
    return tuple(report for report in found if report is not None)


def in_first_half(trial: Trial) -> bool:
    """Return whether a prompt is one to learn from, by the SHA-256 of its text."""
    return int(trial.digest[:2], 16) % 2 == 0


def _report(track: str, trials: Sequence[Trial], rules: Rules) -> TrustReport | None:
    learn = [trial for trial in trials if in_first_half(trial)]
    judge = [trial for trial in trials if not in_first_half(trial)]
    if min(len(learn), len(judge)) < LEAST_COMBINED:
        return None
    records = records_of(learn)
    calibration = fit(training_labels(learn, records))
    by_share = Calibration(cells=calibration.cells, records={})  # no model is known: the share alone speaks
    resamples = Resamples(len(judge), rules.seed)
    scores: list[ScoreFigures] = []
    stops: list[StopFigures] = []
    for weighting, vote in ((Weighting.EQUAL, equal_vote), (Weighting.LEARNED, learned_vote(records))):
        labels = [[label(trial, panel.standings[-1], vote, weighting) for panel in trial.panels] for trial in judge]
        right = np.array([[each.correct for each in row] for row in labels])
        for name, values in _scored(labels, by_share, calibration):
            scores.append(
                ScoreFigures(
                    votes=weighting.value,
                    score=name,
                    accuracy=resamples.mean(right.mean(axis=1)),
                    auc=resamples.auc(np.round(values * _STEPS) / _STEPS, right),
                    ece=expected_calibration_error(values.ravel(), right.ravel()),
                )
            )
        stops.extend(_stops(judge, weighting, vote, records, rules, resamples))
    return TrustReport(track=track, fitted=len(learn), judged=len(judge), scores=tuple(scores), stops=tuple(stops))


def _scored(
    labels: Sequence[Sequence[Label]], by_share: Calibration, calibration: Calibration
) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """Yield the raw share, the share calibrated, and the probability from track records; 0 for a panel without any."""
    yield "share", np.array([[each.evidence.share for each in row] for row in labels])
    for name, trust in (("isotonic", by_share), ("combined", calibration)):
        yield name, np.array([[trust.confidence(each.evidence) or 0.0 for each in row] for row in labels])


def expected_calibration_error(scores: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """Return the mean distance between score and share of right ones over ten equal bins, weighted by their counts."""
    bins = np.minimum((scores * _BINS).astype(int), _BINS - 1)
    gaps = np.bincount(bins, weights=scores - right, minlength=_BINS)
    return float(np.abs(gaps).sum() / len(scores))


def _stops(
    trials: Sequence[Trial], weighting: Weighting, vote: Vote, records: Records, rules: Rules, resamples: Resamples
) -> Iterator[StopFigures]:
    for form in Form:
        runs = [
            [
                stopped(StopRun(panel=panel, models=trial.models, vote=vote, records=records, rules=rules), form)
                for panel in trial.panels
            ]
            for trial in trials
        ]
        calls = np.array([[len(standing.members) for standing in row] for row in runs], dtype=np.float64)
        sizes = np.array([[len(panel.members) for panel in trial.panels] for trial in trials], dtype=np.float64)
        right = np.array(
            [
                [leader_right(standing, count(standing, trial.models, vote)) for standing in row]
                for trial, row in zip(trials, runs, strict=True)
            ],
            dtype=np.float64,
        )
        yield StopFigures(
            votes=weighting.value,
            form=form.value,
            accuracy=resamples.mean(right.mean(axis=1)),
            mean_calls=float(calls.mean()),
            relative_calls=float((calls / sizes).mean()),
        )
