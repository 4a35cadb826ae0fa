"""The numbers of one worker at one moment, and how the numbers of several become one."""

from collections.abc import Iterable

import msgspec

from quorate.telemetry.families import FAMILIES, Kind, Merge

Labels = tuple[str, ...]


class Value(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A counter's or a gauge's number; `labels` are the values of the family's labels, in its order."""

    name: str
    labels: Labels
    value: float


class Spread(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A histogram: how many fell into each bucket (the last one is unbounded), and the sum of all values."""

    name: str
    labels: Labels
    counts: tuple[int, ...]
    total: float


class Snapshot(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """All numbers of one worker."""

    values: tuple[Value, ...] = ()
    spreads: tuple[Spread, ...] = ()

    def without_gauges(self) -> "Snapshot":
        """Return what stays true when the process is gone: what it counted."""
        counters = tuple(value for value in self.values if _kind(value.name) is Kind.COUNTER)
        return Snapshot(values=counters, spreads=self.spreads)


def merged(snapshots: Iterable[Snapshot]) -> Snapshot:
    """Return one snapshot for all: sums, and for gauges that say the same in every worker the greatest.

    A metric that is unknown here, or a histogram with other buckets (written by another version), is left out.
    """
    values: dict[tuple[str, Labels], float] = {}
    spreads: dict[tuple[str, Labels], tuple[tuple[int, ...], float]] = {}
    for snapshot in snapshots:
        for value in snapshot.values:
            _merge_value(values, value)
        for spread in snapshot.spreads:
            _merge_spread(spreads, spread)
    return Snapshot(
        values=tuple(Value(name=name, labels=labels, value=value) for (name, labels), value in values.items()),
        spreads=tuple(
            Spread(name=name, labels=labels, counts=counts, total=total)
            for (name, labels), (counts, total) in spreads.items()
        ),
    )


def _kind(name: str) -> Kind | None:
    family = FAMILIES.get(name)
    return None if family is None else family.kind


def _merge_value(values: dict[tuple[str, Labels], float], value: Value) -> None:
    family = FAMILIES.get(value.name)
    if family is None or family.kind is Kind.HISTOGRAM or len(family.labels) != len(value.labels):
        return
    key = (value.name, value.labels)
    present = values.get(key)
    if present is None:
        values[key] = value.value
    else:
        values[key] = max(present, value.value) if family.merge is Merge.MAX else present + value.value


def _merge_spread(spreads: dict[tuple[str, Labels], tuple[tuple[int, ...], float]], spread: Spread) -> None:
    family = FAMILIES.get(spread.name)
    if family is None or len(family.bounds) + 1 != len(spread.counts) or len(family.labels) != len(spread.labels):
        return
    key = (spread.name, spread.labels)
    present = spreads.get(key)
    if present is None:
        spreads[key] = (spread.counts, spread.total)
    else:
        counts, total = present
        spreads[key] = (tuple(a + b for a, b in zip(counts, spread.counts, strict=True)), total + spread.total)
