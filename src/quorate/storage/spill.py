"""Records that could not be written before the process ended wait here, on disk, for the next start."""

import contextlib
import logging
import os
from collections.abc import Sequence
from pathlib import Path

import msgspec

from quorate.core.clock import Clock
from quorate.core.ids import new_id
from quorate.model.run import RunRecord

_log = logging.getLogger("quorate")
_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(RunRecord)


class Spill:
    """Files of one database in a folder, one run as JSON in each line, readable by this user alone. Blocking.

    `unwritten` files are taken in by the next start; `refused` ones hold what the database would not take and wait for
    a person.
    """

    def __init__(self, folder: Path, *, name: str, clock: Clock) -> None:
        self._folder = folder
        self._name = name
        self._clock = clock

    def keep(self, records: Sequence[RunRecord], kind: str = "unwritten") -> Path:
        """Write records to a new file and return it; it appears whole or not at all. Raises `OSError`."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = self._folder / f"{kind}-{self._name}-{new_id('part', self._clock)}.jsonl"
        part = file.with_suffix(".part")
        try:
            with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as out:
                out.write(_ENCODER.encode_lines(records))
                out.flush()
                os.fsync(out.fileno())
            part.rename(file)
        except OSError:
            part.unlink(missing_ok=True)  # what fits of it only keeps a full disk full
            raise
        return file

    def waiting(self) -> list[Path]:
        """Return the files to take in, oldest first."""
        return sorted(self._folder.glob(f"unwritten-{self._name}-*.jsonl"))

    def read(self, file: Path) -> tuple[list[RunRecord], int]:
        """Return the runs of a file, and how many lines are none. Raises `OSError`."""
        runs: list[RunRecord] = []
        bad = 0
        with file.open("rb") as lines:
            for line in lines:
                try:
                    runs.append(_DECODER.decode(line))
                except (msgspec.DecodeError, UnicodeDecodeError):
                    bad += 1
        return runs, bad

    def done(self, file: Path, *, bad: int) -> None:
        """Delete a file that was taken in; one with lines that could not be read is kept, for a person to look at."""
        if not bad:
            file.unlink(missing_ok=True)  # another process may have taken it in as well; that changes nothing
            return
        aside = file.with_name(file.name.replace("unwritten-", "refused-", 1))
        _log.error("%d lines of %s are not runs; it is kept as %s", bad, file.name, aside.name)
        with contextlib.suppress(FileNotFoundError):
            file.rename(aside)
