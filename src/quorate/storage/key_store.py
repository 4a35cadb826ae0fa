"""The table of API keys."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, delete, func, insert, literal, or_, select, tuple_, update
from sqlalchemy.exc import IntegrityError

from quorate.core.errors import Conflict, NotFound
from quorate.core.ids import KeyId, TenantId
from quorate.storage.connections import Connections
from quorate.storage.cursor import Cursors, Position, checked_limit
from quorate.storage.errors import SHOWN_CHARACTERS, told
from quorate.storage.generation import bump, read_generation
from quorate.storage.rows import KeyRow, TenantRow
from quorate.storage.schema import keys, tenants
from quorate.storage.scope import Scope, within
from quorate.storage.tenant_store import allowance_of, allowance_values, tenant_row, tenant_values

#: Everything but the digest: only `live` reads it.
_SHOWN = [column for column in keys.c if column.name != "digest"]
_OF_TENANT = [column.label(f"tenant_{column.name}") for column in tenants.c]


class KeyStore:
    """API keys without their secrets. Everything is blocking.

    Rows that are read one by one or in pages come without the digest (`b""`); only `live` gives it.
    """

    def __init__(self, connections: Connections, cursors: Cursors) -> None:
        self._connections = connections
        self._cursors = cursors

    def add(self, row: KeyRow) -> None:
        """Add a key; nothing that exists is changed.

        Raises `NotFound` if there is no such tenant, `Conflict` if its id or digest is taken.
        """
        try:
            with told("add the key"), self._connections.writing() as connection:
                _insert(connection, row)
        except IntegrityError:
            raise Conflict(f"there is a key {row.id!r} already; make a new one", param="id") from None

    def add_first(self, row: KeyRow, tenant: TenantRow) -> bool:
        """Add a key if there is none at all, with its tenant if that is missing; return whether it was added.

        Of several processes that do so at the same time, one adds its key.
        """
        with told("add the key"), self._connections.writing() as connection:
            bump(connection)  # first: who writes the same row waits here, and then sees what the other has done
            if connection.execute(select(literal(1)).select_from(keys).limit(1)).first() is not None:
                return False
            if connection.execute(select(literal(1)).where(tenants.c.id == tenant.id)).first() is None:
                connection.execute(insert(tenants).values(tenant_values(tenant)))
            _insert(connection, row)
            return True

    def take_back(self, scope: Scope, key: KeyId) -> None:
        """Delete a key that nobody was told of, as if it had never been made."""
        with told("take the key back"), self._connections.writing() as connection:
            connection.execute(delete(keys).where(within(scope, keys.c.tenant), keys.c.id == key))
            bump(connection)

    def get(self, scope: Scope, key: KeyId) -> KeyRow:
        """Return a key of the scope. Raises `NotFound`."""
        with told("read the key"), self._connections.reading() as connection:
            return _get(connection, scope, key)

    def page(self, scope: Scope, limit: int, after: str | None = None) -> list[KeyRow]:
        """Return up to `limit` keys, newest first; `after` is the `cursor` of the last row of the page before."""
        query = (
            select(*_SHOWN)
            .where(within(scope, keys.c.tenant))
            .order_by(keys.c.created_at.desc(), keys.c.id.desc())
            .limit(checked_limit(limit))
        )
        if after is not None:
            last = self._cursors.decode("keys", after)
            query = query.where(tuple_(keys.c.created_at, keys.c.id) < (last.at, last.id))
        with told("read the keys"), self._connections.reading() as connection:
            return [_key_row(found) for found in connection.execute(query).mappings()]

    def cursor(self, row: KeyRow) -> str:
        """Return the cursor of the page that follows this row."""
        return self._cursors.encode("keys", Position(at=row.created_at, id=row.id))

    def revoke(self, scope: Scope, key: KeyId, at: datetime) -> KeyRow:
        """Revoke a key for good and return it; one that is revoked already keeps its first time. Raises `NotFound`."""
        change = (
            update(keys)
            .where(within(scope, keys.c.tenant), keys.c.id == key, keys.c.revoked_at.is_(None))
            .values(revoked_at=at)
        )
        with told("revoke the key"), self._connections.writing() as connection:
            if connection.execute(change).rowcount:
                bump(connection)
            return _get(connection, scope, key)

    def replace(self, scope: Scope, old: KeyId, new: KeyRow, old_expires_at: datetime) -> KeyRow:
        """Put `new` in the place of a key that stays good until `old_expires_at`, never longer than before.

        All in one transaction; returns the old key. Raises `NotFound`, and `Conflict` if the old one is revoked or
        replaced already, or the new one belongs to somebody else.
        """
        try:
            with told("replace the key"), self._connections.writing() as connection:
                found = _get(connection, scope, old)
                if new.tenant != found.tenant:
                    raise Conflict(f"the key {old!r} cannot be replaced by one of another tenant")
                _insert(connection, new)
                _retire(connection, found, new.id, old_expires_at)
                return _get(connection, scope, old)
        except IntegrityError:
            raise Conflict(f"there is a key {new.id!r} already; make a new one", param="id") from None

    def live(self, now: datetime) -> list[tuple[KeyRow, TenantRow]]:
        """Return every key that is good now with its tenant: not revoked, not expired, tenant not disabled."""
        query = (
            select(keys, *_OF_TENANT)
            .join(tenants, tenants.c.id == keys.c.tenant)
            .where(
                keys.c.revoked_at.is_(None),
                or_(keys.c.expires_at.is_(None), keys.c.expires_at > now),
                tenants.c.disabled_at.is_(None),
            )
            .order_by(keys.c.id)
        )
        with told("read the keys"), self._connections.reading() as connection:
            found = connection.execute(query).mappings().all()
        return [(_key_row(row, digest=row["digest"]), tenant_row(row, prefix="tenant_")) for row in found]

    def generation(self) -> int:
        """Return a number that changes with each write to keys or tenants. One read by primary key."""
        with told("answer"), self._connections.reading() as connection:
            return read_generation(connection)

    def count(self) -> int:
        """Return how many keys there are, of any tenant, good or not."""
        with told("count the keys"), self._connections.reading() as connection:
            return connection.execute(select(func.count()).select_from(keys)).scalar_one()


def _insert(connection: Connection, row: KeyRow) -> None:
    if connection.execute(select(literal(1)).where(tenants.c.id == row.tenant)).first() is None:
        raise NotFound(f"no tenant {row.tenant[:SHOWN_CHARACTERS]!r}", param="tenant")
    connection.execute(insert(keys).values(_values(row)))
    bump(connection)


def _get(connection: Connection, scope: Scope, key: KeyId) -> KeyRow:
    query = select(*_SHOWN).where(within(scope, keys.c.tenant), keys.c.id == key)
    found = connection.execute(query).mappings().one_or_none()
    if found is None:
        raise NotFound(f"no key {key[:SHOWN_CHARACTERS]!r}")
    return _key_row(found)


def _retire(connection: Connection, old: KeyRow, new: KeyId, expires_at: datetime) -> None:
    expires_at = expires_at if old.expires_at is None else min(expires_at, old.expires_at)
    change = (
        update(keys)
        # Both conditions once more, in the write itself: of two rotations at the same time one must fail.
        .where(keys.c.id == old.id, keys.c.revoked_at.is_(None), keys.c.replaced_by.is_(None))
        .values(replaced_by=new, expires_at=expires_at)
    )
    if not connection.execute(change).rowcount:
        raise Conflict(f"the key {old.id!r} is revoked or replaced already; rotate the newest one")


def _values(row: KeyRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "tenant": row.tenant,
        "name": row.name,
        "prefix": row.prefix,
        "digest": row.digest,
        "scopes": row.scopes,
        "models": row.models,
        "created_at": row.created_at,
        "created_by": row.created_by,
        "expires_at": row.expires_at,
        "revoked_at": row.revoked_at,
        "replaced_by": row.replaced_by,
        **allowance_values(row.allowance),
    }


def _key_row(found: RowMapping, *, digest: bytes = b"") -> KeyRow:
    return KeyRow(
        id=KeyId(found["id"]),
        tenant=TenantId(found["tenant"]),
        name=found["name"],
        prefix=found["prefix"],
        digest=bytes(digest),
        scopes=found["scopes"],
        models=found["models"],
        allowance=allowance_of(found),
        created_at=found["created_at"],
        created_by=found["created_by"],
        expires_at=found["expires_at"],
        revoked_at=found["revoked_at"],
        replaced_by=found["replaced_by"],
    )
