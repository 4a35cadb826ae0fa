"""INSERT that minds the rows that are there, in the words of each database."""

from typing import TYPE_CHECKING, Any

from sqlalchemy import Dialect, Table

if TYPE_CHECKING:
    from sqlalchemy.dialects.postgresql import Insert as PostgresInsert
    from sqlalchemy.dialects.sqlite import Insert as SqliteInsert


def insert_or(table: Table, dialect: Dialect) -> "SqliteInsert | PostgresInsert":
    """Return an INSERT that can be told what to do about a row that exists (`on_conflict_do_nothing`, `..._update`)."""
    if dialect.name == "sqlite":
        from sqlalchemy.dialects.sqlite import insert as sqlite_insert  # noqa: PLC0415 - loaded with the engine

        return sqlite_insert(table)
    # slow: 22 ms, needed only for PostgreSQL
    from sqlalchemy.dialects.postgresql import insert as postgres_insert  # noqa: PLC0415

    return postgres_insert(table)


def whole_row_sql(table: Table, dialect: Dialect) -> str:
    """Return the INSERT of a row by position, in the order of the columns, that leaves a row that exists as it is."""
    # A dialect of its own, because by position is the one form that takes tuples as they are.
    kind: Any = type(dialect)
    positional: Dialect = kind(paramstyle="qmark" if dialect.name == "sqlite" else "format")
    new = insert_or(table, dialect).on_conflict_do_nothing(index_elements=list(table.primary_key))
    return str(new.compile(dialect=positional))
