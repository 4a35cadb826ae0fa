"""What goes wrong with a database, told in the words of the error tree."""

import sqlite3
from collections.abc import Generator
from contextlib import contextmanager

from sqlalchemy import exc

from quorate.core.errors import QuorateError

#: Of an id that does not exist an error repeats so much: it came from outside and may be of any length.
SHOWN_CHARACTERS = 80
#: SQLSTATE of a missing privilege, database, schema, table or column: somebody is at work on the database.
_NO_TABLE = frozenset({"42501", "3D000", "3F000", "42P01", "42703"})


class StorageUnavailable(QuorateError):
    """The database cannot be reached or does not answer; the same request may succeed when it is back."""

    code = "storage_unavailable"
    default_status = 503
    default_retryable = True


@contextmanager
def told(what: str) -> Generator[None]:
    """Raise `StorageUnavailable` for errors of the database inside the block; `what` says what was being done.

    The driver's words stay the private cause: they may quote what was stored.
    """
    try:
        yield
    except exc.IntegrityError:
        raise  # what it means is for the caller to say: a row that exists, a row that is missing
    except (exc.SQLAlchemyError, sqlite3.Error) as error:  # SQLite, while a connection is made: as the driver says it
        raise StorageUnavailable(f"the database did not {what}; try again in a moment", retry_after_s=1.0) from error


def is_refusal(error: Exception) -> bool:
    """Whether the error is about the row, so that trying again is of no use; else the database is away."""
    if _is_about_the_tables(error):
        return False
    if isinstance(error, exc.DataError | exc.IntegrityError | exc.ProgrammingError | exc.NotSupportedError):
        return True
    return not isinstance(
        error, exc.SQLAlchemyError | sqlite3.Error | OSError
    )  # a value that the driver cannot even send


def reason_of(error: Exception) -> str:
    """Return why the database is away, in the driver's words where they are about the database; else the error's kind.

    Words about a row may quote what was stored.
    """
    kind = type(error).__name__
    if isinstance(error, OSError):
        return f"{kind}: {error.strerror}"
    if isinstance(error, exc.DBAPIError) and (isinstance(error, exc.OperationalError) or _is_about_the_tables(error)):
        words = str(error.orig).partition("\n")[0]
        return f"{kind}: {words}"
    return kind


def _is_about_the_tables(error: Exception) -> bool:
    """Whether PostgreSQL says that a table or the right to it is missing: SQLite calls that an operational error."""
    return isinstance(error, exc.ProgrammingError) and getattr(error.orig, "sqlstate", None) in _NO_TABLE
