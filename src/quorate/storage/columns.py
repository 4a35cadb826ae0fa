"""Types of columns that behave the same in SQLite and PostgreSQL."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import BigInteger, DateTime, Dialect, Text, TypeDecorator
from sqlalchemy.types import TypeEngine

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def microseconds(value: datetime) -> int:
    """Return an aware time as whole microseconds since 1970; exact. Raises `ValueError` for a naive one."""
    if value.tzinfo is None:
        raise ValueError(f"a time without a zone: {value!r}; pass aware UTC")
    return (value - EPOCH) // _MICROSECOND


def moment(seconds: float) -> datetime:
    """Return Unix seconds as an aware time, to the microsecond."""
    return EPOCH + round(seconds * 1e6) * _MICROSECOND


class UtcTime(TypeDecorator[datetime]):
    """Aware UTC: TIMESTAMPTZ in PostgreSQL, microseconds since 1970 in SQLite, which sorts them as numbers."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return the type of the column in this database."""
        stored: TypeEngine[Any] = BigInteger() if dialect.name == "sqlite" else DateTime(timezone=True)
        return dialect.type_descriptor(stored)

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> object:
        """Return what the driver gets."""
        if value is None:
            return None
        exact = microseconds(value)
        return exact if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | int | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Return aware UTC, whatever zone the session has."""
        if isinstance(value, int):
            return EPOCH + value * _MICROSECOND
        return None if value is None else value.astimezone(UTC)


def storable(text: str) -> str:
    """Return the text with what PostgreSQL or UTF-8 cannot hold, NUL and lone surrogates, replaced by U+FFFD."""
    if text.isascii():
        return text.replace("\0", "\ufffd") if "\0" in text else text
    clean = text.encode("utf-8", "surrogatepass").decode("utf-8", "replace") if _has_surrogate(text) else text
    return clean.replace("\0", "\ufffd")


def _has_surrogate(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


class PlainText(TypeDecorator[str]):
    """Text of any length; what no database could hold is replaced: an odd filter finds nothing and breaks nothing."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Return what the driver gets; an exact `str`, also for an enum."""
        return None if value is None else storable(str(value))


class Names(TypeDecorator[tuple[str, ...]]):
    """Several names as a JSON array in a text column."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: tuple[str, ...] | None, dialect: Dialect) -> str | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Return what the driver gets."""
        return None if value is None else msgspec.json.encode([storable(name) for name in value]).decode()

    def process_result_value(self, value: str | None, dialect: Dialect) -> tuple[str, ...] | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Return the names."""
        return None if value is None else msgspec.json.decode(value, type=tuple[str, ...])
