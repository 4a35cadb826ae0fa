"""Whose rows a query may see: the first parameter of every query on what tenants own."""

from enum import Enum
from typing import Final, Literal, TypeAlias

from sqlalchemy import ColumnElement, true

from quorate.core.ids import TenantId


class AllTenants(Enum):
    """The scope of operators; nobody else's code passes it."""

    ALL_TENANTS = "all tenants"


ALL_TENANTS: Final = AllTenants.ALL_TENANTS
Scope: TypeAlias = TenantId | Literal[AllTenants.ALL_TENANTS]


def within(scope: Scope, tenant: ColumnElement[str]) -> ColumnElement[bool]:
    """Return the condition that a row's `tenant` is inside the scope."""
    if isinstance(scope, AllTenants):
        return true()
    return tenant == scope
