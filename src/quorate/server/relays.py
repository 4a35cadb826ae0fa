"""The relays to endpoints that speak OpenAI's language, one for each, made when it is first asked."""

from quorate.engine.catalog import MOST_UNLISTED, Catalog
from quorate.model import Model, leaf
from quorate.providers.relay import RelayEndpoint, relay_of


class Relays:
    """Finds the model behind a name, and whether its bytes can be passed on; a live object."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._known: dict[str, tuple[Model, RelayEndpoint | None]] = {}

    def find(self, name: str) -> tuple[Model, RelayEndpoint | None]:
        """Return the model and the relay to it or to what it wraps, `None` if that has none.

        Raises `NotFound` like the catalog. A relay knows nothing of wrappers: chat requests go through it only where
        there are none, embeddings, which no wrapper understands, always.
        """
        known = self._known.get(name)
        if known is None:
            model = self._catalog.resolve(name)
            if len(self._known) >= 2 * MOST_UNLISTED:
                self._known.clear()
            known = self._known[name] = (model, relay_of(leaf(model)))
        return known
