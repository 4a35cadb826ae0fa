"""`/v1/models`: what can be asked."""

from quorate.access.authorize import Asked, authorize
from quorate.access.permission import Permission
from quorate.server.route import Answer, Exchange, Route
from quorate.server.visible import as_seen
from quorate.wire.models import ModelList, ModelObject, model_list, model_object


async def list_models(exchange: Exchange) -> Answer:
    """Return the configured models that the caller may ask."""
    cards = [card for card in exchange.services.catalog.cards() if exchange.principal.may_ask(card.name)]
    return Answer(value=model_list(cards))


async def show_model(exchange: Exchange) -> Answer:
    """Return one model."""
    name = exchange.path["model"]
    authorize(exchange.principal, Permission.MODELS_READ, Asked(model=name))
    return Answer(value=model_object(as_seen(exchange.principal, name, exchange.services.catalog.card)))


ROUTES = (
    Route(
        method="GET",
        path="/v1/models",
        handler=list_models,
        summary="List the models that this key may ask",
        permission=Permission.MODELS_READ,
        answer=ModelList,
        tag="models",
    ),
    Route(
        method="GET",
        path="/v1/models/{model:path}",
        handler=show_model,
        summary="Show one model",
        permission=Permission.MODELS_READ,
        answer=ModelObject,
        tag="models",
    ),
)
