"""OpenAI's `GET /v1/models`, with what we know besides."""

from collections.abc import Iterable
from datetime import date
from typing import Protocol

import msgspec

from quorate.core.units import usd


class Tariff(Protocol):
    """What a model costs, in micro-USD."""

    @property
    def input_microusd_per_mtok(self) -> int:
        """Per million tokens of prompt."""
        ...

    @property
    def output_microusd_per_mtok(self) -> int:
        """Per million tokens of answer."""
        ...

    @property
    def cached_input_microusd_per_mtok(self) -> int | None:
        """Per million tokens of prompt from the cache, if that differs."""
        ...

    @property
    def cache_write_microusd_per_mtok(self) -> int | None:
        """Per million tokens of prompt that are written to the cache, if that differs."""
        ...

    @property
    def reasoning_microusd_per_mtok(self) -> int | None:
        """Per million tokens of reasoning, if that differs from other output."""
        ...

    @property
    def request_microusd(self) -> int:
        """Per request."""
        ...

    @property
    def image_microusd(self) -> int:
        """Per image in the prompt."""
        ...

    @property
    def source(self) -> str:
        """Where the figures come from."""
        ...

    @property
    def dated(self) -> date | None:
        """The day that they are of."""
        ...


class Card(Protocol):
    """What the catalog knows of a model."""

    @property
    def name(self) -> str:
        """The name to ask it by."""
        ...

    @property
    def kind(self) -> str:
        """What stands behind the name."""
        ...

    @property
    def provider(self) -> str:
        """Where it runs."""
        ...

    @property
    def model_id(self) -> str:
        """The provider's own name for it."""
        ...

    @property
    def description(self) -> str:
        """What it is."""
        ...

    @property
    def vendor(self) -> str:
        """Who made it."""
        ...

    @property
    def price(self) -> Tariff | None:
        """What it costs."""
        ...

    @property
    def context_window(self) -> int | None:
        """The most tokens that question and answer may have together."""
        ...

    @property
    def members(self) -> tuple[str, ...]:
        """The models of an ensemble."""
        ...

    @property
    def domains(self) -> tuple[str, ...]:
        """What it is good at."""
        ...

    @property
    def simulated(self) -> bool:
        """Whether no real model answers."""
        ...


class ModelPrice(msgspec.Struct, frozen=True, kw_only=True):
    """US dollars per million tokens, per request and per image; `source` says where the figures come from.

    A kind of tokens whose price is null costs what the tokens it is a part of cost. `dated` is the day that the figures
    are of. A long prompt may cost more than this; the price list (`quorate prices show`) has its tiers.
    """

    input_usd: float
    output_usd: float
    cached_input_usd: float | None = None
    cache_write_usd: float | None = None
    reasoning_usd: float | None = None
    request_usd: float = 0.0
    image_usd: float = 0.0
    source: str = ""
    dated: date | None = None


class ModelObject(msgspec.Struct, frozen=True, kw_only=True):
    """A model. `id`, `object`, `created` and `owned_by` are what OpenAI's clients read.

    `kind` is what stands behind the name, `members` are an ensemble's, `price` is null where it is not known,
    `simulated` marks what no real model answers. `created` is 0 where nobody knows.
    """

    id: str
    created: int
    owned_by: str
    kind: str
    object: str = "model"
    description: str = ""
    provider: str = ""
    model_id: str = ""
    members: tuple[str, ...] = ()
    price: ModelPrice | None = None
    context_window: int | None = None
    domains: tuple[str, ...] = ()
    simulated: bool = False


class ModelList(msgspec.Struct, frozen=True, kw_only=True):
    """All models that the caller may use."""

    data: tuple[ModelObject, ...]
    object: str = "list"
    has_more: bool = False
    first_id: str | None = None
    last_id: str | None = None


def model_object(card: Card, *, created: int = 0) -> ModelObject:
    """Return what is told of a model; `created` is Unix time in seconds, 0 where nobody knows."""
    return ModelObject(
        id=card.name,
        created=created,
        owned_by=card.vendor or card.provider or "quorate",
        kind=str(card.kind),
        description=card.description,
        provider=card.provider,
        model_id=card.model_id,
        members=card.members,
        price=None if card.price is None else _price(card.price),
        context_window=card.context_window,
        domains=card.domains,
        simulated=card.simulated,
    )


def model_list(cards: Iterable[Card], *, created: int = 0) -> ModelList:
    """Return the list of the models, in the order of their cards."""
    models = tuple(model_object(card, created=created) for card in cards)
    return ModelList(data=models, first_id=models[0].id if models else None, last_id=models[-1].id if models else None)


def _price(price: Tariff) -> ModelPrice:
    return ModelPrice(
        input_usd=usd(price.input_microusd_per_mtok),
        output_usd=usd(price.output_microusd_per_mtok),
        cached_input_usd=_optional_usd(price.cached_input_microusd_per_mtok),
        cache_write_usd=_optional_usd(price.cache_write_microusd_per_mtok),
        reasoning_usd=_optional_usd(price.reasoning_microusd_per_mtok),
        request_usd=usd(price.request_microusd),
        image_usd=usd(price.image_microusd),
        source=price.source,
        dated=price.dated,
    )


def _optional_usd(microusd: int | None) -> float | None:
    return None if microusd is None else usd(microusd)
