"""Writing many whole rows at once, as each database takes them with the least work."""

from collections.abc import Sequence
from itertools import chain
from typing import Any

from sqlalchemy import Connection, Dialect, Table

from quorate.storage.upsert import whole_row_sql

#: Rows in one statement, the largest size first. Few sizes, so that the driver keeps every statement prepared; the
#: largest stays far below SQLite's 32,766 parameters.
_SIZES = (128, 16, 4, 1)


class BulkInsert:
    """Inserts rows of one table by position; a row that exists is left as it is.

    SQLite gets several rows in one statement: its driver lets go of the interpreter's lock at each statement, and
    taking it back from a busy event loop costs more than writing the row (measured: 40 us for a run with its branch
    one by one, 18 us so). PostgreSQL's driver sends a list of rows in one go by itself.
    """

    def __init__(self, table: Table, dialect: Dialect) -> None:
        sql = whole_row_sql(table, dialect)
        self._several: dict[int, str] | None = None
        self._one = sql
        if dialect.name == "sqlite":
            head, values, tail = _cut(sql)
            self._several = {size: head + ", ".join((values,) * size) + tail for size in _SIZES}

    def write(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
        """Insert the rows in the connection's transaction."""
        if self._several is None:
            if rows:
                connection.exec_driver_sql(self._one, list(rows))
            return
        begin = 0
        for size, sql in self._several.items():
            while len(rows) - begin >= size:
                part = rows[begin : begin + size]
                connection.exec_driver_sql(sql, tuple(chain.from_iterable(part)))
                begin += size


def _cut(sql: str) -> tuple[str, str, str]:
    """Return what stands before the row's placeholders, these, and what follows."""
    begin = sql.index("(?")
    end = sql.index(")", begin) + 1
    return sql[:begin], sql[begin:end], sql[end:]
