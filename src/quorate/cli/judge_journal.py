"""What a journal of judges holds: one line for each task that is done, so that a run can be continued."""

from pathlib import Path

import msgspec

from quorate.analytics.judge_trial import JudgeTrial
from quorate.core.errors import InvalidRequest

Trials = dict[tuple[str, str], JudgeTrial]
_DECODER: msgspec.json.Decoder[JudgeTrial] = msgspec.json.Decoder(JudgeTrial)


def read_trials(file: Path) -> Trials:
    """Return the trials on record, by judge and task; raises InvalidRequest with file and line for anything else."""
    trials: Trials = {}
    with file.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                try:
                    trial = _DECODER.decode(line)
                except msgspec.DecodeError as error:
                    raise InvalidRequest(
                        f"{file}:{number}: {error}; this is no journal of `quorate eval judge`, or not of this version",
                        param="resume",
                    ) from error
                trials[trial.judge, trial.task] = trial
    return trials
