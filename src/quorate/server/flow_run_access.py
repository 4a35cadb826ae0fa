"""Finding a run of a flow for whoever asks: its own tenant's, or nobody's."""

from typing import TYPE_CHECKING

from quorate.access.authorize import Owned, authorize
from quorate.access.permission import Permission
from quorate.core.errors import NotFound
from quorate.core.ids import RunId
from quorate.flows.journal import RunView
from quorate.server.route import Exchange

if TYPE_CHECKING:
    from quorate.flows.flows import Flows

_SHOWN_CHARACTERS = 80


async def found_run(exchange: Exchange, permission: Permission) -> tuple["Flows", RunView]:
    """Return the run that the path names, and the flows it is of.

    Raises `NotFound` for one that is not there or another tenant's: the two cannot be told apart.
    """
    run = RunId(exchange.path["id"])
    missing = NotFound(f"no run {run[:_SHOWN_CHARACTERS]!r}")
    flows = exchange.services.flows
    if flows is None:
        raise missing
    try:
        view = await flows.view(run)
    except NotFound:
        raise missing from None
    owned = Owned(tenant=view.header.tenant, what=f"run {run[:_SHOWN_CHARACTERS]!r}")
    authorize(exchange.principal, permission, owned)
    return flows, view
