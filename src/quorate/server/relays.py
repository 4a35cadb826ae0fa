"""The relays to endpoints that speak OpenAI's language, one for each, made when it is first asked."""

from quorate.engine.catalog import MOST_UNLISTED, Catalog
from quorate.model import Model
from quorate.providers.relay import RelayEndpoint, relay_of
from quorate.resilience.resilient import bare


class Relays:
    """Finds the model behind a name, and whether its bytes can be passed on; a live object."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._known: dict[str, tuple[Model, RelayEndpoint | None]] = {}

    def find(self, name: str) -> tuple[Model, RelayEndpoint | None]:
        """Return the model and its relay, `None` if it has none; raises `NotFound` like the catalog."""
        known = self._known.get(name)
        if known is None:
            model = self._catalog.resolve(name)
            if len(self._known) >= 2 * MOST_UNLISTED:
                self._known.clear()
            known = self._known[name] = (model, relay_of(bare(model)))
        return known
