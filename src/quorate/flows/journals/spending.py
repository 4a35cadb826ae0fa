"""What a run has cost until now, by the costs of its steps."""

from collections.abc import Mapping


def spent_microusd(ended: Mapping[str, int], failed: Mapping[str, int]) -> int:
    """Return the sum over all steps: `ended` are costs of outcomes, `failed` those of attempts, by path.

    The outcome of a step counts for its attempts and for what is below it (a group's for its steps), unless those cost
    more by themselves. O(paths x depth).
    """
    own = {**failed, **ended}
    below: dict[str, int] = {}
    total = 0
    # From the deepest up: what a path costs is known before the one above it asks.
    for path in sorted({above for each in own for above in _upwards(each)}, key=_depth, reverse=True):
        cost = max(own.get(path, 0), below.get(path, 0))
        parent = _parent(path)
        if parent:
            below[parent] = below.get(parent, 0) + cost
        else:
            total += cost
    return total


def _parent(path: str) -> str:
    return path[: max(path.rfind("/"), path.rfind("["), 0)]


def _depth(path: str) -> int:
    return path.count("/") + path.count("[")


def _upwards(path: str) -> list[str]:
    found: list[str] = []
    while path:
        found.append(path)
        path = _parent(path)
    return found
