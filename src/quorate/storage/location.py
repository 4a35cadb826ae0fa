"""Where a database is: its URL checked, its file made private before SQLite opens it."""

import os
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from quorate.core.errors import Misconfigured

_EXPECTED = "expected 'sqlite:///path' or 'postgresql://user@host/database'"
_POSTGRESQL = frozenset({"postgresql", "postgres", "postgresql+psycopg"})
_SECRET_OPTIONS = frozenset({"password", "sslpassword", "passfile"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """A database. `url` holds its password; `shown` does not. `file` is the file of SQLite, else `None`."""

    url: URL
    file: Path | None = None

    def __repr__(self) -> str:
        return f"Location({self.shown!r})"

    @property
    def shown(self) -> str:
        """The URL for people: without passwords."""
        safe = {name: value for name, value in self.url.query.items() if name not in _SECRET_OPTIONS}
        kind = self.url.get_backend_name()
        return self.url.set(drivername=kind, query=safe).render_as_string(hide_password=True)


def locate(url: str) -> Location:
    """Return where `url` points. Raises `Misconfigured` for anything but SQLite files and PostgreSQL."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise Misconfigured(f"the database URL cannot be read; {_EXPECTED}", where="storage.url") from None
    if "@" in (parsed.host or ""):  # the rest of a password, which nobody could be shown as a host
        raise Misconfigured("an @ in the password of a database URL is written %40", where="storage.url")
    if parsed.drivername in _POSTGRESQL:
        return Location(url=parsed.set(drivername="postgresql+psycopg"))
    if parsed.drivername not in {"sqlite", "sqlite+pysqlite"}:
        raise Misconfigured(f"no database of kind {parsed.drivername!r}; {_EXPECTED}", where="storage.url")
    if parsed.database in {None, "", ":memory:"}:
        raise Misconfigured(f"SQLite needs a file, so that it outlives the process; {_EXPECTED}", where="storage.url")
    file = Path(str(parsed.database)).expanduser().absolute()
    return Location(url=parsed.set(drivername="sqlite+pysqlite", database=str(file)), file=file)


def make_private(file: Path) -> None:
    """Make the file and the folders above it where they are missing, for this user alone: 0600 and 0700.

    SQLite gives the files beside it (`-wal`, `-shm`) the same rights. Raises `Misconfigured` if it cannot be.
    """
    try:
        for folder in reversed(file.parents):
            if not folder.exists():
                folder.mkdir(mode=0o700, exist_ok=True)
        os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise Misconfigured(
            f"the database file {str(file)!r} cannot be opened: {error.strerror}", where="storage.url"
        ) from None
