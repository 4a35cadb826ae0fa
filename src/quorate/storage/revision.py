"""The revision of the schema: what the program needs, what the database has, and the way from one to the other."""

import sqlite3
import time
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import DatabaseError, OperationalError, ProgrammingError

from quorate.core.errors import Misconfigured
from quorate.storage.connections import Connections
from quorate.storage.schema import meta, metadata

if TYPE_CHECKING:
    from alembic.script import ScriptDirectory

#: The newest revision in `migrations/versions`. It stands here so that Alembic, 120 ms of import, is loaded only when
#: there is something to migrate.
HEAD = "0003"
REVISION_TABLE = "quorate_revision"
_STORED = text("SELECT version_num FROM quorate_revision")
#: The table as Alembic makes it.
_MAKE_REVISION = text(
    "CREATE TABLE quorate_revision "
    "(version_num VARCHAR(32) NOT NULL, CONSTRAINT quorate_revision_pkc PRIMARY KEY (version_num))"
)
_NOTE_REVISION = text("INSERT INTO quorate_revision (version_num) VALUES (:revision)")
_LOCK = text("SELECT pg_advisory_xact_lock(7235421190317)")
_WAL_TRIES = 100
_WAL_PAUSE_S = 0.1


def stored_revision(connections: Connections) -> str | None:
    """Return the revision the database has; `None` for one without our tables. One read."""
    try:
        with connections.reading() as connection:
            return connection.execute(_STORED).scalar_one_or_none()
    except (OperationalError, ProgrammingError) as error:
        if _no_table(error):
            return None
        raise


def _no_table(error: DatabaseError) -> bool:
    return "no such table" in str(error.orig) or getattr(error.orig, "sqlstate", None) == "42P01"


def bring_up(connections: Connections) -> None:
    """Bring the schema to `HEAD`; processes that start together wait for each other, and one does the work.

    All or nothing: a migration that fails or is killed leaves the database as it was. Raises `Misconfigured` for a
    database that a newer version of the program has changed.
    """
    if connections.is_sqlite:
        _write_ahead(connections)
    if stored_revision(connections) != HEAD:
        with connections.writing() as connection:
            if not connections.is_sqlite:
                connection.execute(_LOCK)
            bring_up_connection(connection)


def bring_up_connection(connection: Connection) -> None:
    """Bring the schema to `HEAD` on a connection that holds the lock: a new database at once, an older one in steps."""
    if inspect(connection).has_table(REVISION_TABLE):
        migrate(connection)
    else:
        create(connection)


def create(connection: Connection) -> None:
    """Make everything in an empty database, as the migrations would: without Alembic, 120 ms and 10 MB."""
    metadata.create_all(connection, checkfirst=False)
    connection.execute(meta.insert(), [{"name": "generation", "number": 1}, {"name": "feedback", "number": 0}])
    connection.execute(_MAKE_REVISION)
    connection.execute(_NOTE_REVISION, {"revision": HEAD})


def _write_ahead(connections: Connections) -> None:
    """Let readers and the writer of a SQLite file go on side by side; kept in the file, so it is set once."""
    raw = connections.engine.raw_connection()
    try:
        cursor = raw.cursor()
        for left in range(_WAL_TRIES - 1, -1, -1):
            try:
                cursor.execute("PRAGMA journal_mode = WAL")
                break
            except sqlite3.OperationalError as error:
                # For this lock SQLite does not wait as it does for others.
                if not left or "locked" not in str(error):
                    raise
                time.sleep(_WAL_PAUSE_S)
        cursor.close()
    finally:
        raw.close()


def migrate(connection: Connection) -> None:
    """Run the migrations that are missing. Raises `Misconfigured` for a revision that is not known here."""
    # slow: 120 ms, needed only when the schema changes
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from alembic.migration import MigrationContext  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    context = MigrationContext.configure(connection, opts={"version_table": REVISION_TABLE})
    stored = context.get_current_revision()  # under the lock: another process may have done it meanwhile
    if stored is not None and not _known(ScriptDirectory.from_config(config), stored):
        raise Misconfigured(
            f"the database has revision {stored!r}, which this version of quorate does not know: it was written by a "
            "newer one; install that version, or name another database in storage.url"
        )
    command.upgrade(config, HEAD)


def _known(scripts: "ScriptDirectory", revision: str) -> bool:
    return revision in {script.revision for script in scripts.walk_revisions()}
