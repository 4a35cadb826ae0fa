"""A journal in PostgreSQL, for several machines; other processes are told of work and ends by NOTIFY."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar, cast

from quorate.core.clock import Clock
from quorate.core.errors import Misconfigured
from quorate.flows.journals.bell import CANCEL, WORK
from quorate.flows.journals.facade import Operation
from quorate.flows.journals.pages import Pages
from quorate.flows.journals.stored import StoredJournal

if TYPE_CHECKING:
    from psycopg import Connection

T = TypeVar("T")

_CHANNEL = "quorate_flows"
#: A notification has at most 8,000 bytes: so many ids of runs.
_TOPICS_AT_ONCE = 200
#: Who makes tables holds this lock of the whole database.
_SCHEMA_LOCK = 7_013_311_245_901_126
#: How often the listener looks whether it is to end, and how long it waits before it connects again.
_LOOK_S = 0.2
#: A server that was cut off without a word: what was sent is given up after so long, a silent one is asked so often.
_SILENCE_S = 10
_PROBE_S = 5


def connected(url: str) -> "Connection[tuple[Any, ...]]":
    """Return a connection. Raises `Misconfigured` where psycopg is not installed or the URL cannot be read."""
    try:
        import psycopg  # noqa: PLC0415 - only who keeps flows in PostgreSQL has it
    except ModuleNotFoundError:
        raise Misconfigured(
            "flows in PostgreSQL need psycopg; install it with `pip install 'quorate[postgres]'`"
        ) from None
    try:
        return psycopg.connect(
            url.replace("postgresql+psycopg://", "postgresql://", 1),
            autocommit=True,
            connect_timeout=5,
            application_name="quorate-flows",
            tcp_user_timeout=_SILENCE_S * 1000,
            keepalives_idle=_PROBE_S,
            keepalives_interval=_PROBE_S,
            keepalives_count=2,
        )
    except psycopg.ProgrammingError:
        raise Misconfigured(
            "the URL of PostgreSQL cannot be read; expected 'postgresql://user@host/database'"
        ) from None


class PostgresSession:
    """A live connection.

    A transaction is one pipeline: a round trip for the rows it needs, and one for everything it writes and its end.
    """

    locking = " FOR UPDATE"
    skipping = " FOR UPDATE SKIP LOCKED"
    blob = "BYTEA"

    def __init__(self, url: str) -> None:
        self._connection = connected(url)
        self._pipeline = contextlib.ExitStack()

    def begin(self, *, strict: bool) -> None:
        """Begin to write. The server syncs each commit, whatever is asked for."""
        del strict
        self._begin("BEGIN")

    def begin_reading(self) -> None:
        """Begin to read one state."""
        self._begin("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")

    def _begin(self, statement: str) -> None:
        self._pipeline.enter_context(self._connection.pipeline())
        self._connection.execute(statement.encode())

    def commit(self) -> None:
        """Keep it."""
        self._connection.execute(b"COMMIT")
        self._pipeline.close()

    def rollback(self) -> None:
        """Drop it."""
        with contextlib.suppress(Exception):
            self._pipeline.close()
        with contextlib.suppress(Exception):
            self._connection.rollback()

    def rows(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return all rows."""
        return self._connection.execute(_worded(statement), _sendable(values), binary=True).fetchall()

    def run(self, statement: str, values: Sequence[Any] = ()) -> None:
        """Do it."""
        self._connection.execute(_worded(statement), _sendable(values))

    def run_many(self, statement: str, values: Sequence[Sequence[Any]]) -> None:
        """Do it for each row of values."""
        with self._connection.cursor() as cursor:
            cursor.executemany(_worded(statement), [_sendable(row) for row in values])

    def among(self, column: str, values: Sequence[str]) -> tuple[str, Any]:
        """Return a condition with its value."""
        return f"{column} = ANY(?)", list(values)

    def try_lock(self, key: str) -> bool:
        """Take a lock of this key until the end of the transaction, if nobody has it."""
        return self.rows("SELECT pg_try_advisory_xact_lock(hashtextextended(?, 0))", (key,))[0][0]

    def notify(self, topics: Sequence[str]) -> None:
        """Tell other processes."""
        for begin in range(0, len(topics), _TOPICS_AT_ONCE):
            self.run("SELECT pg_notify(?, ?)", (_CHANNEL, " ".join(topics[begin : begin + _TOPICS_AT_ONCE])))

    def lock_schema(self) -> None:
        """Wait until nobody else makes tables."""
        self.rows("SELECT pg_advisory_xact_lock(?)", (_SCHEMA_LOCK,))

    def is_lost(self) -> bool:
        """Whether the server has gone."""
        return self._connection.broken or self._connection.closed

    def close(self) -> None:
        """End it."""
        with contextlib.suppress(Exception):
            self._connection.close()


class PostgresJournal(StoredJournal):
    """A live journal in PostgreSQL, at `postgresql://user@host/database`.

    A `put` that returned is as safe as a commit of that server. While the server is away, calls wait for some seconds
    and then raise `JournalUnavailable`. Uses three connections. Connects at the first call, or by `open`.
    """

    def __init__(self, url: str, *, clock: Clock | None = None) -> None:
        super().__init__(lambda: PostgresSession(url), is_away=_is_away, clock=clock)
        self._url = url
        self._listener: _Listener | None = None

    async def close(self) -> None:
        """Write what waits and close."""
        await super().close()
        if self._listener is not None:
            await self._listener.close()
            self._listener = None

    async def _change(self, operation: Operation[Pages, T]) -> T:
        self._listen()
        return await super()._change(operation)

    async def _look(self, read: Callable[[Pages], T]) -> T:
        self._listen()
        return await super()._look(read)

    def _listen(self) -> None:
        if self._listener is None:
            self._listener = _Listener(self._url, self._ring)


class _Listener:
    """A live thread that hears what other processes tell, and tells this one's event loop."""

    def __init__(self, url: str, ring: Callable[[Sequence[str]], None]) -> None:
        self._url = url
        self._ring = ring
        self._loop = asyncio.get_running_loop()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="quorate-journal-listener", daemon=True)
        self._thread.start()

    async def close(self) -> None:
        """End it."""
        self._ending.set()
        await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        while not self._ending.is_set():
            # Whatever it is, who waits looks by himself as well, only later; and the next calls tell why.
            with contextlib.suppress(Exception), connected(self._url) as connection:
                connection.execute(f"LISTEN {_CHANNEL}".encode())
                self._heard([WORK, CANCEL])  # something may have been told while nobody listened
                while not self._ending.is_set():
                    for notification in connection.notifies(timeout=_LOOK_S):
                        self._heard(notification.payload.split())
            self._ending.wait(_LOOK_S)

    def _heard(self, topics: Sequence[str]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile
            self._loop.call_soon_threadsafe(self._ring, topics)


def _is_away(error: Exception) -> bool:
    import psycopg  # noqa: PLC0415 - there, or nothing could have failed

    return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)


def _sendable(values: Sequence[Any]) -> Sequence[Any]:
    """Return values as this database takes them: its texts hold no NUL. None of ours do; what is asked for may."""
    return [_without_nul(value) for value in values]


def _without_nul(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\0", "\ufffd") if "\0" in value else value
    if isinstance(value, list):
        return [_without_nul(each) for each in cast("list[Any]", value)]
    return value


@lru_cache(maxsize=256)
def _worded(statement: str) -> bytes:
    """Return a statement with this driver's signs for values, sent in binary form."""
    return statement.replace("?", "%b").encode()
