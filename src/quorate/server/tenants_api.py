"""`/api/v1/tenants`: who owns keys and runs; for the operator alone."""

import asyncio
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import UNSET, UnsetType

from quorate.access.allowance_body import AllowanceBody, Name
from quorate.access.permission import Permission
from quorate.access.principal import OPERATOR
from quorate.core.errors import Conflict
from quorate.core.ids import TenantId, new_id
from quorate.server.route import Answer, Exchange, Route
from quorate.storage.rows import TenantRow
from quorate.storage.tenant_store import UNCHANGED


class NewTenant(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A tenant to make; `allowance` is for all its keys together."""

    name: Name
    allowance: AllowanceBody = AllowanceBody()


class TenantChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to change; `allowance` replaces the whole of it, `disabled` refuses or lets in all of the tenant's keys."""

    name: Name | UnsetType = UNSET
    allowance: AllowanceBody | UnsetType = UNSET
    disabled: bool | UnsetType = UNSET


class TenantQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which tenants; `after` is a page's `next`."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=200)] = 50
    after: Annotated[str, msgspec.Meta(max_length=400)] | None = None


class TenantView(msgspec.Struct, frozen=True, kw_only=True):
    """A tenant."""

    id: str
    name: str
    allowance: AllowanceBody
    created_at: datetime
    disabled_at: datetime | None


class TenantPage(msgspec.Struct, frozen=True, kw_only=True):
    """Tenants, the newest first."""

    data: tuple[TenantView, ...]
    has_more: bool
    next: str | None = None


async def create_tenant(exchange: Exchange) -> Answer:
    """Make a tenant."""
    body: NewTenant = exchange.body
    services = exchange.services
    row = TenantRow(
        id=TenantId(new_id("tenant", services.clock)),
        name=body.name,
        created_at=services.clock.now(),
        allowance=body.allowance.allowance(),
    )
    await asyncio.to_thread(services.database.tenants.add, row)
    return Answer(value=view_of(row), status=201)


async def list_tenants(exchange: Exchange) -> Answer:
    """Return a page of tenants."""
    query: TenantQuery = exchange.query
    tenants = exchange.services.database.tenants

    def read() -> TenantPage:
        found = tenants.page(query.limit + 1, query.after)
        more, page = len(found) > query.limit, found[: query.limit]
        return TenantPage(
            data=tuple(view_of(row) for row in page), has_more=more, next=tenants.cursor(page[-1]) if more else None
        )

    return Answer(value=await asyncio.to_thread(read))


async def show_tenant(exchange: Exchange) -> Answer:
    """Return one tenant."""
    row = await asyncio.to_thread(exchange.services.database.tenants.get, TenantId(exchange.path["id"]))
    return Answer(value=view_of(row))


async def change_tenant(exchange: Exchange) -> Answer:
    """Rename a tenant, change its allowance, disable it or let it in again."""
    body: TenantChange = exchange.body
    tenant, services = TenantId(exchange.path["id"]), exchange.services
    if tenant == OPERATOR and body.disabled is True:
        raise Conflict("the operator's own tenant cannot be disabled: nobody could enable it again", param="disabled")
    disabled_at = services.clock.now() if body.disabled is True else None

    def write() -> TenantRow:
        row = services.database.tenants.update(
            tenant,
            name=UNCHANGED if body.name is UNSET else body.name,
            allowance=UNCHANGED if body.allowance is UNSET else body.allowance.allowance(),
            disabled_at=UNCHANGED if body.disabled is UNSET else disabled_at,
        )
        if services.keys is not None:
            services.keys.refresh()
        return row

    return Answer(value=view_of(await asyncio.to_thread(write)))


def view_of(row: TenantRow) -> TenantView:
    """Return a tenant as it is shown."""
    return TenantView(
        id=row.id,
        name=row.name,
        allowance=AllowanceBody.of(row.allowance),
        created_at=row.created_at,
        disabled_at=row.disabled_at,
    )


ROUTES = (
    Route(
        method="POST",
        path="/api/v1/tenants",
        handler=create_tenant,
        summary="Make a tenant",
        permission=Permission.TENANTS_WRITE,
        body=NewTenant,
        answer=TenantView,
        status=201,
        idempotent=True,
        tag="tenants",
    ),
    Route(
        method="GET",
        path="/api/v1/tenants",
        handler=list_tenants,
        summary="List tenants, the newest first",
        permission=Permission.TENANTS_READ,
        query=TenantQuery,
        answer=TenantPage,
        tag="tenants",
    ),
    Route(
        method="GET",
        path="/api/v1/tenants/{id}",
        handler=show_tenant,
        summary="Show a tenant",
        permission=Permission.TENANTS_READ,
        answer=TenantView,
        tag="tenants",
    ),
    Route(
        method="PATCH",
        path="/api/v1/tenants/{id}",
        handler=change_tenant,
        summary="Rename, limit, disable or enable a tenant",
        permission=Permission.TENANTS_WRITE,
        body=TenantChange,
        answer=TenantView,
        tag="tenants",
    ),
)
