"""Numbers that change with every write to a part of the database: whoever caches it knows when to look again."""

from enum import StrEnum

from sqlalchemy import Connection, select, update

from quorate.storage.schema import meta


class Part(StrEnum):
    """What a number is about: keys and tenants together, or labels."""

    KEYS = "generation"
    FEEDBACK = "feedback"


def bump(connection: Connection, part: Part = Part.KEYS) -> None:
    """Change the number, in the transaction of the write itself."""
    connection.execute(update(meta).where(meta.c.name == part).values(number=meta.c.number + 1))


def read_generation(connection: Connection, part: Part = Part.KEYS) -> int:
    """Return the number: one row by its primary key."""
    return connection.execute(select(meta.c.number).where(meta.c.name == part)).scalar_one()
