"""What the steps of a block are to each other."""

import itertools

from flow_site import step
from quorate.flows.plan import ErrorRule, StepPlan
from quorate.flows.run.shape import shape_of


def test_who_waits_for_a_fallback_waits_for_those_it_stands_in_for() -> None:
    block = (
        step("a", on_error=ErrorRule(fallback="spare")),
        step("b", "a", weight=3),
        step("spare", fallback_only=True),
        step("last", "spare", "b"),
    )
    found = shape_of(block)
    assert [list(found.steps), [each.name for each in found.fallbacks]] == [["a", "b", "last"], ["spare"]]
    assert found.needs == {"a": [], "b": ["a"], "last": ["a", "b"]}
    assert found.dependents == {"a": ["b", "last"], "b": ["last"], "last": []}
    assert [each.name for each in found.first] == ["a"]
    assert found.parts == {"a": 0.2, "b": 0.6, "last": 0.2}


def test_a_chain_has_each_step_after_what_it_waits_for() -> None:
    block = (step("d", "b", "c"), step("b", "a", "elsewhere"), step("c", "a"), step("a"))
    chain = dict(shape_of(block).chain)
    order = list(chain)
    assert chain == {"a": (), "b": ("a",), "c": ("a",), "d": ("b", "c")}
    assert all(order.index(need) < order.index(name) for name, needs in chain.items() for need in needs)


def test_a_chain_may_be_longer_than_the_stack() -> None:
    names = [f"s{number}" for number in range(5_000)]
    block = (step(names[0]), *(step(name, before) for before, name in itertools.pairwise(names)))
    assert [name for name, _ in shape_of(tuple(reversed(block))).chain] == names


def test_it_is_worked_out_once_and_not_remembered_for_ever() -> None:
    block = (step("a"),)
    first = shape_of(block)
    assert shape_of(block) is first
    others = [(step("a"),) for _ in range(5_000)]
    for other in others:
        assert shape_of(other).written is other
    again = shape_of(block)
    assert again is not first
    assert again.steps == first.steps


def test_nothing_is_the_shape_of_no_steps() -> None:
    nothing: tuple[StepPlan, ...] = ()
    assert not shape_of(nothing).steps
    assert shape_of(nothing).chain == ()
