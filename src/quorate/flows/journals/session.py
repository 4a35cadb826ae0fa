"""A connection to a database, in the few words that SQLite and PostgreSQL share."""

from collections.abc import Sequence
from typing import Any, Protocol


class Session(Protocol):
    """A live connection, used by one thread. Statements have `?` for values and no other `?`, and no `%`.

    `locking` is what follows a SELECT of rows that will be changed, `skipping` the same without waiting for others.
    `blob` is the type of bytes.
    """

    locking: str
    skipping: str
    blob: str

    def begin(self, *, strict: bool) -> None:
        """Begin to write."""
        ...

    def begin_reading(self) -> None:
        """Begin to read one state."""
        ...

    def commit(self) -> None:
        """Keep it."""
        ...

    def rollback(self) -> None:
        """Drop it; never raises."""
        ...

    def rows(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return all rows."""
        ...

    def run(self, statement: str, values: Sequence[Any] = ()) -> None:
        """Do it."""
        ...

    def run_many(self, statement: str, values: Sequence[Sequence[Any]]) -> None:
        """Do it for each row of values."""
        ...

    def among(self, column: str, values: Sequence[str]) -> tuple[str, Any]:
        """Return a condition with one `?` and its value: that the column is one of these."""
        ...

    def try_lock(self, key: str) -> bool:
        """Take a lock that ends with the transaction; `False` if another process has it."""
        ...

    def notify(self, topics: Sequence[str]) -> None:
        """Tell other processes when this is committed."""
        ...

    def lock_schema(self) -> None:
        """Let nobody else make tables until this is committed."""
        ...

    def is_lost(self) -> bool:
        """Whether the connection is of no more use."""
        ...

    def close(self) -> None:
        """End it."""
        ...
