"""Whose things a request is about, and what it may hear of others."""

from collections.abc import Callable
from typing import TypeVar

from quorate.access.principal import Principal
from quorate.core.errors import NotFound
from quorate.core.ids import TenantId
from quorate.server.route import Exchange
from quorate.storage.scope import ALL_TENANTS, Scope

T = TypeVar("T")


def tenant_scope(exchange: Exchange, tenant: str | None) -> Scope:
    """Return the tenant whose things are asked for: the caller's own; an operator's choice, or all of them.

    Raises `NotFound` for somebody else's: whether such a tenant exists is not told.
    """
    principal = exchange.principal
    if principal.is_operator:
        return ALL_TENANTS if tenant is None else TenantId(tenant)
    if tenant is not None and tenant != principal.tenant:
        raise NotFound(f"no tenant {tenant!r}", param="tenant")
    return principal.tenant


def as_seen(principal: Principal, name: str, find: Callable[[str], T]) -> T:
    """Return what `find` finds; a key that may not ask all models hears no other names from its `NotFound`."""
    try:
        return find(name)
    except NotFound:
        if principal.models is None:
            raise
        raise NotFound(f"no model {name!r} for this key", param="model") from None
