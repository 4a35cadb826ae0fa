"""Several workers behind one port: whichever is asked for its metrics answers with the sum of all.

Each worker writes its numbers to a file of its own in a folder they share, each second and whenever it is asked; a lock
on the file tells the others that it lives, and the system lets go of the lock whatever the worker dies of. What a dead
worker counted is kept (a sum that went down would look like a restart), what it measured is dropped.
"""

import fcntl
import logging
import os
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from quorate.core.secret import new_nonce
from quorate.telemetry.metrics import CallMetrics
from quorate.telemetry.snapshot import Snapshot, merged

_log = logging.getLogger("quorate")
_LIVE = ".live"
_NUMBERS = ".numbers"
_RETIRED = "retired.sum"
_LOCK = "scrape.lock"


class _Retired(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """What dead workers counted; `names` are those whose files may still be there."""

    names: tuple[str, ...] = ()
    numbers: Snapshot = Snapshot()


class SharedMetrics:
    """A live object: this worker's part in the sum.

    `folder` belongs to this group of workers alone; it is made, for its owner only, if it is missing, and whoever
    starts the workers deletes it after them. `render` reads files: call it in a thread.
    """

    def __init__(self, metrics: CallMetrics, folder: Path, *, every_s: float = 1.0) -> None:
        self._metrics = metrics
        self._folder = folder
        self._name = new_nonce()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._scraping():  # else the others could see the file before its lock, and take this worker for dead
            self._alive = os.open(folder / f"{self._name}{_LIVE}", os.O_CREAT | os.O_RDWR, 0o600)
            fcntl.flock(self._alive, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._writing = threading.Lock()  # one writer of this worker's file at a time
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._write_often, args=(every_s,), name="quorate-metrics", daemon=True)
        self._write()
        self._thread.start()

    def render(self, accept: str = "") -> tuple[bytes, str]:
        """Return the text of all workers' numbers, those of the others at most a second old, and its content type."""
        # slow: 50 ms, needed only when somebody scrapes
        from quorate.telemetry.exposition import exposition  # noqa: PLC0415

        return exposition(self.total(), accept)

    def total(self) -> Snapshot:
        """Return the sum. What is shown of this worker is written first: a sum never goes down between two answers."""
        with self._scraping():
            own = self._write()
            retired = self._retire()
            others = [_read(path) for path in self._folder.glob(f"*{_NUMBERS}") if path.stem != self._name]
        return merged([own, retired.numbers, *others])

    def close(self) -> None:
        """Leave the last numbers behind."""
        if self._ending.is_set():
            return
        self._ending.set()
        self._thread.join()
        self._write()
        os.close(self._alive)

    def _write_often(self, every_s: float) -> None:
        told = False
        while not self._ending.wait(every_s):
            try:
                self._write()
            except Exception as error:  # noqa: BLE001 - whatever one write meets, the next one may do
                if not told:
                    _log.warning("the metrics of this worker could not be written for the others: %r", error)
                told = True
            else:
                told = False

    def _write(self) -> Snapshot:
        with self._writing:
            snapshot = self._metrics.snapshot()
            _replace(self._folder / f"{self._name}{_NUMBERS}", msgspec.msgpack.encode(snapshot))
        return snapshot

    @contextmanager
    def _scraping(self) -> Generator[None]:
        lock = os.open(self._folder / _LOCK, os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _retire(self) -> _Retired:
        """Add what dead workers counted to the sum of the dead, and delete their files.

        The sum is written before a file is deleted, and remembers which files it holds: dying between the two counts
        nothing twice.
        """
        retired = _read_retired(self._folder / _RETIRED)
        dead = [path.stem for path in self._folder.glob(f"*{_LIVE}") if path.stem != self._name and _is_dead(path)]
        fresh = [name for name in dead if name not in retired.names]
        if fresh:
            numbers = [_read(self._folder / f"{name}{_NUMBERS}").without_gauges() for name in fresh]
            retired = _Retired(names=tuple(dead), numbers=merged([retired.numbers, *numbers]))
            _replace(self._folder / _RETIRED, msgspec.msgpack.encode(retired))
        for name in dead:
            (self._folder / f"{name}{_NUMBERS}").unlink(missing_ok=True)
            (self._folder / f"{name}{_LIVE}").unlink(missing_ok=True)
        return retired


def _is_dead(path: Path) -> bool:
    """Whether nobody holds the lock."""
    file = os.open(path, os.O_RDWR)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(file)
    return True


def _replace(path: Path, content: bytes) -> None:
    part = path.with_suffix(".part")
    with os.fdopen(os.open(part, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
    part.replace(path)


def _read(path: Path) -> Snapshot:
    try:
        return msgspec.msgpack.decode(path.read_bytes(), type=Snapshot)
    except (FileNotFoundError, msgspec.DecodeError):
        return Snapshot()  # a worker that has just begun, or one of another version


def _read_retired(path: Path) -> _Retired:
    try:
        return msgspec.msgpack.decode(path.read_bytes(), type=_Retired)
    except (FileNotFoundError, msgspec.DecodeError):
        return _Retired()
