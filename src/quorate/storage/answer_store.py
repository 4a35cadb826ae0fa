"""Requests that carry an Idempotency-Key: each runs once, and whoever sends it again gets the first answer."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, TypeAlias

from sqlalchemy import ColumnElement, Connection, and_, delete, or_, select, update

from quorate.core.errors import InvalidRequest
from quorate.core.ids import TenantId
from quorate.storage.connections import Connections
from quorate.storage.errors import told
from quorate.storage.schema import idempotency
from quorate.storage.upsert import insert_or

#: How long an answer is kept and its key is taken.
KEPT: Final = timedelta(hours=24)
#: After so long without an answer a request was cut off, unless requests may take longer.
DEFAULT_LEASE_S: Final = 900.0
_MAX_KEY_CHARACTERS = 255
_TRIES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """The request is the first with its key: run it, then `finish` or `abandon` it with this value."""

    route: str
    key: str
    token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """The request was answered before, with this."""

    status: int
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class InProgress:
    """The same request is under way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DifferentBody:
    """The key was used for another request."""


Beginning: TypeAlias = Begun | Replay | InProgress | DifferentBody


class AnswerStore:
    """Answers by tenant, route and key, for 24 hours. Everything is blocking."""

    def __init__(self, connections: Connections, *, lease_s: float = DEFAULT_LEASE_S) -> None:
        """`lease_s`: a request that has not finished by then was cut off with its process and may be begun anew."""
        self._connections = connections
        self._lease = timedelta(seconds=lease_s)

    def begin(self, tenant: TenantId, route: str, key: str, body_digest: bytes, now: datetime) -> Beginning:
        """Say what to do with a request. Of any number at the same time, on any machine, exactly one gets `Begun`.

        `body_digest` tells bodies apart (SHA-256). Raises `InvalidRequest` for a key of no or over 255 characters.
        """
        if not 1 <= len(key) <= _MAX_KEY_CHARACTERS:
            raise InvalidRequest(
                f"the Idempotency-Key has {len(key)} characters; use 1 to {_MAX_KEY_CHARACTERS}",
                param="Idempotency-Key",
            )
        begun = Begun(route=route, key=key, token=secrets.token_hex(16))
        for _ in range(_TRIES):
            with told("look for an earlier request"), self._connections.writing() as connection:
                if connection.execute(self._claim(tenant, begun, body_digest, now)).first() is not None:
                    return begun
                found = _found(connection, tenant, begun, body_digest)
            if found is not None:  # else it was abandoned a moment ago: the key is free again
                return found
        return InProgress()

    def finish(self, tenant: TenantId, begun: Begun, *, status: int, body: bytes) -> None:
        """Keep the answer. Does nothing if another has begun the request anew meanwhile."""
        done = update(idempotency).where(_own(tenant, begun)).values(status=status, body=body)
        with told("keep the answer"), self._connections.writing() as connection:
            connection.execute(done)

    def abandon(self, tenant: TenantId, begun: Begun) -> None:
        """Free the key of a request that ended without an answer worth keeping, so that it may be sent again."""
        with told("forget the request"), self._connections.writing() as connection:
            connection.execute(delete(idempotency).where(_own(tenant, begun), idempotency.c.status.is_(None)))

    def purge(self, now: datetime) -> int:
        """Delete what is over 24 hours old, of every tenant; return how many."""
        with told("delete old answers"), self._connections.writing() as connection:
            return connection.execute(delete(idempotency).where(idempotency.c.begun_at <= now - KEPT)).rowcount

    def _claim(self, tenant: TenantId, begun: Begun, body_digest: bytes, now: datetime) -> Any:
        """Return the one statement that takes the key and gives a row, if it is free, over its time or left behind."""
        values: dict[str, Any] = {
            "tenant": tenant,
            "route": begun.route,
            "key": begun.key,
            "body_digest": body_digest,
            "token": begun.token,
            "begun_at": now,
        }
        free = or_(
            idempotency.c.begun_at <= now - KEPT,
            and_(idempotency.c.status.is_(None), idempotency.c.begun_at <= now - self._lease),
        )
        new = insert_or(idempotency, self._connections.engine.dialect).values(values)
        fresh = {"body_digest": body_digest, "token": begun.token, "begun_at": now, "status": None, "body": None}
        claim = new.on_conflict_do_update(index_elements=list(idempotency.primary_key), set_=fresh, where=free)
        return claim.returning(idempotency.c.token)


def _own(tenant: TenantId, begun: Begun) -> ColumnElement[bool]:
    return and_(
        idempotency.c.tenant == tenant,
        idempotency.c.route == begun.route,
        idempotency.c.key == begun.key,
        idempotency.c.token == begun.token,
    )


def _found(connection: Connection, tenant: TenantId, asked: Begun, body_digest: bytes) -> Beginning | None:
    query = select(idempotency.c.body_digest, idempotency.c.status, idempotency.c.body).where(
        idempotency.c.tenant == tenant, idempotency.c.route == asked.route, idempotency.c.key == asked.key
    )
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    stored_digest, status, body = row
    if bytes(stored_digest) != body_digest:
        return DifferentBody()
    return InProgress() if status is None else Replay(status=status, body=bytes(body))
