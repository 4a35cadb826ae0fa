"""A journal in a SQLite file of its own.

It uses the driver of the standard library itself: see decision 25 for what the layer above it would cost.
"""

import json
import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from quorate.core.clock import Clock
from quorate.core.errors import Misconfigured
from quorate.flows.journals.stored import StoredJournal

#: Another process that writes is waited for so long.
_BUSY_S = 10.0
#: Pages of 4 KiB that the log may hold before they go into the file: each time costs two syncs.
_CHECKPOINT_PAGES = 4000


class SqliteSession:
    """A live connection to a file."""

    locking = ""
    skipping = ""
    blob = "BLOB"

    def __init__(self, file: Path, *, strict: bool) -> None:
        make_private(file)
        self._always_strict = strict
        try:
            self._connection = sqlite3.connect(
                file, timeout=_BUSY_S, isolation_level=None, check_same_thread=False, cached_statements=256
            )
            self._prepare()
        except sqlite3.DatabaseError as error:
            if _is_away(error):
                raise
            raise Misconfigured(f"the journal of flows {str(file)!r} cannot be opened: {error}") from error

    def _prepare(self) -> None:
        try:
            self._connection.execute("PRAGMA journal_mode = WAL").close()
            self._connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}").close()
            self._full = self._always_strict
            self._set_level()
        except BaseException:
            self._connection.close()
            raise

    def _set_level(self) -> None:
        # FULL syncs the log at each commit, with everything that earlier commits left unsynced in it.
        self._connection.execute(f"PRAGMA synchronous = {'FULL' if self._full else 'NORMAL'}").close()

    def begin(self, *, strict: bool) -> None:
        """Take the one write lock; with `strict` the commit is synced to the disk."""
        full = strict or self._always_strict
        if full != self._full:
            self._full = full
            self._set_level()
        self._connection.execute("BEGIN IMMEDIATE")

    def begin_reading(self) -> None:
        """Begin to read one state."""
        self._connection.execute("BEGIN")

    def commit(self) -> None:
        """Keep it."""
        self._connection.execute("COMMIT")

    def rollback(self) -> None:
        """Drop it."""
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except sqlite3.Error:
            self.close()

    def rows(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return all rows."""
        return self._connection.execute(statement, values).fetchall()

    def run(self, statement: str, values: Sequence[Any] = ()) -> None:
        """Do it."""
        self._connection.execute(statement, values)

    def run_many(self, statement: str, values: Sequence[Sequence[Any]]) -> None:
        """Do it for each row of values."""
        self._connection.executemany(statement, values)

    def among(self, column: str, values: Sequence[str]) -> tuple[str, Any]:
        """Return a condition with its value."""
        if len(values) == 1:
            return f"{column} = ?", values[0]
        return f"{column} IN (SELECT value FROM json_each(?))", json.dumps(values)  # noqa: S608 - the column is ours

    def try_lock(self, key: str) -> bool:
        """Return true: who writes is alone."""
        del key
        return True

    def notify(self, topics: Sequence[str]) -> None:
        """Do nothing: other processes look by themselves."""

    def lock_schema(self) -> None:
        """Do nothing: who writes is alone."""

    def is_lost(self) -> bool:
        """Return false: a file stays."""
        return False

    def close(self) -> None:
        """End it."""
        self._connection.close()


class SqliteJournal(StoredJournal):
    """A live journal in a file, which several processes may use.

    A `put` that returned survives kill -9; it survives a power cut if its run is `strict`, or all are (`strict=True`).
    Missing folders (0700) and the file (0600) are made. Connects at the first call, or by `open`.
    """

    def __init__(self, path: Path | str, *, strict: bool = False, clock: Clock | None = None) -> None:
        file = Path(path).expanduser().absolute()
        super().__init__(lambda: SqliteSession(file, strict=strict), is_away=_is_away, clock=clock)


def _is_away(error: Exception) -> bool:
    return isinstance(error, sqlite3.OperationalError)


def make_private(file: Path) -> None:
    """Make the file and the folders above it where they are missing, for this user alone."""
    try:
        for folder in reversed(file.parents):
            if not folder.exists():
                folder.mkdir(mode=0o700, exist_ok=True)
        os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise Misconfigured(f"the journal of flows {str(file)!r} cannot be opened: {error.strerror}") from error
