"""A file of JSON lines that grows: what is in it survives a crash, and half a line never counts."""

import os
import threading
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import msgspec

from quorate.core.errors import InvalidRequest

_READ_BYTES = 64 * 1024


class Journal:
    """An append-only file of JSON lines, used as a context manager by one process at a time; a live object.

    Opening it makes the file if there is none and drops a last line that was only half written. `append` returns when
    the line is on the disk. It blocks (a disk's sync, some ms): call it in a thread when an event loop runs; it may be
    called from several threads. Raises InvalidRequest if the file cannot be opened or another process writes it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: BinaryIO | None = None
        self._appending = threading.Lock()  # one line at a time

    def __enter__(self) -> Self:
        try:
            file = self.path.open("a+b")
        except OSError as error:
            raise InvalidRequest(
                f"cannot write {str(self.path)!r} ({error.strerror}); give a file in a folder that exists", param="out"
            ) from error
        try:
            flock(file, LOCK_EX | LOCK_NB)
        except OSError as error:
            file.close()
            raise InvalidRequest(f"another process writes {str(self.path)!r} now; let it end first") from error
        _end_well(file)
        self._file = file
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def append(self, line: bytes) -> None:
        """Write one line (without its line feed) and wait until it is on the disk."""
        with self._appending:
            file = self._file
            if file is None:
                raise ValueError("the journal is not open")
            file.write(line + b"\n")
            file.flush()
            os.fsync(file.fileno())


def _end_well(file: BinaryIO) -> None:
    """Make the file end with a line feed: after a whole last line by adding it, else by dropping the half line."""
    size = file.seek(0, os.SEEK_END)
    tail = b""
    start = size
    while start and b"\n" not in tail:
        step = min(_READ_BYTES, start)
        start -= step
        file.seek(start)
        tail = file.read(step) + tail
    last = tail.rpartition(b"\n")[2]
    if not last:
        return
    if _is_json(last):
        file.write(b"\n")  # the file is open for appending: wherever it was read, it is written at its end
    else:
        file.truncate(size - len(last))
    file.flush()
    os.fsync(file.fileno())


def _is_json(line: bytes) -> bool:
    try:
        msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True
