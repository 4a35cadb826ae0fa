"""The table of tenants."""

from datetime import datetime
from enum import Enum
from typing import Any, Final, Literal, TypeAlias

from sqlalchemy import RowMapping, insert, select, tuple_, update
from sqlalchemy.exc import IntegrityError

from quorate.core.errors import Conflict, NotFound
from quorate.core.ids import TenantId
from quorate.model.allowance import Allowance
from quorate.storage.connections import Connections
from quorate.storage.cursor import Cursors, Position, checked_limit
from quorate.storage.errors import SHOWN_CHARACTERS, told
from quorate.storage.generation import bump
from quorate.storage.rows import TenantRow
from quorate.storage.schema import tenants


class Unchanged(Enum):
    """For fields that an update leaves as they are, since `None` is a value of its own."""

    UNCHANGED = "unchanged"


UNCHANGED: Final = Unchanged.UNCHANGED
_Unchanged: TypeAlias = Literal[Unchanged.UNCHANGED]


class TenantStore:
    """Who owns keys and runs; only operators reach it. Everything is blocking."""

    def __init__(self, connections: Connections, cursors: Cursors) -> None:
        self._connections = connections
        self._cursors = cursors

    def add(self, row: TenantRow) -> None:
        """Add a tenant. Raises `Conflict` if there is one with its id; nothing that exists is changed."""
        try:
            with told("add the tenant"), self._connections.writing() as connection:
                connection.execute(insert(tenants).values(tenant_values(row)))
                bump(connection)
        except IntegrityError:
            raise Conflict(f"there is a tenant {row.id!r} already; choose another id", param="id") from None

    def get(self, tenant: TenantId) -> TenantRow:
        """Return a tenant. Raises `NotFound`."""
        with told("read the tenant"), self._connections.reading() as connection:
            found = connection.execute(select(tenants).where(tenants.c.id == tenant)).mappings().one_or_none()
        if found is None:
            raise NotFound(f"no tenant {tenant[:SHOWN_CHARACTERS]!r}")
        return tenant_row(found)

    def page(self, limit: int, after: str | None = None) -> list[TenantRow]:
        """Return up to `limit` tenants, newest first; `after` is the `cursor` of the last row of the page before."""
        query = select(tenants).order_by(tenants.c.created_at.desc(), tenants.c.id.desc()).limit(checked_limit(limit))
        if after is not None:
            last = self._cursors.decode("tenants", after)
            query = query.where(tuple_(tenants.c.created_at, tenants.c.id) < (last.at, last.id))
        with told("read the tenants"), self._connections.reading() as connection:
            return [tenant_row(found) for found in connection.execute(query).mappings()]

    def cursor(self, row: TenantRow) -> str:
        """Return the cursor of the page that follows this row."""
        return self._cursors.encode("tenants", Position(at=row.created_at, id=row.id))

    def update(
        self,
        tenant: TenantId,
        *,
        name: str | _Unchanged = UNCHANGED,
        allowance: Allowance | _Unchanged = UNCHANGED,
        disabled_at: datetime | _Unchanged | None = UNCHANGED,
    ) -> TenantRow:
        """Change what is given and return the tenant; `disabled_at=None` lets it in again. Raises `NotFound`."""
        values: dict[str, Any] = {}
        if name is not UNCHANGED:
            values["name"] = name
        if allowance is not UNCHANGED:
            values |= allowance_values(allowance)
        if disabled_at is not UNCHANGED:
            values["disabled_at"] = disabled_at
        if values:
            with told("change the tenant"), self._connections.writing() as connection:
                if connection.execute(update(tenants).where(tenants.c.id == tenant).values(values)).rowcount:
                    bump(connection)
        return self.get(tenant)


def tenant_values(row: TenantRow) -> dict[str, Any]:
    """Return the columns of a tenant."""
    return {
        "id": row.id,
        "name": row.name,
        "created_at": row.created_at,
        "disabled_at": row.disabled_at,
        **allowance_values(row.allowance),
    }


def allowance_values(allowance: Allowance) -> dict[str, int | None]:
    """Return the columns of an allowance."""
    return {
        "requests_per_minute": allowance.requests_per_minute,
        "tokens_per_minute": allowance.tokens_per_minute,
        "concurrent_requests": allowance.concurrent_requests,
    }


def tenant_row(found: RowMapping, *, prefix: str = "") -> TenantRow:
    """Return a tenant as a value; `prefix` stands before the names of its columns in a join."""
    return TenantRow(
        id=TenantId(found[f"{prefix}id"]),
        name=found[f"{prefix}name"],
        created_at=found[f"{prefix}created_at"],
        disabled_at=found[f"{prefix}disabled_at"],
        allowance=allowance_of(found, prefix=prefix),
    )


def allowance_of(found: RowMapping, *, prefix: str = "") -> Allowance:
    """Return the allowance in a row."""
    return Allowance(
        requests_per_minute=found[f"{prefix}requests_per_minute"],
        tokens_per_minute=found[f"{prefix}tokens_per_minute"],
        concurrent_requests=found[f"{prefix}concurrent_requests"],
    )
