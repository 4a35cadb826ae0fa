from hypothesis import given
from hypothesis import strategies as st

from quorate.flows.journals.spending import spent_microusd

costs = st.integers(0, 1000)
names = st.sampled_from(["a", "b", "c"])


def test_steps_add_up() -> None:
    assert spent_microusd({"a": 3, "b": 4}, {}) == 7
    assert spent_microusd({}, {"a": 3}) == 3
    assert spent_microusd({}, {}) == 0


def test_a_step_that_ended_includes_its_attempts() -> None:
    assert spent_microusd({"a": 10}, {"a": 4}) == 10


def test_a_group_that_ended_includes_its_steps() -> None:
    assert spent_microusd({"g/a": 3, "g/b": 4, "g": 7}, {}) == 7
    assert spent_microusd({"each[0]/x": 3, "each[1]/x": 4, "each[1]": 4}, {}) == 7


def test_what_a_group_did_in_its_second_attempt_is_part_of_it() -> None:
    assert spent_microusd({"g/b": 10, "g#2/b": 20, "g": 30}, {}) == 30
    assert spent_microusd({"g/b": 10, "g#2/b": 20}, {"g": 10}) == 30


def test_a_group_that_counts_only_itself_does_not_hide_its_steps() -> None:
    assert spent_microusd({"g/a": 3, "g/b": 4, "g": 0}, {}) == 7


@given(st.dictionaries(st.lists(names, min_size=1, max_size=4).map("/".join), costs))
def test_it_is_at_least_the_dearest_and_at_most_the_sum(ended: dict[str, int]) -> None:
    assert max(ended.values(), default=0) <= spent_microusd(ended, {}) <= sum(ended.values())
