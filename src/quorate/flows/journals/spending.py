"""What a run has cost until now, by the costs of its steps."""

from collections.abc import Mapping

from quorate.flows.path import ancestors, parent


def spent_microusd(ended: Mapping[str, int], failed: Mapping[str, int]) -> int:
    """Return the sum over all steps: `ended` are costs of outcomes, `failed` those of attempts, by path.

    The outcome of a step counts for its attempts and for what is below it (a group's for its steps), unless those cost
    more by themselves. O(paths x depth).
    """
    own = {**failed, **ended}
    below: dict[str, int] = {}
    total = 0
    # From the deepest up: what a path costs is known before the one above it asks.
    paths = {above for each in own if each for above in (each, *ancestors(each))}
    for path in sorted(paths, key=_depth, reverse=True):
        cost = max(own.get(path, 0), below.get(path, 0))
        if above := parent(path):
            below[above] = below.get(above, 0) + cost
        else:
            total += cost
    return total


def _depth(path: str) -> int:
    return sum(path.count(mark) for mark in "/[#")
