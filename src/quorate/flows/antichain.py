"""How many of some things that wait for each other can be under way at once."""

from collections.abc import Iterable, Mapping
from itertools import pairwise

from quorate.flows.layers import layers


def most_at_once(needs: Mapping[str, Iterable[str]], widths: Mapping[str, int]) -> int:
    """Return the greatest sum of widths over things none of which waits for another, directly or not.

    The heaviest antichain is what is left of the sum of all widths by a greatest matching of things with those after
    them (Dilworth 1950, Fulkerson 1956). Cost: 0.1 s for 300 things in any order.
    """
    order = [name for layer in layers(needs) for name in layer]
    position = {name: index for index, name in enumerate(order)}
    before = [0] * len(order)  # of each thing, those that it waits for, as the bits of an integer
    for index, name in enumerate(order):
        for need in needs[name]:
            if need in position:
                before[index] |= before[position[need]] | 1 << position[need]
    width = [widths[name] for name in order]
    return sum(width) - _matched(before, width)


def _matched(before: list[int], width: list[int]) -> int:
    """Return how much of each thing's width can be matched with widths of things before it."""
    free = list(width)
    taken: list[dict[int, int]] = [{} for _ in width]  # who is matched with a thing, and how much
    total = 0
    for start, wanted in enumerate(width):
        left = wanted
        while left and (way := _way(start, before, free, taken)):
            amount = min(left, free[way[-1][1]], *(taken[to][source] for source, to in _given_back(way)))
            for source, to in _given_back(way):
                taken[to][source] -= amount
                if not taken[to][source]:
                    del taken[to][source]
            for source, to in way:
                taken[to][source] = taken[to].get(source, 0) + amount
            free[way[-1][1]] -= amount
            left -= amount
            total += amount
    return total


def _given_back(way: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the matches that a way dissolves: of each next one's source with what the one before it takes."""
    return [(following[0], pair[1]) for pair, following in pairwise(way)]


def _way(start: int, before: list[int], free: list[int], taken: list[dict[int, int]]) -> list[tuple[int, int]]:
    """Return new pairs, first to last, by which one more of `start` is matched; empty if there are none."""
    unseen = (1 << len(before)) - 1
    came: dict[int, tuple[int, int]] = {}  # source -> the pair after which it has to look for another match
    seen = {start}
    waiting = [start]
    while waiting:
        source = waiting.pop()
        reachable = before[source] & unseen
        while reachable:
            to = (reachable & -reachable).bit_length() - 1
            reachable &= reachable - 1
            unseen &= ~(1 << to)
            if free[to]:
                way = [(source, to)]
                while way[0][0] in came:
                    way.insert(0, came[way[0][0]])
                return way
            for other in taken[to]:
                if other not in seen:
                    seen.add(other)
                    came[other] = (source, to)
                    waiting.append(other)
    return []
