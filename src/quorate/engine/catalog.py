"""The catalog: every model by name, and what there is to know about it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from functools import partial
from typing import Protocol

from quorate.consensus.trust import NO_TRUST, Trust
from quorate.core.errors import NotFound
from quorate.engine.estimate import plan_worst_case_microusd
from quorate.model import Model
from quorate.parallel.resources import Resources
from quorate.providers.price import Price

_MOST_NAMES = 40
#: Names that are not configured may come with requests: they are forgotten when there are this many.
MOST_UNLISTED = 1024


class ModelKind(StrEnum):
    """What stands behind a name."""

    ENDPOINT = "endpoint"
    ENSEMBLE = "ensemble"
    CASCADE = "cascade"
    SIMULATED = "simulated"
    REPLAY = "replay"
    PROMPT = "prompt"
    FLOW = "flow"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """What a list of models shows: `price` is `None` when it is not known, `members` are an ensemble's.

    `model_id` is the provider's own name for it; `simulated` marks what no real model answers. What follows helps to
    choose among models; nothing said means that it is not known. `domains`: what it is good at (`code`, `legal`).
    `modalities`: what it takes (`text`, `image`). `tools`: whether it calls functions. `latency_s`: median seconds to
    the first token. `embeds_only`: it answers requests for embeddings and no others.
    """

    name: str
    kind: ModelKind
    provider: str = ""
    model_id: str = ""
    description: str = ""
    vendor: str = ""
    price: Price | None = None
    context_window: int | None = None
    members: tuple[str, ...] = ()
    simulated: bool = False
    domains: tuple[str, ...] = ()
    modalities: tuple[str, ...] | None = None
    tools: bool | None = None
    latency_s: float | None = None
    embeds_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A model and its card; `make` builds the model when it is first asked for."""

    card: ModelCard
    make: Callable[[], Model]


#: Makes the entry of `provider:model-id` from the model id.
EntrySource = Callable[[str], Entry]


class Shelf(Protocol):
    """Models whose names begin with `prefix`, which come and go while the process runs."""

    @property
    def prefix(self) -> str:
        """What all their names begin with."""
        ...

    def entry(self, name: str) -> Entry:
        """Return what is there under a name now; raise `NotFound`."""
        ...

    def cards(self) -> Iterable[ModelCard]:
        """Return the cards of all that are there now."""
        ...


class Catalog:
    """Finds models by name. `providers` make models of names that are not configured: `provider:model-id`.

    `resources` are what plans over these models work with; `trust` what is known of them.
    """

    def __init__(self, providers: Mapping[str, EntrySource] | None = None, *, trust: Trust = NO_TRUST) -> None:
        self._providers = dict(providers or {})
        self._entries: dict[str, Entry] = {}
        self._unlisted: dict[str, Entry] = {}
        self._models: dict[str, Model] = {}
        self._shelves: list[Shelf] = []
        worst_case = partial(plan_worst_case_microusd, self.resolve)
        self.resources = Resources(resolve=self.resolve, trust=trust, vendor=self._vendor, worst_case=worst_case)

    def add(self, card: ModelCard, make: Callable[[], Model]) -> None:
        """Add a model, replacing one of the same name. `make` runs when the model is first asked for."""
        self._entries[card.name] = Entry(card=card, make=make)
        self._models.pop(card.name, None)

    def mount(self, shelf: Shelf) -> None:
        """Add models that come and go; one that was added by `add` goes before one of the same name."""
        self._shelves.append(shelf)

    def resolve(self, name: str) -> Model:
        """Return the model called `name`, the same object each time; a new one each time if it may go again.

        Raises `NotFound` with the closest name and a list of names, and what building it raises: `Misconfigured` for a
        missing key.
        """
        model = self._models.get(name)
        if model is not None:
            return model
        if (shelf := self._shelf(name)) is not None:
            return shelf.entry(name).make()
        model = self._models[name] = self.entry(name).make()
        return model

    def card(self, name: str) -> ModelCard:
        """Return the card of the model called `name`; raises `NotFound` like `resolve`."""
        return self.entry(name).card

    def cards(self) -> tuple[ModelCard, ...]:
        """Return the cards of all configured models, in the order they were added, then of those that may go again."""
        added = [entry.card for entry in self._entries.values()]
        return (*added, *(card for shelf in self._shelves for card in shelf.cards() if card.name not in self._entries))

    def entry(self, name: str) -> Entry:
        """Return the card of the model called `name` and how it is made; raises `NotFound` like `resolve`."""
        entry = self._entries.get(name) or self._unlisted.get(name)
        if entry is not None:
            return entry
        if (shelf := self._shelf(name)) is not None:
            return shelf.entry(name)
        provider, colon, model_id = name.partition(":")
        if colon and model_id and provider in self._providers:
            return self._add_unlisted(name, self._providers[provider](model_id))
        raise self._not_found(name, provider if colon else None)

    def _shelf(self, name: str) -> Shelf | None:
        if name in self._entries:
            return None
        return next((shelf for shelf in self._shelves if name.startswith(shelf.prefix)), None)

    def _vendor(self, name: str) -> str:
        try:
            return vendor_of(self.card(name)) or name
        except NotFound:  # a model that only a request knows: it is its own
            return name

    def _add_unlisted(self, name: str, entry: Entry) -> Entry:
        if len(self._unlisted) >= MOST_UNLISTED:
            for known in self._unlisted:
                self._models.pop(known, None)
            self._unlisted.clear()
        self._unlisted[name] = entry
        return entry

    def _not_found(self, name: str, provider: str | None) -> NotFound:
        if provider is not None and provider in self._providers:
            return NotFound(f"{name!r} names no model; write {provider}:model-id", param="model")
        if provider is not None:
            known = sorted(self._providers)
            return NotFound(
                f"no provider {provider!r} for the model {name!r}{_closest(provider, known)} "
                f"(providers: {_list(known)})",
                param="model",
            )
        known = sorted(self._entries)
        return NotFound(f"no model {name!r}{_closest(name, known)} (models: {_list(known)})", param="model")


def vendor_of(card: ModelCard) -> str:
    """Return who made the model: as configured, else the part of its id before a slash, else its provider."""
    maker, slash, _ = card.model_id.partition("/")
    return (card.vendor or (maker if slash else "") or card.provider).casefold()


def _closest(name: str, known: list[str]) -> str:
    close = get_close_matches(name, known, n=1, cutoff=0.6)
    return f"; did you mean {close[0]!r}?" if close else ""


def _list(names: list[str]) -> str:
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return (", ".join(names[:_MOST_NAMES]) + more) or "none"
