"""All gates of a process: made for endpoints, looked at by whoever runs the gateway."""

import random
from weakref import WeakValueDictionary

from quorate.providers.gate import OPEN_GATE, Gate
from quorate.resilience.breaker import Breaker, BreakerPolicy
from quorate.resilience.gate import EndpointGate, GateKey, GateStatus
from quorate.resilience.places import Places, PlacesPolicy

_Policies = tuple[GateKey, BreakerPolicy | None, PlacesPolicy | None]


class Gates:
    """A live collection. A gate is there as long as an endpoint uses it, so names made up by callers do not pile up.

    Models that differ in nothing share one; all models of an account share its places. `rng` draws the cooldowns.
    """

    def __init__(self, rng: random.Random | None = None) -> None:
        self._rng = rng or random.Random()
        self._gates: WeakValueDictionary[_Policies, EndpointGate] = WeakValueDictionary()
        self._places: dict[tuple[str, str], Places] = {}

    def gate(self, key: GateKey, breaker: BreakerPolicy | None, places: PlacesPolicy | None) -> Gate:
        """Return the gate before a model; `None` for what it is not to have."""
        if breaker is None and places is None:
            return OPEN_GATE
        found = self._gates.get((key, breaker, places))
        if found is None:
            found = EndpointGate(
                key,
                None if breaker is None else Breaker(breaker, self._rng),
                None if places is None else self._places_of(key, places),
            )
            self._gates[key, breaker, places] = found
        return found

    def all(self) -> list[EndpointGate]:
        """Return the gates, in the order of their names. Any thread may ask."""
        found = [gate for reference in self._gates.valuerefs() if (gate := reference()) is not None]
        return sorted(found, key=lambda gate: (gate.key.provider, gate.key.account, gate.key.model))

    def status(self, now_s: float) -> tuple[GateStatus, ...]:
        """Return how each gate is; `now_s` is monotonic time."""
        return tuple(gate.status(now_s) for gate in self.all())

    def _places_of(self, key: GateKey, policy: PlacesPolicy) -> Places:
        account = (key.provider, key.account)
        if account not in self._places:
            self._places[account] = Places(key.provider, policy)
        return self._places[account]
