"""`/api/v1/status`: which providers are left alone, and how busy they are."""

import msgspec

from quorate.access.permission import Permission
from quorate.resilience.breaker import Circuit
from quorate.server.gate_metrics import names_of
from quorate.server.route import Answer, Exchange, Route


class ModelStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A provider's model that has been asked since the worker began; `names` are those of the catalog.

    `state` is null without a breaker. `failures` are those in a row, `opened` is how often the circuit opened,
    `next_probe_s` how many seconds from now it may be tried. `limit`, `in_use` and `waiting` belong to the provider,
    all its models together, and are null without a limit.
    """

    provider: str
    model: str
    names: tuple[str, ...]
    state: Circuit | None
    failures: int
    opened: int
    next_probe_s: float | None
    limit: int | None
    in_use: int | None
    waiting: int | None


class StatusPage(msgspec.Struct, frozen=True, kw_only=True):
    """How the providers are, as the worker sees them that answers; `in_flight` are the calls it has under way."""

    in_flight: int
    data: tuple[ModelStatus, ...]


async def show_status(exchange: Exchange) -> Answer:
    """Return how the providers are."""
    services = exchange.services
    names = names_of(services.catalog.cards())
    found = tuple(
        ModelStatus(
            provider=gate.key.provider,
            model=gate.key.model,
            names=names.get((gate.key.provider, gate.key.model), ()),
            state=gate.state,
            failures=gate.failures,
            opened=gate.opened,
            next_probe_s=gate.next_probe_s,
            limit=gate.limit,
            in_use=gate.in_use,
            waiting=gate.waiting,
        )
        for gate in services.gates.status(services.clock.monotonic())
    )
    return Answer(value=StatusPage(in_flight=services.in_flight, data=found))


ROUTES = (
    Route(
        method="GET",
        path="/api/v1/status",
        handler=show_status,
        summary="Show which providers are left alone, and how busy they are",
        permission=Permission.STATUS_READ,
        answer=StatusPage,
        tag="operations",
    ),
)
