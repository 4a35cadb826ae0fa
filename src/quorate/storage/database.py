"""The database: opened, brought up to date, with a store for each thing it keeps."""

import hashlib
import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from sqlalchemy import exc, text

from quorate.core.clock import Clock
from quorate.core.errors import Misconfigured
from quorate.storage.answer_store import DEFAULT_LEASE_S, AnswerStore
from quorate.storage.budget_table import BudgetTable
from quorate.storage.connections import Connections
from quorate.storage.cursor import Cursors
from quorate.storage.errors import StorageUnavailable, told
from quorate.storage.feedback_store import FeedbackStore
from quorate.storage.key_store import KeyStore
from quorate.storage.ledger_store import LedgerStore
from quorate.storage.location import Location, locate, make_private
from quorate.storage.revision import HEAD, bring_up, stored_revision
from quorate.storage.run_store import RunStore
from quorate.storage.spill import Spill
from quorate.storage.tenant_store import TenantStore


class Database:
    """A live database, from `open`; blocking, safe to use from many threads, never to be used on an event loop."""

    def __init__(self, location: Location, connections: Connections, clock: Clock, *, lease_s: float) -> None:
        self._location = location
        self._connections = connections
        self._clock = clock
        cursors = Cursors(connections)
        self.tenants = TenantStore(connections, cursors)
        self.keys = KeyStore(connections, cursors)
        self.runs = RunStore(connections, cursors)
        self.feedback = FeedbackStore(connections, cursors)
        self.answers = AnswerStore(connections, lease_s=lease_s)
        self.ledger = LedgerStore(connections)
        self.budgets = BudgetTable(connections)

    @classmethod
    def open(cls, url: str, *, clock: Clock, lease_s: float = DEFAULT_LEASE_S) -> Self:
        """Return the database at `sqlite:///path` or `postgresql://...`, its schema brought up to date.

        SQLite: missing folders (0700) and the file (0600) are made. Several processes may open it at once. `lease_s`
        must be longer than any request may take: see `AnswerStore`. Raises `Misconfigured` for a URL or file that
        cannot be used and for a database of a newer version of the program, `StorageUnavailable` if it cannot be
        reached.
        """
        location = locate(url)
        if location.file is not None:
            make_private(location.file)
        connections = Connections(location)
        try:
            with _opening(location):
                bring_up(connections)
        except BaseException:
            connections.close()
            raise
        return cls(location, connections, clock, lease_s=lease_s)

    @property
    def url_for_display(self) -> str:
        """Where it is, without a password."""
        return self._location.shown

    @property
    def file(self) -> Path | None:
        """The file of SQLite; `None` for PostgreSQL."""
        return self._location.file

    def spill(self, folder: Path | None = None) -> Spill:
        """Return where records wait on disk while the database is away: beside the SQLite file, else in `folder`."""
        place = self.file.parent if self.file is not None else folder
        if place is None:
            raise ValueError("PostgreSQL has no folder of its own; pass one")
        # Told apart by what they belong to: two databases may share a folder.
        name = hashlib.sha256(self.url_for_display.encode()).hexdigest()[:12]
        return Spill(place, name=name, clock=self._clock)

    def ping(self) -> None:
        """Return if the database answers. Raises `StorageUnavailable`."""
        with told("answer"), self._connections.reading() as connection:
            connection.execute(text("SELECT 1"))

    def revision_is_current(self) -> bool:
        """Whether its schema is the one this program was written for. Raises `StorageUnavailable`."""
        with told("answer"):
            return stored_revision(self._connections) == HEAD

    def close(self) -> None:
        """Close all connections."""
        self._connections.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@contextmanager
def _opening(location: Location) -> Generator[None]:
    """Tell why a database cannot be opened. The driver's reason is safe here: nothing that is stored was read yet."""
    try:
        yield
    except (exc.DBAPIError, sqlite3.Error) as error:
        reason = error.orig if isinstance(error, exc.DBAPIError) else error
        what = f"the database {location.shown} cannot be opened: {reason}".rstrip()
        if isinstance(error, exc.OperationalError | sqlite3.OperationalError):
            raise StorageUnavailable(what) from error
        raise Misconfigured(what, where="storage.url") from error
