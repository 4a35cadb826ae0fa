"""Finding a run of a flow for whoever asks: its own tenant's and of a flow that its key may run, or nobody's."""

from typing import TYPE_CHECKING

from quorate.access.authorize import Owned, authorize
from quorate.access.permission import Permission
from quorate.access.principal import Principal
from quorate.core.errors import NotFound
from quorate.core.ids import RunId
from quorate.flows.journal import RunView
from quorate.server.flow_names import model_name
from quorate.server.route import Exchange

if TYPE_CHECKING:
    from quorate.flows.flows import Flows

_SHOWN_CHARACTERS = 80


def may_see(principal: Principal, flow: str) -> bool:
    """Return whether a key may run a flow: who may not, does not see its runs and does not go on with them."""
    return principal.may_ask(model_name(flow))


async def found_run(exchange: Exchange, permission: Permission) -> tuple["Flows", RunView]:
    """Return the run that the path names, and the flows it is of.

    Raises `NotFound` for one that is not there, another tenant's, or of a flow that is not on the key's list of models:
    they cannot be told apart.
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
    if not may_see(exchange.principal, view.header.flow):
        raise missing
    return flows, view
