from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from quorate.consensus.cluster import complete_linkage

SCORES = st.integers(min_value=1, max_value=7).flatmap(
    lambda n: st.lists(st.floats(0, 1), min_size=n * n, max_size=n * n).map(lambda flat: (n, flat))
)


def test_a_chain_does_not_merge_its_ends() -> None:
    near = {(0, 1): 0.9, (1, 2): 0.8, (0, 2): 0.1}
    parts = complete_linkage([0, 1, 2], [1.0] * 3, lambda a, b: near[min(a, b), max(a, b)], 0.7)
    assert sorted(parts) == [(0, 1), (2,)]


def test_ties_go_to_the_heavier_union() -> None:
    near = {(0, 1): 0.8, (1, 2): 0.8, (0, 2): 0.1}
    parts = complete_linkage([0, 1, 2], [1.0, 1.0, 5.0], lambda a, b: near[min(a, b), max(a, b)], 0.7)
    assert sorted(parts) == [(0,), (1, 2)]


@given(SCORES)
def test_it_is_a_partition_into_cliques_that_cannot_grow(given_scores: tuple[int, list[float]]) -> None:
    count, flat = given_scores

    def score(one: int, other: int) -> float:
        return flat[min(one, other) * count + max(one, other)]

    parts = complete_linkage(list(range(count)), [1.0] * count, score, 0.7)
    assert sorted(member for part in parts for member in part) == list(range(count))
    for part in parts:
        assert all(score(a, b) >= 0.7 for a, b in combinations(part, 2))
    for one, other in combinations(parts, 2):
        assert any(score(a, b) < 0.7 for a in one for b in other)
