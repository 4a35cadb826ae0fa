"""`/api/v1/keys`: make, look at, rotate and revoke API keys; `/api/v1/me`: who asks."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Annotated, Self, TypeVar

import msgspec

from quorate.access.allowance_body import AllowanceBody, Name
from quorate.access.authorize import Owned, authorize
from quorate.access.delegation import Rights, delegate
from quorate.access.mint import Minted, mint
from quorate.access.permission import Permission, Scope
from quorate.core.errors import Conflict, Forbidden
from quorate.core.ids import KeyId, TenantId
from quorate.server.moment import utc
from quorate.server.route import Answer, Exchange, Route
from quorate.server.visible import tenant_scope
from quorate.storage.rows import KeyRow
from quorate.storage.scope import ALL_TENANTS
from quorate.storage.scope import Scope as TenantScope

T = TypeVar("T")

MOST_OVERLAP_S = 30 * 24 * 3600
REPLAY_NOTE = "the key was shown once, in the first answer, and is kept nowhere; rotate it if that answer was lost"

Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class NewKey(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A key to make. What is not given is as for the key that makes it; `tenant` is for operators."""

    name: Name
    scopes: Annotated[tuple[Scope, ...], msgspec.Meta(min_length=1, max_length=16)] = (Scope.CHAT,)
    models: Annotated[tuple[str, ...], msgspec.Meta(max_length=100)] | None = None
    allowance: AllowanceBody = AllowanceBody()
    expires_at: Moment | None = None
    tenant: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] | None = None


class Rotation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How to rotate: the old key stays good for `overlap_s` seconds."""

    overlap_s: Annotated[float, msgspec.Meta(ge=0, le=MOST_OVERLAP_S)] = 24 * 3600.0


class KeyQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which keys; `after` is a page's `next`, `tenant` is for operators."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=200)] = 50
    after: Annotated[str, msgspec.Meta(max_length=400)] | None = None
    tenant: Annotated[str, msgspec.Meta(max_length=64)] | None = None


class KeyView(msgspec.Struct, frozen=True, kw_only=True):
    """A key as it may be shown."""

    id: str
    tenant: str
    name: str
    prefix: str
    scopes: tuple[str, ...]
    models: tuple[str, ...] | None
    allowance: AllowanceBody
    created_at: datetime
    created_by: str | None
    expires_at: datetime | None
    revoked_at: datetime | None
    replaced_by: str | None


class MadeKey(msgspec.Struct, frozen=True, kw_only=True):
    """A new key. `secret` is the key itself, shown this once; `note` says why a repetition goes without."""

    key: KeyView
    secret: str | None
    note: str | None = None

    def for_replay(self) -> Self:
        """Return what may be kept and shown again: without the secret."""
        return msgspec.structs.replace(self, secret=None, note=REPLAY_NOTE)


class KeyPage(msgspec.Struct, frozen=True, kw_only=True):
    """Keys, the newest first."""

    data: tuple[KeyView, ...]
    has_more: bool
    next: str | None = None


class Me(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks, and what they may do."""

    key: str | None
    tenant: str
    scopes: tuple[Scope, ...]
    permissions: tuple[Permission, ...]
    models: tuple[str, ...] | None
    allowance: AllowanceBody
    expires_at: datetime | None


async def create_key(exchange: Exchange) -> Answer:
    """Make a key."""
    body: NewKey = exchange.body
    maker, clock = exchange.principal, exchange.services.clock
    asked = Rights(
        tenant=TenantId(body.tenant or maker.tenant),
        scopes=frozenset(body.scopes),
        models=body.models,
        allowance=body.allowance.allowance(),
        expires_at=None if body.expires_at is None else utc(body.expires_at, "expires_at"),
    )
    rights = delegate(maker, asked, now=clock.now(), per_key=exchange.services.limiter.per_key)
    minted = _mint(exchange, rights, body.name)
    await _write(exchange, lambda: exchange.services.database.keys.add(minted.row))
    return _made(minted)


async def list_keys(exchange: Exchange) -> Answer:
    """Return a page of keys."""
    query: KeyQuery = exchange.query
    keys = exchange.services.database.keys
    scope = tenant_scope(exchange, query.tenant)

    def read() -> KeyPage:
        found = keys.page(scope, query.limit + 1, query.after)
        more, page = len(found) > query.limit, found[: query.limit]
        return KeyPage(
            data=tuple(view_of(row) for row in page), has_more=more, next=keys.cursor(page[-1]) if more else None
        )

    return Answer(value=await asyncio.to_thread(read))


async def show_key(exchange: Exchange) -> Answer:
    """Return one key."""
    return Answer(value=view_of(await _get(exchange, Permission.KEYS_READ)))


async def revoke_key(exchange: Exchange) -> Answer:
    """Revoke a key for good."""
    row = await _get(exchange, Permission.KEYS_WRITE)
    keys, now = exchange.services.database.keys, exchange.services.clock.now()
    return Answer(value=view_of(await _write(exchange, lambda: keys.revoke(row.tenant, row.id, now))))


async def rotate_key(exchange: Exchange) -> Answer:
    """Put a new key with the same rights in the place of one that stays good for a while."""
    body: Rotation = exchange.body
    old = await _get(exchange, Permission.KEYS_WRITE)
    now = exchange.services.clock.now()
    minted = _mint(exchange, _rights_for_rotation(exchange, old, now), old.name)
    keys, good_until = exchange.services.database.keys, now + timedelta(seconds=body.overlap_s)
    await _write(exchange, lambda: keys.replace(old.tenant, old.id, minted.row, good_until))
    return _made(minted)


async def show_me(exchange: Exchange) -> Answer:
    """Return who asks."""
    who = exchange.principal
    return Answer(
        value=Me(
            key=who.key_id,
            tenant=who.tenant,
            scopes=tuple(scope for scope in Scope if scope in who.scopes),
            permissions=tuple(each for each in Permission if each in who.permissions),
            models=who.models,
            allowance=AllowanceBody.of(who.allowance),
            expires_at=who.expires_at,
        )
    )


def view_of(row: KeyRow) -> KeyView:
    """Return a key as it may be shown: everything but the digest."""
    return KeyView(
        id=row.id,
        tenant=row.tenant,
        name=row.name,
        prefix=row.prefix,
        scopes=row.scopes,
        models=row.models,
        allowance=AllowanceBody.of(row.allowance),
        created_at=row.created_at,
        created_by=row.created_by,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        replaced_by=row.replaced_by,
    )


def _mint(exchange: Exchange, rights: Rights, name: str) -> Minted:
    return mint(
        exchange.services.clock,
        tenant=rights.tenant,
        name=name,
        scopes=rights.scopes,
        models=rights.models,
        allowance=rights.allowance,
        expires_at=rights.expires_at,
        created_by=exchange.principal.key_id,
    )


def _made(minted: Minted) -> Answer:
    return Answer(value=MadeKey(key=view_of(minted.row), secret=minted.secret.reveal()), status=201)


async def _get(exchange: Exchange, permission: Permission) -> KeyRow:
    who, key = exchange.principal, KeyId(exchange.path["id"])
    scope: TenantScope = ALL_TENANTS if who.is_operator else who.tenant
    row = await asyncio.to_thread(exchange.services.database.keys.get, scope, key)
    authorize(who, permission, Owned(tenant=row.tenant, what=f"key {key!r}"))
    return row


def _rights_for_rotation(exchange: Exchange, old: KeyRow, now: datetime) -> Rights:
    """Return the old key's rights. Whoever rotates a key sees a new secret with them: the bounds of making one hold."""
    if old.expires_at is not None and old.expires_at <= now:
        raise Conflict(f"the key {old.id!r} has expired; make a new one")
    rights = Rights(
        tenant=old.tenant,
        scopes=frozenset(scope for scope in Scope if scope.value in old.scopes),
        models=old.models,
        allowance=old.allowance,
        expires_at=old.expires_at,
    )
    if delegate(exchange.principal, rights, now=now, per_key=exchange.services.limiter.per_key) != rights:
        raise Forbidden(f"this key cannot rotate {old.id!r}, which may do more than itself")
    return rights


async def _write(exchange: Exchange, write: Callable[[], T]) -> T:
    """Write, and let this process know at once; the others notice within half a second."""
    keys = exchange.services.keys

    def work() -> T:
        written = write()
        if keys is not None:
            keys.refresh()
        return written

    return await asyncio.to_thread(work)


ROUTES = (
    Route(
        method="POST",
        path="/api/v1/keys",
        handler=create_key,
        summary="Make an API key; the answer holds it, this once",
        permission=Permission.KEYS_WRITE,
        body=NewKey,
        answer=MadeKey,
        status=201,
        idempotent=True,
        tag="keys",
    ),
    Route(
        method="GET",
        path="/api/v1/keys",
        handler=list_keys,
        summary="List API keys, the newest first",
        permission=Permission.KEYS_READ,
        query=KeyQuery,
        answer=KeyPage,
        tag="keys",
    ),
    Route(
        method="GET",
        path="/api/v1/keys/{id}",
        handler=show_key,
        summary="Show an API key",
        permission=Permission.KEYS_READ,
        answer=KeyView,
        tag="keys",
    ),
    Route(
        method="DELETE",
        path="/api/v1/keys/{id}",
        handler=revoke_key,
        summary="Revoke an API key, everywhere within a second",
        permission=Permission.KEYS_WRITE,
        answer=KeyView,
        tag="keys",
    ),
    Route(
        method="POST",
        path="/api/v1/keys/{id}/rotate",
        handler=rotate_key,
        summary="Replace an API key; the old one stays good for a while",
        permission=Permission.KEYS_WRITE,
        body=Rotation,
        answer=MadeKey,
        status=201,
        idempotent=True,
        tag="keys",
    ),
    Route(
        method="GET",
        path="/api/v1/me",
        handler=show_me,
        summary="Show who asks and what they may do",
        permission=Permission.SELF_READ,
        answer=Me,
        tag="keys",
    ),
)
