"""Which pairs of answers a judge is asked about, and in what order: the fewest that can settle the matter, soonest."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from itertools import combinations

from quorate.consensus import Agreement, Panel, grey_pairs

#: So many answers are tried as the first of a set that could win.
_MOST_STARTS = 8

#: The indexes of two answers, the lower first.
Indexes = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """Pairs to judge `now`, and all that have to be found to agree (`needed`) for the matter to be settled."""

    now: tuple[Indexes, ...]
    needed: tuple[Indexes, ...]


def next_pairs(
    panel: Panel,
    settles: Callable[[Panel], bool],
    *,
    without: Collection[Indexes] = (),
    fits: Callable[[Sequence[Indexes]], bool] = lambda _: True,
) -> Proposal | None:
    """Return what to ask a judge next; `None` if its word changes nothing: all is settled, or no yes would settle it.

    Only pairs in the grey band that do not count as agreeing are asked about. A set that could win is one in which
    every pair agrees or is open, and that `settles` the matter once the open ones agree. Of the clusters it consists
    of, the heaviest is joined by one after another until that is enough; every open pair across them is needed, because
    a cluster is a set in which all pairs agree. First come the medoids: one no there rules a cluster out for the price
    of one pair. Then come all others at once.

    `without` are pairs that are not to be asked about. Once the needed ones do not `fits` any more, none are added.
    """
    agreement = panel.agreement()
    open_pairs = _open(agreement, without)
    if not open_pairs or settles(panel):
        return None
    winners = _possible_winners(agreement, open_pairs)
    winner = next((each for each in winners if settles(panel.supposing(_within(each, open_pairs)))), None)
    if winner is None:
        return None
    parts = _parts(agreement, winner)
    joined, needed = [parts[0]], ()
    for part in parts[1:]:
        joined.append(part)
        needed = _across(joined, open_pairs)
        if not fits(needed) or settles(panel.supposing(needed)):
            break
    first = [pair for pair in _medoids(joined) if pair in needed]
    return Proposal(now=tuple(first) or needed, needed=needed) if needed else None


def _open(agreement: Agreement, without: Collection[Indexes]) -> frozenset[Indexes]:
    """Return the grey pairs that do not count as agreeing and may be asked about."""
    apart = {(pair.first, pair.second) for pair in agreement.pairs if pair.score < agreement.threshold}
    return frozenset(grey_pairs(agreement)) & apart - frozenset(without)


def _possible_winners(agreement: Agreement, open_pairs: Collection[Indexes]) -> list[frozenset[int]]:
    """Return sets in which every pair agrees or is open, heaviest first: found greedily, from the best connected on."""
    weights = {
        index: cluster.share / len(cluster.members) for cluster in agreement.clusters for index in cluster.members
    }
    near: dict[int, set[int]] = {index: set() for index in weights}
    for pair in agreement.pairs:
        if pair.score >= agreement.threshold or (pair.first, pair.second) in open_pairs:
            near[pair.first].add(pair.second)
            near[pair.second].add(pair.first)
    rank = sorted(near, key=lambda index: (-sum(weights[other] for other in near[index]), index))
    found: dict[frozenset[int], None] = {}
    for start in rank[:_MOST_STARTS]:
        joined = {start}
        for index in rank:
            if joined <= near[index]:
                joined.add(index)
        found[frozenset(joined)] = None
    return sorted(found, key=lambda each: -sum(weights[index] for index in each))


def _within(members: Collection[int], open_pairs: Collection[Indexes]) -> list[Indexes]:
    return [pair for pair in open_pairs if pair[0] in members and pair[1] in members]


def _parts(agreement: Agreement, winner: frozenset[int]) -> list[tuple[int, ...]]:
    """Return what each cluster gives to the one that could win, heaviest first, its medoid before its others."""
    parts: list[tuple[int, ...]] = []
    for cluster in agreement.clusters:
        members = [index for index in cluster.members if index in winner]
        if members:
            parts.append(tuple(sorted(members, key=lambda index: (index != cluster.medoid, index))))
    return parts


def _across(parts: Sequence[tuple[int, ...]], open_pairs: Collection[Indexes]) -> tuple[Indexes, ...]:
    pairs = (_pair(a, b) for one, other in combinations(parts, 2) for a in one for b in other)
    return tuple(pair for pair in pairs if pair in open_pairs)


def _medoids(parts: Sequence[tuple[int, ...]]) -> list[Indexes]:
    return [_pair(parts[0][0], other[0]) for other in parts[1:]]


def _pair(a: int, b: int) -> Indexes:
    return (a, b) if a < b else (b, a)
