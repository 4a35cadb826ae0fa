"""The one decision: whether this principal may do this to that."""

from typing import TypeAlias, assert_never

import msgspec

from quorate.access.permission import Permission
from quorate.access.principal import Principal
from quorate.core.errors import Forbidden, NotFound
from quorate.core.ids import TenantId


class Owned(msgspec.Struct, frozen=True, kw_only=True):
    """Something that belongs to a tenant; `what` names it in the error, e.g. `no run 'run_1'`."""

    tenant: TenantId
    what: str


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A model of the catalog, by name."""

    model: str


Subject: TypeAlias = Owned | Asked | None


def authorize(principal: Principal, permission: Permission, subject: Subject = None) -> None:
    """Return if it may; called where the object is loaded, with the object.

    Raises `Forbidden` for what the scopes of the key do not permit, `NotFound` for what is not its tenant's or not on
    its list of models: whether such a thing exists is not told.
    """
    if permission not in principal.permissions:
        raise Forbidden(f"this key does not permit {permission.value!r}; use one whose scopes do")
    match subject:
        case None:
            return
        case Asked(model=model):
            if not principal.may_ask(model):
                raise NotFound(f"no model {model!r} for this key", param="model")
        case Owned(tenant=tenant, what=what):
            if tenant != principal.tenant and not principal.is_operator:
                raise NotFound(f"no {what}")
        case _:
            assert_never(subject)
