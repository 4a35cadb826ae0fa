"""What consensus is worth on recorded answers."""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from quorate.analytics.calibration_error import calibration_error
from quorate.analytics.intervals import Resamples
from quorate.analytics.members import model_accuracies, prompt_of, share_of_prompts, spread
from quorate.analytics.report import Bin, ConsensusReport, EarlyStop, Group
from quorate.analytics.risk_coverage import risk_coverage
from quorate.analytics.trial import LEAST_ANSWERS, PanelTrial, Rules, Trial
from quorate.analytics.trials import run_trials
from quorate.analytics.trust_report import trust_reports
from quorate.analytics.wilson import wilson
from quorate.core.errors import InvalidRequest
from quorate.providers.recorded import Recording

DEFAULT_DRAWS = 4
_USUAL_QUORUM = 3
_SMALL_PANEL = 3
_MAX_BINS = 10

Best: TypeAlias = Mapping[tuple[str, str], float]


def evaluate_consensus(
    recordings: Iterable[Recording],
    *,
    panel_size: int = 5,
    draws: int = DEFAULT_DRAWS,
    seed: int = 0,
    threshold: float = 0.7,
    limit: int | None = None,
    jobs: int = 1,
    progress: Callable[[int], None] | None = None,
) -> ConsensusReport:
    """Return how well agreement selects and predicts right answers on recordings, with 95 % intervals.

    Per recording: the vote of all its answers and `draws` random panels of `panel_size` (all answers if there are
    fewer), each also stopped early at quorum 3 (2 for panels of up to 3). `limit` stops after that many recordings;
    `progress` is called with the number done so far. Same recordings and seed, same report, whatever the number of
    processes that work on it (`jobs`). An answer is right if the recording says so, else if it equals the truth. Cost:
    about 1 ms per recording of six answers, no network, no model.

    Raises InvalidRequest for parameters out of range and if no recording can be used.
    """
    _check(panel_size=panel_size, draws=draws, threshold=threshold, limit=limit, jobs=jobs)
    quorum = _USUAL_QUORUM if panel_size > _SMALL_PANEL else LEAST_ANSWERS
    rules = Rules(panel_size=panel_size, draws=draws, threshold=threshold, quorum=quorum, seed=seed)
    found = run_trials(islice(recordings, limit), rules, jobs=jobs, progress=progress)
    trials = [trial for trial in found if trial is not None]
    if not trials:
        raise InvalidRequest(
            f"none of the {len(found)} recordings can be evaluated; each needs two answers and a truth or 'correct'"
            " flags"
        )
    models = model_accuracies(trials)
    best = {(found.track, found.model): found.accuracy.value for found in models}
    tracks, tasks = _split(trials)
    return ConsensusReport(
        panel_size=panel_size,
        draws=draws,
        seed=seed,
        threshold=threshold,
        quorum=quorum,
        prompts=len({prompt_of(trial) for trial in trials}),
        recordings=len(trials),
        skipped=len(found) - len(trials),
        failures=sum(len(trial.failed) for trial in trials),
        arrival=_arrival(trials),
        simulated=tuple(sorted(frozenset[str]().union(*(trial.simulated for trial in trials)))),
        kinds=dict(sorted(Counter(str(trial.kind) for trial in trials).items())),
        models=models,
        total=_group("", "", trials, best, rules),
        tracks=tuple(_group(track, "", chosen, best, rules) for track, chosen in tracks.items()),
        tasks=tuple(_group(track, task, chosen, best, rules) for (track, task), chosen in tasks.items()),
        bins=_bins(trials),
        trust=trust_reports(trials, rules),
    )


def _check(*, panel_size: int, draws: int, threshold: float, limit: int | None, jobs: int) -> None:
    if panel_size < LEAST_ANSWERS:
        raise InvalidRequest(f"a panel of {panel_size!r} cannot agree; use at least 2 members", param="panel_size")
    if draws < 1:
        raise InvalidRequest(f"{draws!r} panels per prompt measure nothing; use at least 1", param="draws")
    if not 0.0 < threshold <= 1.0:
        raise InvalidRequest(f"the threshold {threshold!r} is not in (0, 1]; 0.7 is usual", param="threshold")
    if jobs < 1:
        raise InvalidRequest(f"{jobs!r} processes do nothing; use at least 1", param="jobs")
    if limit is not None and limit < 1:
        raise InvalidRequest(f"the limit {limit!r} leaves no recording; use at least 1", param="limit")


def _arrival(trials: Sequence[Trial]) -> str:
    recorded = sum(trial.latencies_s is not None for trial in trials)
    return "recorded" if recorded == len(trials) else "mixed" if recorded else "random"


def _split(trials: Sequence[Trial]) -> tuple[dict[str, list[Trial]], dict[tuple[str, str], list[Trial]]]:
    tracks: defaultdict[str, list[Trial]] = defaultdict(list)
    tasks: defaultdict[tuple[str, str], list[Trial]] = defaultdict(list)
    for trial in trials:
        tracks[trial.track].append(trial)
        if trial.task:
            tasks[trial.track, trial.task].append(trial)
    return dict(sorted(tracks.items())), dict(sorted(tasks.items()))


def _group(track: str, task: str, trials: Sequence[Trial], best: Best, rules: Rules) -> Group:
    resamples = Resamples([prompt_of(trial) for trial in trials], rules.seed)
    scores = np.array([[panel.score for panel in trial.panels] for trial in trials])
    right = np.array([[panel.right for panel in trial.panels] for trial in trials])
    covered = scores >= rules.threshold
    return Group(
        track=track,
        task=task,
        prompts=resamples.prompts,
        panels=scores.size,
        full_vote=share_of_prompts([(trial, trial.full_right) for trial in trials]),
        selection=resamples.mean(right.mean(axis=1)),
        mean_member=resamples.mean(_per_prompt(trials, _mean_member)),
        best_member=resamples.mean(_per_prompt(trials, lambda trial, panel: _best_member(trial, panel, best))),
        any_member=resamples.mean(_per_prompt(trials, lambda trial, panel: _right_members(trial, panel) > 0)),
        auc=resamples.auc(scores, right),
        ece=calibration_error(scores, right, resamples),
        risk_coverage=risk_coverage(scores, right, resamples),
        covered=float(covered.mean()),
        accuracy_covered=resamples.ratio(
            (right & covered).sum(axis=1).astype(np.float64), covered.sum(axis=1).astype(np.float64)
        ),
        early_stop=_early_stop(trials, resamples),
    )


def _per_prompt(trials: Sequence[Trial], value: Callable[[Trial, PanelTrial], float]) -> NDArray[np.float64]:
    """Return the mean over the panels of each prompt, shape (prompts,)."""
    return np.array([sum(value(trial, panel) for panel in trial.panels) / len(trial.panels) for trial in trials])


def _right_members(trial: Trial, panel: PanelTrial) -> int:
    return sum(trial.right[member] for member in panel.members)


def _mean_member(trial: Trial, panel: PanelTrial) -> float:
    return _right_members(trial, panel) / len(panel.members)


def _best_member(trial: Trial, panel: PanelTrial, best: Best) -> float:
    chosen = max(panel.members, key=lambda member: (best[trial.track, trial.models[member]], trial.models[member]))
    return float(trial.right[chosen])


def _early_stop(trials: Sequence[Trial], resamples: Resamples) -> EarlyStop:
    calls = _per_prompt(trials, lambda _, panel: panel.calls)
    relative = _per_prompt(trials, lambda _, panel: panel.calls / len(panel.members))
    priced = [trial for trial in trials if trial.costs_microusd is not None]
    every = len(priced) == len(trials)
    panels = [panel for trial in trials for panel in trial.panels]
    return EarlyStop(
        accuracy=resamples.mean(_per_prompt(trials, lambda _, panel: panel.early_right)),
        mean_calls=float(calls.mean()),
        relative_calls=float(relative.mean()),
        cost_microusd=float(_per_prompt(priced, _cost_stopped).mean()) if every else None,
        full_cost_microusd=float(_per_prompt(priced, _cost_full).mean()) if every else None,
        latency=spread([panel.early_latency_s for panel in panels]),
        full_latency=spread([panel.full_latency_s for panel in panels]),
    )


def _cost_stopped(trial: Trial, panel: PanelTrial) -> float:
    return _cost(trial, panel.members[: panel.calls])


def _cost_full(trial: Trial, panel: PanelTrial) -> float:
    return _cost(trial, panel.members)


def _cost(trial: Trial, members: Sequence[int]) -> float:
    costs = trial.costs_microusd or ()
    return float(sum(costs[member] for member in members))


def _bins(trials: Sequence[Trial]) -> tuple[Bin, ...]:
    """Return one bin per score, or ten equal ones if there are more scores than that."""
    levels = sorted({panel.score for trial in trials for panel in trial.panels})
    if len(levels) <= _MAX_BINS:
        edges = [(level, level) for level in levels]
    else:
        edges = [(step / _MAX_BINS, (step + 1) / _MAX_BINS) for step in range(_MAX_BINS)]
    found = (_bin(trials, low, high, last=(low, high) == edges[-1]) for low, high in edges)
    return tuple(each for each in found if each is not None)


def _bin(trials: Sequence[Trial], low: float, high: float, *, last: bool) -> Bin | None:
    chosen = [
        (panel.score, panel.right, prompt_of(trial))
        for trial in trials
        for panel in trial.panels
        if low <= panel.score and (panel.score < high or low == high == panel.score or (last and panel.score <= high))
    ]
    if not chosen:
        return None
    prompts = len({prompt for _, _, prompt in chosen})
    share = sum(right for _, right, _ in chosen) / len(chosen)
    average = math.fsum(score for score, _, _ in chosen) / len(chosen)
    return Bin(
        low=low,
        high=high,
        mean_score=min(max(average, low), high),
        panels=len(chosen),
        # The panels of one prompt depend on each other: the interval counts prompts.
        accuracy=wilson(share * prompts, prompts),
    )
