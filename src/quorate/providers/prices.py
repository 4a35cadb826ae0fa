"""The price catalog: what the models of the known providers cost."""

import re
from dataclasses import dataclass
from pathlib import Path

from quorate.core.clock import Clock, SystemClock
from quorate.providers.price import Price
from quorate.providers.price_table import PricedModel, PricedProvider, PriceTable, find, load_table

__all__ = ["Offer", "Price", "PriceCatalog"]

#: What Google and Fireworks put before the ids of their own models, and the data does not.
_FOLDER = re.compile(r"^(accounts/fireworks/)?models/")
#: Names of models may come with requests: the memory of look-ups is emptied when it has this many.
_MAX_REMEMBERED = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A model at a provider, as the price list has it; `price`, `context_window` are `None` where it says nothing."""

    provider: str
    model: str
    name: str
    context_window: int | None
    price: Price | None

    @property
    def reference(self) -> str:
        """How it is named with its provider."""
        return f"{self.provider}:{self.model}"


class PriceCatalog:
    """Prices of about 2,300 models at 45 providers, from the data of the `genai-prices` package.

    The table is made on the first look-up, which blocks (160 ms, or 1 ms with a `cache_path` that was written
    before): look prices up while building models, not on the event loop. A damaged file at `cache_path` is replaced.

    What the figures are: list prices, with their tiers by the length of the prompt; of prices that change by date or by
    time of day those that hold at the moment of the look-up (`clock`); for cache writes the shortest lifetime. Tokens
    of images and sound count as text; fees for searches are left out. The data know no price per image.
    Models that the data names without a price are unknown, except those whose id ends in `:free`.
    """

    def __init__(self, *, cache_path: Path | None = None, clock: Clock | None = None) -> None:
        self._cache_path = cache_path
        self._clock = clock or SystemClock()
        self._table: PriceTable | None = None
        self._unpacked: dict[str, tuple[PricedModel, ...]] = {}
        self._found: dict[tuple[str, str], PricedModel | None] = {}

    def lookup(self, provider: str, model: str) -> Price | None:
        """Return what `model` costs at `provider`, or `None` if that is not known.

        Names are matched without regard to case: a model by its exact id, then by the rules of the data (aliases,
        dated versions), then among the providers whose models this one resells. `models/...` and
        `accounts/fireworks/models/...` are ids without their folder. 1 us for a name seen before, up to 1 ms for a new
        one, with the first of a provider up to 7 ms more.
        """
        key = (provider.strip().lower(), model.strip().lower())
        if key not in self._found:
            if len(self._found) >= _MAX_REMEMBERED:
                self._found.clear()
            self._found[key] = self._find(*key)
        found = self._found[key]
        return None if found is None else found.price_at(self._clock.now())

    def offers(self) -> tuple[Offer, ...]:
        """Return every model of the list at each of its providers, in the list's order. 30 ms."""
        return tuple(
            self._offer(provider.id, model) for provider in self._loaded().providers for model in self._models(provider)
        )

    def offers_of(self, model: str) -> tuple[Offer, ...]:
        """Return what the list has under a name: `provider:model-id`, or a model id at every provider that has it.

        Several providers sell the same model; an exact id comes before what the rules of the data recognise.
        """
        seller, colon, wanted = model.strip().lower().partition(":")
        if colon and wanted and (provider := self._provider(seller)) is not None:
            found = self._find(seller, wanted)
            return () if found is None else (self._offer(provider.id, found),)
        name = _FOLDER.sub("", model.strip().lower())
        exact = tuple(
            self._offer(provider.id, each)
            for provider in self._loaded().providers
            for each in self._models(provider)
            if each.id.lower() == name
        )
        ruled = ((provider.id, find(self._models(provider), name)) for provider in self._loaded().providers)
        return exact or tuple(self._offer(provider, found) for provider, found in ruled if found is not None)

    def _offer(self, provider: str, model: PricedModel) -> Offer:
        return Offer(
            provider=provider,
            model=model.id,
            name=model.name,
            context_window=model.context_window,
            price=model.price_at(self._clock.now()),
        )

    def _loaded(self) -> PriceTable:
        if self._table is None:
            self._table = load_table(self._cache_path)
        return self._table

    def _models(self, provider: PricedProvider) -> tuple[PricedModel, ...]:
        models = self._unpacked.get(provider.id)
        if models is None:
            models = self._unpacked[provider.id] = provider.models()
        return models

    def _find(self, provider: str, model: str) -> PricedModel | None:
        seller = self._provider(provider)
        if seller is None:
            return None
        model = _FOLDER.sub("", model)
        if (found := find(self._models(seller), model)) is not None:
            return found
        makers = (each for name in seller.fallbacks if (each := self._provider(name)) is not None)
        return next((found for maker in makers if (found := find(self._models(maker), model)) is not None), None)

    def _provider(self, name: str) -> PricedProvider | None:
        providers = self._loaded().providers
        exact = (each for each in providers if each.id == name)
        ruled = (each for each in providers if each.rule is not None and each.rule.matches(name))
        return next(exact, None) or next(ruled, None)
