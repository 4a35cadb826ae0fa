"""The journal of an evaluation of judges: one line for each task that is done, so that a run can be continued."""

from pathlib import Path

import msgspec

from quorate.analytics import JudgeTrial
from quorate.core.errors import InvalidRequest

_DECODER: msgspec.json.Decoder[JudgeTrial] = msgspec.json.Decoder(JudgeTrial)


class JudgeJournal:
    """A live object: the trials on record in `file`, and those to come. Without a file nothing is kept.

    Reading and writing block. A last line that was cut off, by a crash or a full disk, is taken away.
    """

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self.trials: dict[tuple[str, str], JudgeTrial] = {}
        if file is not None and file.exists():
            self._read(file)

    def _read(self, file: Path) -> None:
        data = file.read_bytes()
        whole = data[: data.rfind(b"\n") + 1]
        for number, line in enumerate(whole.splitlines(), start=1):
            if line.strip():
                try:
                    self._remember(_DECODER.decode(line))
                except msgspec.DecodeError as error:
                    raise InvalidRequest(
                        f"{file}:{number}: {error}; this is no journal of `quorate eval judge`, or not of this version",
                        param="resume",
                    ) from error
        if len(whole) < len(data):
            with file.open("r+b") as opened:
                opened.truncate(len(whole))

    def add(self, trial: JudgeTrial) -> None:
        """Keep a trial."""
        self._remember(trial)
        if self._file is not None:
            with self._file.open("ab") as opened:
                opened.write(msgspec.json.encode(trial) + b"\n")

    def _remember(self, trial: JudgeTrial) -> None:
        self.trials[trial.judge, trial.task] = trial
