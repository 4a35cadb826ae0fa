"""Tokens and money add up, whoever spends them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.core.errors import BudgetSpent
from quorate.model import Budget, Charge, Spend, Usage
from quorate.wire.chat import WireUsage

counts = st.integers(0, 10**9)
usages = st.builds(
    Usage,
    prompt_tokens=counts,
    completion_tokens=counts,
    cached_tokens=counts,
    cache_write_tokens=counts,
    reasoning_tokens=counts,
)
charges = st.builds(Charge, usage=usages, cost_microusd=st.none() | counts, estimated=st.booleans())


def total(spends: list[Spend]) -> Spend:
    return sum(spends, Spend())


@given(
    st.lists(st.tuples(st.integers(0, 4), charges), max_size=20), st.lists(st.integers(0, 3), min_size=4, max_size=4)
)
def test_a_budget_is_the_sum_of_its_children_at_any_depth(spent: list[tuple[int, Charge]], parents: list[int]) -> None:
    budgets = [Budget()]
    for number, parent in enumerate(parents):  # each new account hangs below one of those before it
        budgets.append(budgets[min(parent, number)].child())
    for where, charge in spent:
        budgets[where].charge(charge)
    own = [Spend() for _ in budgets]
    for where, charge in spent:
        own[where] = own[where].plus(charge)
    for number, budget in enumerate(budgets):
        children = [budgets[n + 1].spend for n, parent in enumerate(parents) if min(parent, n) == number]
        assert budget.spend == own[number] + total(children)


@given(st.lists(charges, max_size=10))
def test_an_unknown_cost_is_never_counted_as_zero(made: list[Charge]) -> None:
    spend = Spend()
    for charge in made:
        spend = spend.plus(charge)
    known = [charge.cost_microusd for charge in made if charge.cost_microusd is not None]
    assert spend.known_microusd == sum(known)
    assert spend.unpriced == len(made) - len(known)
    assert spend.cost_microusd == (sum(known) if len(known) == len(made) else None)
    assert spend.estimated == any(charge.estimated for charge in made)
    assert spend.usage.total_tokens == sum(charge.usage.total_tokens for charge in made)


@given(usages, usages, usages)
def test_usage_adds_like_a_number(one: Usage, two: Usage, three: Usage) -> None:
    assert one + two == two + one
    assert (one + two) + three == one + (two + three)
    assert one + Usage() == one


@given(usages)
def test_usage_survives_the_wire(usage: Usage) -> None:
    wire = usage.to_wire()
    assert Usage.from_wire(wire) == usage
    assert wire.total_tokens == usage.total_tokens


def test_details_that_are_zero_are_left_out() -> None:
    assert Usage(prompt_tokens=1).to_wire() == WireUsage(prompt_tokens=1, total_tokens=1)


def test_the_limit_holds_for_all_branches_together() -> None:
    budget = Budget(100)
    one, two = budget.child(), budget.child()
    one.charge(Charge(usage=Usage(), cost_microusd=60))
    two.require("another request")
    two.charge(Charge(usage=Usage(), cost_microusd=40))
    for each in (budget, one, two, two.child()):
        with pytest.raises(BudgetSpent, match=r"\$0\.0001 .* before another request"):
            each.require("another request")


def test_no_limit_is_never_spent() -> None:
    budget = Budget()
    budget.charge(Charge(usage=Usage(), cost_microusd=10**12))
    budget.child().require("more")


def test_a_limit_of_nothing_allows_nothing() -> None:
    with pytest.raises(BudgetSpent):
        Budget(0).require("anything")
