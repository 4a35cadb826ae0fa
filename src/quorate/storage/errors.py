"""What goes wrong with a database, told in the words of the error tree."""

import sqlite3
from collections.abc import Generator
from contextlib import contextmanager

from sqlalchemy import exc

from quorate.core.errors import QuorateError

#: Of an id that does not exist an error repeats so much: it came from outside and may be of any length.
SHOWN_CHARACTERS = 80


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
    if isinstance(error, exc.DataError | exc.IntegrityError | exc.ProgrammingError | exc.NotSupportedError):
        return True
    return not isinstance(
        error, exc.SQLAlchemyError | sqlite3.Error | OSError
    )  # a value that the driver cannot even send
