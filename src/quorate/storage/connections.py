"""Connections to the database: one pool, transactions that read and transactions that write."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import NoSuchModuleError

from quorate.core.errors import Misconfigured
from quorate.storage.location import Location

_WRITES = "quorate_writes"
_BUSY_MS = 10_000
_CONNECT_S = 5
#: A server that was cut off without a word: what was sent is given up after so long, a silent one is asked so often.
_SILENCE_S = 10
_PROBE_S = 5
_TO_POSTGRESQL = {
    "connect_timeout": _CONNECT_S,
    "application_name": "quorate",
    "tcp_user_timeout": _SILENCE_S * 1000,
    "keepalives_idle": _PROBE_S,
    "keepalives_interval": _PROBE_S,
    "keepalives_count": 2,
}


class Connections:
    """A live pool of connections; blocking, safe to use from many threads."""

    def __init__(self, location: Location) -> None:
        self.engine = _engine(location)
        self._writing = self.engine.execution_options(**{_WRITES: True})

    @property
    def is_sqlite(self) -> bool:
        """Whether the database is a SQLite file."""
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def reading(self) -> Generator[Connection]:
        """Give a connection in a transaction of its own."""
        with self.engine.begin() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Generator[Connection]:
        """Give a connection in a transaction that may write.

        SQLite takes its one write lock at once: a transaction that begins by reading and writes later would be refused
        instead of waiting.
        """
        with self._writing.begin() as connection:
            yield connection

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def _engine(location: Location) -> Engine:
    # No parameters in messages: they are prompts, answers and digests.
    shared: dict[str, Any] = {"hide_parameters": True, "pool_size": 4, "max_overflow": 12, "pool_timeout": 15}
    if location.file is not None:
        engine = create_engine(
            location.url,
            connect_args={"check_same_thread": False, "isolation_level": None, "timeout": _BUSY_MS / 1000},
            **shared,
        )
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    try:
        # Pings a connection before it is used: those of before a restart of the server are replaced quietly.
        return create_engine(
            location.url,
            pool_pre_ping=True,
            connect_args=_TO_POSTGRESQL,
            **shared,
        )
    except (ImportError, NoSuchModuleError):
        raise Misconfigured(
            "PostgreSQL needs psycopg; install it with `pip install quorate[postgres]`", where="storage.url"
        ) from None


def _prepare_sqlite(connection: Any, _record: object) -> None:
    for setting in ("foreign_keys = ON", "synchronous = NORMAL", "temp_store = MEMORY"):
        connection.execute(f"PRAGMA {setting}").close()


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
