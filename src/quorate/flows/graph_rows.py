"""Steps in rows from top to bottom, with few crossings of the lines between them.

Sugiyama, Tagawa, Toda 1981: a row for each layer of the longest paths, bends where a line passes a row, and orders
within the rows by the means of the neighbours' positions, swept down and up.
"""

from bisect import bisect_right, insort
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise

from quorate.flows.layers import layers

#: How often the rows are ordered down and up; more makes no difference that can be seen.
_SWEEPS = 6


@dataclass(slots=True, kw_only=True)
class Rows:
    """Vertices are numbers: those of steps by their names, the others are bends. Live while it is being made.

    `ways` are the vertices from the upper to the lower end of each line.
    """

    rows: list[list[int]] = field(default_factory=list[list[int]])
    names: dict[int, str] = field(default_factory=dict[int, str])
    ways: dict[tuple[str, str], list[int]] = field(default_factory=dict[tuple[str, str], list[int]])
    above: dict[int, list[int]] = field(default_factory=dict[int, list[int]])
    below: dict[int, list[int]] = field(default_factory=dict[int, list[int]])


def in_rows(names: Sequence[str], lines: Sequence[tuple[str, str]]) -> Rows:
    """Return names in rows, so that each line (upper, lower) leads downwards. Cost: 10 ms for 100 names."""
    needs: dict[str, list[str]] = {name: [] for name in names}
    for upper, lower in lines:
        needs[lower].append(upper)
    found = Rows()
    row_of: dict[str, int] = {}
    vertex_of: dict[str, int] = {}
    for number, layer in enumerate(layers(needs)):
        found.rows.append([])
        for name in layer:
            row_of[name] = number
            vertex_of[name] = _added(found, number)
            found.names[vertex_of[name]] = name
    for upper, lower in lines:
        bends = [_added(found, row) for row in range(row_of[upper] + 1, row_of[lower])]
        way = [vertex_of[upper], *bends, vertex_of[lower]]
        found.ways[upper, lower] = way
        for one, other in pairwise(way):
            found.below[one].append(other)
            found.above[other].append(one)
    _ordered(found)
    return found


def _added(found: Rows, row: int) -> int:
    vertex = len(found.above)
    found.above[vertex] = []
    found.below[vertex] = []
    found.rows[row].append(vertex)
    return vertex


def _ordered(found: Rows) -> None:
    """Put each row into the order with the fewest crossings that the sweeps come by."""
    best, fewest = [list(row) for row in found.rows], _crossings(found)
    for sweep in range(_SWEEPS):
        downwards = sweep % 2 == 0
        neighbours = found.above if downwards else found.below
        rows = found.rows if downwards else found.rows[::-1]
        for fixed, row in pairwise(rows):
            position = {vertex: index for index, vertex in enumerate(fixed)}
            own = {vertex: index for index, vertex in enumerate(row)}
            row.sort(key=partial(_mean, neighbours, position, own))
        crossings = _crossings(found)
        if crossings < fewest:
            best, fewest = [list(row) for row in found.rows], crossings
    found.rows = best


def _mean(
    neighbours: Mapping[int, Sequence[int]], position: Mapping[int, int], own: Mapping[int, int], vertex: int
) -> float:
    """Return the mean position of a vertex's neighbours; its own, if it has none."""
    beside = neighbours[vertex]
    return sum(position[each] for each in beside) / len(beside) if beside else own[vertex]


def _crossings(found: Rows) -> int:
    """Return how many pairs of lines cross between neighbouring rows."""
    total = 0
    for upper, lower in pairwise(found.rows):
        position = {vertex: index for index, vertex in enumerate(lower)}
        seen: list[int] = []
        for vertex in upper:
            ends = sorted(position[each] for each in found.below[vertex])
            total += sum(len(seen) - bisect_right(seen, end) for end in ends)
            for end in ends:
                insort(seen, end)
    return total
