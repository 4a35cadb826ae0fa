"""A calibration learned from recorded answers."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice

from quorate.analytics.labelled import records_of, training_labels
from quorate.analytics.trial import LEAST_ANSWERS, Rules, Trial, run_trial
from quorate.consensus.calibration import LEAST_LABELS, Calibration, fit
from quorate.core.errors import InvalidRequest
from quorate.providers.recorded import Recording

DEFAULT_DRAWS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibrated:
    """A calibration, the prompts it was learned from, and the recordings that could not be used."""

    calibration: Calibration
    prompts: int
    skipped: int


def calibrate(
    recordings: Iterable[Recording],
    *,
    panel_size: int = 5,
    draws: int = DEFAULT_DRAWS,
    seed: int = 0,
    threshold: float = 0.7,
    task: str | None = None,
    limit: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> Calibrated:
    """Return what recordings teach about agreement and models.

    Per recording `draws` random panels, each as it stands after two answers, three, ... and `panel_size`, with equal
    and with learned votes; so a calibration knows panels of those sizes, early-stopped ones included. `threshold` is
    that of the plans it is for. `task` leaves only the recordings of that task; `limit` stops after so many. Same
    recordings and seed, same calibration. Cost: some 5 ms per recording, no network, no model.

    Raises InvalidRequest for parameters out of range and if there are fewer than 100 recordings to learn from.
    """
    if panel_size < LEAST_ANSWERS:
        raise InvalidRequest(f"a panel of {panel_size!r} cannot agree; use at least 2 members", param="panel_size")
    if not 0.0 < threshold <= 1.0:
        raise InvalidRequest(f"the threshold {threshold!r} is not in (0, 1]; 0.7 is usual", param="threshold")
    rules = Rules(panel_size=panel_size, draws=draws, threshold=threshold, quorum=LEAST_ANSWERS, seed=seed)
    trials: list[Trial] = []
    read = 0
    chosen = (recording for recording in recordings if task is None or recording.task == task)
    for read, recording in enumerate(islice(chosen, limit), start=1):  # the count is used below
        trial = run_trial(recording, rules)
        if trial is not None:
            trials.append(trial)
        if progress is not None:
            progress(read)
    if len(trials) < LEAST_LABELS:
        about = "" if task is None else f" of task {task!r}"
        raise InvalidRequest(
            f"{len(trials)} of {read} recordings{about} can be learned from, and {LEAST_LABELS} are the least; each "
            "needs two answers and a truth or 'correct' flags",
            param="data",
        )
    calibration = fit(training_labels(trials, records_of(trials)))
    return Calibrated(calibration=calibration, prompts=len(trials), skipped=read - len(trials))
