"""Each model alone: how often it was right, what its answers cost and took."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import fmean

import numpy as np

from quorate.analytics.report import ModelAccuracy, Rate, Spread
from quorate.analytics.trial import Trial
from quorate.analytics.wilson import wilson


def prompt_of(trial: Trial) -> tuple[str, str]:
    """Return which prompt a trial is about: several are about one if it was asked several times."""
    return (trial.track, trial.prompt_id)


def share_of_prompts(cases: Sequence[tuple[Trial, bool]]) -> Rate:
    """Return the share of the cases that hold, with Wilson's interval for as many cases as there are prompts.

    What is asked again of the same model depends on the first time: it narrows no interval.
    """
    prompts = len({prompt_of(trial) for trial, _ in cases})
    share = sum(holds for _, holds in cases) / len(cases) if cases else 0.0
    return wilson(share * prompts, prompts)


def spread(values: Iterable[float | None]) -> Spread | None:
    """Return the spread of times in seconds; None if there is none or one is missing."""
    times = list(values)
    known = [value for value in times if value is not None]
    if not known or len(known) < len(times):
        return None
    median, p95 = np.percentile(known, (50, 95))
    return Spread(median_s=float(median), p95_s=float(p95))


def model_accuracies(trials: Sequence[Trial]) -> tuple[ModelAccuracy, ...]:
    """Return each model on each track, best first within a track."""
    found: defaultdict[tuple[str, str], _Answers] = defaultdict(_Answers)
    for trial in trials:
        for at, (model, correct) in enumerate(zip(trial.models, trial.right, strict=True)):
            found[trial.track, model].add(trial, at, correct=correct)
        for model in trial.failed:
            found[trial.track, model].failures += 1
    rows = [answers.figures(track, model) for (track, model), answers in found.items() if answers.cases]
    return tuple(sorted(rows, key=lambda each: (each.track, -each.accuracy.value, each.model)))


@dataclass(slots=True, kw_only=True)
class _Answers:
    """One model's answers on one track as they are collected; a live object."""

    cases: list[tuple[Trial, bool]] = field(default_factory=list[tuple[Trial, bool]])
    costs_microusd: list[float | None] = field(default_factory=list[float | None])
    tokens: list[float | None] = field(default_factory=list[float | None])
    latencies_s: list[float | None] = field(default_factory=list[float | None])
    failures: int = 0
    simulated: bool = False

    def add(self, trial: Trial, at: int, *, correct: bool) -> None:
        self.cases.append((trial, correct))
        self.costs_microusd.append(None if trial.costs_microusd is None else trial.costs_microusd[at])
        self.tokens.append(None if trial.completion_tokens is None else trial.completion_tokens[at])
        self.latencies_s.append(None if trial.latencies_s is None else trial.latencies_s[at])
        self.simulated |= trial.models[at] in trial.simulated

    def figures(self, track: str, model: str) -> ModelAccuracy:
        return ModelAccuracy(
            track=track,
            model=model,
            accuracy=share_of_prompts(self.cases),
            failures=self.failures,
            cost_microusd=_mean(self.costs_microusd),
            completion_tokens=_mean(self.tokens),
            latency=spread(self.latencies_s),
            simulated=self.simulated,
        )


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known and len(known) == len(values) else None
