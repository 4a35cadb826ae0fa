"""The work of `quorate prices`: finds prices among the configured models and in the price list, and prints them."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from os import environ
from pathlib import Path
from typing import Any, Self

import typer
from rich.text import Text

from quorate.cli.list_table import Column, list_console, print_list
from quorate.cli.price_view import in_and_out, price_dict, price_lines
from quorate.cli.printable import printable, printable_json
from quorate.config import configure
from quorate.config.entries import price_cache
from quorate.core.errors import NotFound
from quorate.engine import Catalog, ModelCard
from quorate.providers.price import Price
from quorate.providers.prices import Offer, PriceCatalog

_COLUMNS = (
    Column(title="model", copied=True),
    Column(title="$ in / out per million", right=True),
    Column(title="context", right=True, spare=1),
    Column(title="of", spare=2),
    Column(title="source", spare=3),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Priced:
    """A model that may be asked or is in the list, and what it costs."""

    name: str
    provider: str
    model_id: str
    context_window: int | None
    price: Price | None
    members: tuple[str, ...] = ()

    @classmethod
    def of_card(cls, card: ModelCard) -> Self:
        return cls(
            name=card.name,
            provider=card.provider,
            model_id=card.model_id,
            context_window=card.context_window,
            price=card.price,
            members=card.members,
        )

    @classmethod
    def of_offer(cls, offer: Offer) -> Self:
        return cls(
            name=offer.reference,
            provider=offer.provider,
            model_id=offer.model,
            context_window=offer.context_window,
            price=offer.price,
        )

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "provider": self.provider,
            "model": self.model_id or None,
            "context_window": self.context_window,
            "members": list(self.members),
            "price": None if self.price is None else price_dict(self.price),
        }


def show_price(name: str, *, config: Path | None, json_output: bool) -> None:
    """Print what is known of the model called `name`; of a model id, at every provider that the list knows."""
    catalog = configure(config, probe=False).catalog
    prices = PriceCatalog(cache_path=price_cache(environ))
    found = _found(name, catalog, prices)
    if json_output:
        typer.echo(printable_json(json.dumps([each.as_json() for each in found], indent=2)))
        return
    for position, each in enumerate(found):
        if position:
            typer.echo()
        typer.echo(printable("\n".join(_lines(each))))


def list_all(words: Sequence[str], *, config: Path | None, json_output: bool) -> None:
    """Print the configured models and the price list, as far as all the words are in their names."""
    cards = (_Priced.of_card(card) for card in configure(config, probe=False).catalog.cards())
    offers = (_Priced.of_offer(offer) for offer in PriceCatalog(cache_path=price_cache(environ)).offers())
    listed = [each for each in (*cards, *offers) if all(word.casefold() in each.name.casefold() for word in words)]
    if json_output:
        typer.echo(printable_json(json.dumps([each.as_json() for each in listed], indent=2)))
        return
    print_list(list_console(), _COLUMNS, _rows(listed))


def _found(name: str, catalog: Catalog, prices: PriceCatalog) -> list[_Priced]:
    configured = {card.name: card for card in catalog.cards()}
    if name in configured:
        card = configured[name]
        return [_with_context(_Priced.of_card(card), prices)]
    if offers := prices.offers_of(name):
        return [_Priced.of_offer(offer) for offer in offers]
    known = [*configured, *(offer.reference for offer in prices.offers()), *(offer.model for offer in prices.offers())]
    close = get_close_matches(name, dict.fromkeys(known), n=3, cutoff=0.6)
    hint = f"; did you mean {' or '.join(map(repr, close))}?" if close else ""
    raise NotFound(f"no price is known under the name {name!r}{hint} (`quorate prices list WORD` searches)")


def _with_context(priced: _Priced, prices: PriceCatalog) -> _Priced:
    """Fill in from the list how much a configured model takes, where the configuration does not say."""
    if priced.context_window is not None or not priced.model_id:
        return priced
    offers = prices.offers_of(f"{priced.provider}:{priced.model_id}")
    window = offers[0].context_window if offers else None
    return replace(priced, context_window=window)


def _lines(priced: _Priced) -> Iterable[str]:
    yield priced.name
    about = [("provider", priced.provider), ("model", priced.model_id)]
    if priced.context_window is not None:
        about.append(("context", f"{priced.context_window:,} tokens"))
    if priced.members:
        about.append(("price", f"what its members cost: {', '.join(priced.members)}"))
    elif priced.price is None:
        about.append(("price", "not known"))
    else:
        about += price_lines(priced.price)
    width = max(len(title) for title, _ in about)
    yield from (f"  {title:<{width}}  {value}" for title, value in about if value)


def _rows(listed: Iterable[_Priced]) -> Iterable[Sequence[Text]]:
    for each in listed:
        price = each.price
        yield (
            Text(printable(each.name)),
            Text("" if price is None else in_and_out(price)),
            Text("" if each.context_window is None else f"{each.context_window:,}"),
            Text("" if price is None or price.dated is None else price.dated.isoformat()),
            Text("" if price is None else printable(price.source)),
        )
