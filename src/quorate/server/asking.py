"""What a request asks for, read before it is admitted; how that is read differs from one kind of call to another."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from quorate.access.authorize import Asked, authorize
from quorate.access.budgets import Reservation
from quorate.access.permission import Permission
from quorate.access.principal import Principal
from quorate.model import Model
from quorate.parallel.ensemble import Ensemble
from quorate.providers.relay import Fields, RelayEndpoint
from quorate.server.embeddings import HASHED
from quorate.server.fan_out import fan_out
from quorate.server.held import hold_budgets
from quorate.server.inbound import Inbound, Receive, Scope, read_body, require_json
from quorate.server.parallel_asking import ParallelAsking, read_parallel_asking
from quorate.server.services import Services
from quorate.server.top_level import has, is_true, model_of, most_tokens, read_fields, timeout_of
from quorate.server.visible import as_seen

#: The name of a call whose request names models only in its `parallel` field.
AD_HOC = "parallel"


class Incoming(msgspec.Struct, frozen=True, kw_only=True):
    """A request of somebody who may make such requests; its body is not read yet."""

    services: Services
    principal: Principal
    run_id: str
    inbound: Inbound
    scope: Scope
    receive: Receive


class Asking(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for, as far as the admission has to know.

    `model` is what limits, metrics and the record call it, `tokens` about how many it may take. `model_asked` and
    `relay` are what answers, where one model does. `work` is what only this kind of call knows. After the admission
    `rest` reads what is left of the request, `hold` reserves what it may cost, `drop` throws away what a request that
    is refused after all has left behind.
    """

    model: str
    tokens: int
    body: bytes = b""
    fields: Fields = msgspec.field(default_factory=Fields)
    model_asked: Model | None = None
    relay: RelayEndpoint | None = None
    stream: bool = False
    timeout_s: float | None = None
    work: Any = None
    rest: Callable[[], Awaitable[None]] | None = None
    hold: Callable[[], Awaitable[Reservation | None]] | None = None
    drop: Callable[[], Awaitable[None]] | None = None


#: Reads a request; raises `QuorateError`s for one that is refused.
Read = Callable[[Incoming], Awaitable[Asking]]


def reading_call(operation: str, permission: Permission) -> Read:
    """Return what reads the calls of models: JSON that names one, or many in `parallel`."""

    async def read(incoming: Incoming) -> Asking:
        services, principal, inbound = incoming.services, incoming.principal, incoming.inbound
        require_json(inbound)
        body = await read_body(inbound, incoming.receive, limit_bytes=services.settings.max_body_bytes)
        fields = read_fields(body, max_depth=services.settings.max_depth)
        parallel = operation == "chat" and has(fields, "parallel")
        model = AD_HOC if parallel and not has(fields, "model") else model_of(fields)
        stream = is_true(fields, "stream")
        timeout_s = timeout_of(fields, inbound.timeout)
        # Where the `parallel` field alone names models, authority over each of them is asked when it is read.
        named = model != AD_HOC or not parallel
        found, relay = _find(services, principal, model, permission) if named else (None, None)
        work: ParallelAsking | None = None
        if parallel:
            work = read_parallel_asking(services, principal, fields, body, name=model, model=found)
        asked = None if parallel else found  # a `parallel` field may ask others: its work holds what they may cost

        async def hold() -> Reservation | None:
            assert asked is not None
            return await hold_budgets(services, principal, incoming.run_id, model, asked, fields, len(body))

        return Asking(
            model=model,
            tokens=most_tokens(fields, len(body)) * _calls(services, found, work),
            body=body,
            fields=fields,
            model_asked=found,
            relay=relay,
            stream=stream,
            timeout_s=timeout_s,
            work=work,
            hold=None if asked is None else hold,
        )

    return read


def _calls(services: Services, model: Model | None, work: ParallelAsking | None) -> int:
    """Return how many calls of models the request starts at most, retries aside; none that only wants an estimate."""
    if work is not None and work.parallel.dry_run:
        return 0
    if isinstance(model, Ensemble) and (work is None or not work.parallel.enabled):
        return fan_out(model.plan, services.catalog.resolve)
    return 1 if work is None else work.parallel.calls


def _find(
    services: Services, principal: Principal, model: str, permission: Permission
) -> tuple[Model | None, RelayEndpoint | None]:
    authorize(principal, permission, Asked(model=model))
    if permission is Permission.EMBEDDINGS and model == HASHED:
        return None, None
    return as_seen(principal, model, services.relays.find)
