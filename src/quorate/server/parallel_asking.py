"""A chat request with a `parallel` field, read before it is admitted: what it asks for decides how much it may take."""

import msgspec

from quorate.access.authorize import Asked, authorize
from quorate.access.permission import Permission
from quorate.access.principal import Principal
from quorate.engine.choose import Chosen, Wish, choose, need_of
from quorate.model import Model
from quorate.parallel.ensemble import Ensemble
from quorate.parallel.plan import Plan
from quorate.providers.relay import Fields
from quorate.server.parallel_request import FIELD, ParallelLimits, ParallelRequest, read_parallel
from quorate.server.services import Services
from quorate.server.top_level import has
from quorate.server.visible import as_seen
from quorate.wire.chat import ChatRequest
from quorate.wire.open import decode


class ParallelAsking(msgspec.Struct, frozen=True, kw_only=True):
    """The request, and what its field asks for."""

    request: ChatRequest
    parallel: ParallelRequest


def read_parallel_asking(
    services: Services, principal: Principal, fields: Fields, body: bytes, *, name: str, model: Model | None
) -> ParallelAsking:
    """Return what a request asks for whose `model` is `name`; raises `InvalidRequest`, and `NotFound` for its models.

    `model` is what that name stands for, `None` if the request names none.
    """
    request = decode(_without_null_model(body, fields), ChatRequest)

    def choosing(wish: Wish) -> tuple[Chosen, ...]:
        listed = {card.name: card for card in services.catalog.cards()}
        for wished in wish.among:
            authorize(principal, Permission.CHAT, Asked(model=wished))
            listed.setdefault(wished, as_seen(principal, wished, services.catalog.card))
        cards = [card for card in listed.values() if principal.may_ask(card.name)]
        return choose(cards, need=need_of(request), wish=wish)

    parallel = read_parallel(
        fields[FIELD],
        base=_base(services, model),
        choose=choosing,
        model="" if model is None or isinstance(model, Ensemble) else name,
        resolve=lambda wanted: as_seen(principal, wanted, services.catalog.resolve),
        limits=ParallelLimits(branches=services.settings.max_branches, timeout_s=services.settings.request_timeout_s),
    )
    return ParallelAsking(request=request, parallel=parallel)


def _without_null_model(body: bytes, fields: Fields) -> bytes:
    """Return the body without a `model` that is `null`, which says as much as none."""
    if "model" not in fields or has(fields, "model"):
        return body
    return msgspec.json.encode({name: value for name, value in fields.items() if name != "model"})


def _base(services: Services, model: Model | None) -> Plan:
    """Return what holds where the field says nothing."""
    return model.plan if isinstance(model, Ensemble) else services.defaults.plan
