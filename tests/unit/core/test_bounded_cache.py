from hypothesis import given
from hypothesis import strategies as st

from quorate.core.bounded_cache import BoundedCache


def test_what_was_put_is_there_until_its_moment() -> None:
    cache = BoundedCache[str](max_entries=3, max_size=100)
    cache.put("short", "a", size=1, until_s=10)
    cache.put("long", "b", size=1)
    assert (cache.get("short", 9.9), cache.get("short", 10), cache.get("long", 1e9)) == ("a", None, "b")
    assert (len(cache), cache.size) == (1, 1)


def test_a_later_value_replaces_it_and_one_that_is_too_large_takes_its_place_away() -> None:
    cache = BoundedCache[str](max_entries=3, max_size=100)
    cache.put("key", "a", size=60, until_s=1)
    cache.put("key", "b", size=70)
    assert (cache.get("key", 5), cache.size) == ("b", 70)
    cache.put("key", "c", size=101)
    assert (cache.get("key", 5), cache.size, len(cache)) == (None, 0, 0)


def test_the_least_recently_used_goes_first() -> None:
    cache = BoundedCache[int](max_entries=2, max_size=100)
    cache.put("a", 1, size=1)
    cache.put("b", 2, size=1)
    assert cache.get("a", 0) == 1
    cache.put("c", 3, size=1)
    assert [cache.get(key, 0) for key in "abc"] == [1, None, 3]
    cache.put("d", 4, size=99)
    assert [cache.get(key, 0) for key in "acd"] == [None, 3, 4]


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 60), st.integers(0, 5) | st.none())))
def test_it_never_holds_more_than_it_may(puts: list[tuple[str, int, int | None]]) -> None:
    cache = BoundedCache[int](max_entries=3, max_size=100)
    for moment, (key, size, lasts) in enumerate(puts):
        cache.put(key, size, size=size, until_s=None if lasts is None else moment + lasts)
        assert len(cache) <= 3
        assert cache.size <= 100
        found = [value for each in "abcdef" if (value := cache.get(each, moment)) is not None]
        assert (len(found), sum(found)) == (len(cache), cache.size)
