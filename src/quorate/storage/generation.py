"""A number that changes with every write to keys or tenants, so that whoever caches them knows when to look again."""

from sqlalchemy import Connection, select, update

from quorate.storage.schema import meta

_THIS = meta.c.name == "generation"
_NEXT = update(meta).where(_THIS).values(number=meta.c.number + 1)
_READ = select(meta.c.number).where(_THIS)


def bump(connection: Connection) -> None:
    """Change the number, in the transaction of the write itself."""
    connection.execute(_NEXT)


def read_generation(connection: Connection) -> int:
    """Return the number: one row by its primary key."""
    return connection.execute(_READ).scalar_one()
