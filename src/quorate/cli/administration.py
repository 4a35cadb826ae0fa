"""What the commands about keys and tenants share: the database, the operator's authority, words."""

from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from quorate.access.principal import OPERATOR
from quorate.cli.span import span
from quorate.config import load_settings
from quorate.config.data_folder import database_url
from quorate.core.clock import SystemClock
from quorate.core.errors import Conflict, InvalidRequest
from quorate.model.allowance import Allowance
from quorate.storage.database import Database
from quorate.storage.rows import TenantRow

_MOST_CHARACTERS = 200
#: From any moment of today, that is still a date.
_LONGEST = timedelta(days=36_525)


def open_database(config: Path | None) -> Database:
    """Return the configured database, with the operator's tenant in it. Blocking; to be closed."""
    clock = SystemClock()
    database = Database.open(database_url(load_settings(config, probe=False)), clock=clock)
    with suppress(Conflict):
        database.tenants.add(TenantRow(id=OPERATOR, name="operator", created_at=clock.now()))
    return database


def span_of(text: str, param: str) -> timedelta:
    """Return the length of time that a text like `90s`, `12h` or `30d` means. Raises `InvalidRequest`."""
    found = span(text)
    if found is None or found > _LONGEST:
        raise InvalidRequest(
            f"{text!r} is no length of time up to a century; write `90s`, `12h`, `30d` or `8w`", param=param
        )
    return found


def checked_name(name: str) -> str:
    """Return the name of a key or tenant. Raises `InvalidRequest` for one that nobody could read."""
    if not 1 <= len(name) <= _MOST_CHARACTERS or not name.strip():
        raise InvalidRequest(f"the name has {len(name)} characters; use 1 to {_MOST_CHARACTERS}", param="name")
    return name


def shown_time(moment: datetime | None) -> str:
    """Return a time for a table, to the minute."""
    return "" if moment is None else f"{moment:%Y-%m-%d %H:%M}"


def shown_allowance(allowance: Allowance) -> str:
    """Return limits in a few words."""
    parts = (
        (allowance.requests_per_minute, "requests/min"),
        (allowance.tokens_per_minute, "tokens/min"),
        (allowance.concurrent_requests, "at once"),
    )
    return ", ".join(f"{amount:,} {unit}" for amount, unit in parts if amount is not None)
