"""Complete linkage: a cluster is a set in which every two members agree, so a chain never merges opposites."""

import heapq
from collections.abc import Callable, Sequence


def complete_linkage(
    order: Sequence[int], weights: Sequence[float], score: Callable[[int, int], float], threshold: float
) -> list[tuple[int, ...]]:
    """Return a partition of the positions 0..n-1 in which all pairs of a part score at least `threshold`.

    The pair of parts with the highest lowest score merges first; ties go to the heavier union, then to the parts that
    come first by `order` (the rank of each position by content). n^2 scores, O(n^2 log n) time.
    """
    count = len(order)
    members: dict[int, tuple[int, ...]] = {position: (position,) for position in range(count)}
    weight = dict(enumerate(weights))
    rank = dict(enumerate(order))
    linkage: dict[int, dict[int, float]] = {position: {} for position in range(count)}
    queue: list[tuple[float, float, int, int, int, int]] = []

    def link(first: int, second: int, value: float) -> None:
        if rank[first] > rank[second]:
            first, second = second, first
        linkage[first][second] = linkage[second][first] = value
        entry = (-value, -(weight[first] + weight[second]), rank[first], rank[second], first, second)
        heapq.heappush(queue, entry)

    for first in range(count):
        for second in range(first + 1, count):
            value = score(first, second)
            if value >= threshold:
                link(first, second, value)
    following = count
    while queue:
        *_, first, second = heapq.heappop(queue)
        if first not in members or second not in members:
            continue
        members[following] = members.pop(first) + members.pop(second)
        weight[following] = weight[first] + weight[second]
        rank[following] = min(rank[first], rank[second])
        linkage[following] = {}
        near, far = linkage.pop(first), linkage.pop(second)
        for part in sorted(near.keys() & far.keys() & members.keys()):
            link(following, part, min(near[part], far[part]))
        following += 1
    return [tuple(sorted(part)) for part in members.values()]
