"""Turns among tenants."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.resilience.fair_queue import FairQueue


def queue(*tenants: str) -> FairQueue[str]:
    """One item for each name: `a1` is the first of `a`."""
    counts = Counter[str]()
    made: FairQueue[str] = FairQueue()
    for tenant in tenants:
        counts[tenant] += 1
        made.add(tenant, f"{tenant}{counts[tenant]}")
    return made


def drained(items: FairQueue[str]) -> list[str]:
    return [items.pop() for _ in range(len(items))]


def test_tenants_take_turns_and_each_keeps_its_order() -> None:
    assert drained(queue(*"aaabbc")) == ["a1", "b1", "c1", "a2", "b2", "a3"]


def test_a_crowd_does_not_hold_up_who_comes_later() -> None:
    items = queue(*"a" * 1000)
    items.pop()
    items.add("b", "b1")
    assert items.ahead_of("c") == 2
    assert "b1" in {items.pop(), items.pop()}


def test_an_empty_queue_has_nothing() -> None:
    with pytest.raises(KeyError):
        queue().pop()


def test_what_is_discarded_is_not_taken() -> None:
    items = queue(*"aab")
    items.discard("a", "a1")
    items.discard("a", "a1")
    items.discard("z", "z1")
    assert drained(items) == ["a2", "b1"]


def test_room_is_made_by_whoever_waits_with_most() -> None:
    items = queue(*"aaab")
    assert items.drop_for("c") == "a3"
    assert items.drop_for("a") is None
    assert items.drop_for("b") is None
    assert drained(items) == ["a1", "b1", "a2"]
    assert items.drop_for("c") is None


@given(st.lists(st.sampled_from("abcd"), max_size=40), st.sampled_from("abcde"))
def test_the_wait_that_is_told_is_the_wait_there_is(tenants: list[str], newcomer: str) -> None:
    items = queue(*tenants)
    ahead = items.ahead_of(newcomer)
    items.add(newcomer, "new")
    assert drained(items).index("new") == ahead


@given(st.lists(st.sampled_from("abcd"), min_size=1, max_size=60))
def test_while_both_wait_nobody_gets_two_turns_more_than_another(tenants: list[str]) -> None:
    items = queue(*tenants)
    left, taken = Counter(tenants), Counter[str]()
    while items:
        tenant = items.pop()[0]
        taken[tenant] += 1
        left[tenant] -= 1
        waiting = [name for name in left if left[name]]
        assert all(taken[name] >= taken[tenant] - 1 for name in waiting)
