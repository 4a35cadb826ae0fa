"""The order in which things that wait for each other can be done."""

from collections.abc import Iterable, Mapping


def layers(needs: Mapping[str, Iterable[str]]) -> tuple[tuple[str, ...], ...]:
    """Return names in layers, each as early as its needs allow, in the given order; those in a circle are left out.

    Needs that are not among the names are ignored. Cost: linear in names and needs (Kahn 1962).
    """
    missing = {name: {need for need in wanted if need in needs} for name, wanted in needs.items()}
    dependents: dict[str, list[str]] = {name: [] for name in needs}
    for name, wanted in missing.items():
        for need in wanted:
            dependents[need].append(name)
    position = {name: index for index, name in enumerate(needs)}
    found: list[tuple[str, ...]] = []
    ready = [name for name in needs if not missing[name]]
    while ready:
        found.append(tuple(sorted(ready, key=position.__getitem__)))
        following: list[str] = []
        for name in ready:
            for dependent in dependents[name]:
                missing[dependent].discard(name)
                if not missing[dependent]:
                    following.append(dependent)
        ready = following
    return tuple(found)
