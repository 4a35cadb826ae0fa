"""A limit that finds its own size."""

from hypothesis import given
from hypothesis import strategies as st

from quorate.resilience.aimd import Limit


def test_it_grows_by_one_when_a_full_round_has_succeeded() -> None:
    limit = Limit(least=1, most=100, start=10)
    for _ in range(10):
        limit.succeeded(10)
    assert limit.current == 10
    limit.succeeded(10)
    assert limit.current == 11


def test_it_does_not_grow_while_it_is_not_used_up() -> None:
    limit = Limit(least=1, most=100, start=10)
    for _ in range(100):
        limit.succeeded(9)
    assert limit.current == 10


def test_one_overload_shrinks_it_once() -> None:
    limit = Limit(least=1, most=100, start=10)
    for _ in range(10):
        limit.overloaded(began_s=1, now_s=2)
    assert limit.current == 7
    limit.overloaded(began_s=2, now_s=3)
    assert limit.current == 4


def test_a_fixed_one_stays() -> None:
    limit = Limit(least=3, most=3, start=3)
    limit.overloaded(1, 2)
    limit.succeeded(3)
    assert limit.current == 3


@given(st.lists(st.booleans(), max_size=200), st.integers(1, 5), st.integers(0, 20))
def test_it_keeps_within_its_bounds(news: list[bool], least: int, span: int) -> None:
    limit = Limit(least=least, most=least + span, start=least + span // 2)
    for at_s, good in enumerate(news):
        if good:
            limit.succeeded(limit.current)
        else:
            limit.overloaded(at_s, at_s + 0.5)
        assert least <= limit.current <= least + span
