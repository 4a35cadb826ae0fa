"""Flows by the names that requests have for them, as far as whoever asks may know of them."""

from typing import TYPE_CHECKING

from quorate.access.authorize import Asked, authorize
from quorate.access.permission import Permission
from quorate.access.principal import Principal
from quorate.core.errors import NotFound
from quorate.flows.plan import FlowPlan

if TYPE_CHECKING:
    from quorate.flows.flows import Flows

_SHOWN = 200


def model_name(flow: str) -> str:
    """Return the name that a flow has as a model: what keys, limits, budgets and records know it by."""
    return f"flow/{flow}"


def parted(name: str) -> tuple[str, str | None]:
    """Return name and version of `NAME[@VERSION]`."""
    bare, at, version = name.partition("@")
    return bare, (version if at else None)


def plan_named(flows: "Flows", name: str, *, key: str | None = None) -> FlowPlan:
    """Return the plan of `NAME[@VERSION]`; hyphens and underscores are the same. Raises `NotFound`."""
    bare, version = parted(name[:_SHOWN])
    if not flows.book.has(bare):
        spelled = (bare.replace("-", "_"), bare.replace("_", "-"))
        bare = next((each for each in spelled if flows.book.has(each)), bare)
    return flows.plan(bare, version, key=key)


def permitted_plan(
    flows: "Flows", principal: Principal, permission: Permission, name: str, *, key: str | None = None
) -> FlowPlan:
    """Return the plan of `NAME[@VERSION]` for somebody who may do this with it.

    Raises `NotFound`; a key that may not ask all models hears of no other names from it.
    """
    try:
        plan = plan_named(flows, name, key=key)
        authorize(principal, permission, Asked(model=model_name(plan.name)))
    except NotFound:
        if principal.models is None:
            raise
        raise NotFound(f"no flow {name[:_SHOWN]!r} for this key") from None
    return plan
