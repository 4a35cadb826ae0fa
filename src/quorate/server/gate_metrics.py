"""The metrics of circuits and places, under the names of the catalog."""

from collections.abc import Iterable, Iterator

from quorate.engine.catalog import ModelCard, ModelKind
from quorate.resilience.breaker import Circuit
from quorate.resilience.gate import GateStatus
from quorate.telemetry import names
from quorate.telemetry.snapshot import Value

_NUMBERS = {Circuit.CLOSED: 0, Circuit.HALF_OPEN: 1, Circuit.OPEN: 2}


def names_of(cards: Iterable[ModelCard]) -> dict[tuple[str, str], tuple[str, ...]]:
    """Return the catalog names of each model: (provider, the provider's name for it) -> names."""
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    for card in cards:
        if card.kind is ModelKind.ENDPOINT:
            key = (card.provider, card.model_id)
            found[key] = (*found.get(key, ()), card.name)
    return found


def gate_values(gates: Iterable[GateStatus], cards: Iterable[ModelCard]) -> Iterator[Value]:
    """Yield the values of all gates; models that are in no configuration are one, `other`, for each provider."""
    known = names_of(cards)
    states: dict[tuple[str, str], int] = {}
    opened: dict[tuple[str, str], int] = {}
    places: dict[str, GateStatus] = {}
    for gate in gates:
        provider = gate.key.provider
        for name in known.get((provider, gate.key.model), (names.OTHER,)):
            if gate.state is not None:
                labels = (provider, name)
                states[labels] = max(states.get(labels, 0), _NUMBERS[gate.state])
                opened[labels] = opened.get(labels, 0) + gate.opened
        if gate.limit is not None:
            places[provider] = gate
    for labels, state in states.items():
        yield Value(name=names.CIRCUIT_STATE, labels=labels, value=state)
        if (
            labels[1] != names.OTHER
        ):  # gates of made-up names come and go, and a sum that goes down looks like a restart
            yield Value(name=names.CIRCUIT_OPENED, labels=labels, value=opened[labels])
    for provider, gate in places.items():
        yield Value(name=names.CONCURRENCY_LIMIT, labels=(provider,), value=gate.limit or 0)
        yield Value(name=names.CONCURRENCY_IN_USE, labels=(provider,), value=gate.in_use or 0)
        yield Value(name=names.CONCURRENCY_WAITING, labels=(provider,), value=gate.waiting or 0)
