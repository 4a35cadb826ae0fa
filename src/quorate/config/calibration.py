"""The file of a calibration: written in one step, read with clear errors."""

import hashlib
import os
import tempfile
from pathlib import Path

from quorate.consensus.calibration import Calibration
from quorate.consensus.calibration_file import Source, decode_calibration, encode_calibration
from quorate.core.clock import Clock
from quorate.core.errors import InvalidRequest

_CHUNK_BYTES = 1 << 20


def source_of(data: Path, prompts: int, clock: Clock) -> Source:
    """Return what a calibration is learned from: the file as it is now. Reads it whole."""
    digest = hashlib.sha256()
    with data.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    made_at = clock.now().isoformat(timespec="seconds")
    return Source(data=data.name, sha256=digest.hexdigest(), made_at=made_at, prompts=prompts)


def write_calibration(path: Path, calibration: Calibration, source: Source) -> None:
    """Replace the file in one step, so that a gateway that starts meanwhile never reads half of it; `OSError`s pass."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(encode_calibration(calibration, source))
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def read_calibration(path: Path) -> tuple[Calibration, Source]:
    """Return the calibration in a file, and where it is from.

    Raises `InvalidRequest` naming the file and what to do when it is not there, damaged, or of another version.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise InvalidRequest(f"{path}: cannot be read ({reason}); `quorate calibrate consensus` writes one") from None
    return decode_calibration(data, str(path))
