"""Tokens and money add up, whoever spends them."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.core.errors import BudgetSpent
from quorate.model import Budget, Charge, Spend, Usage
from quorate.model.usage import Held
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
    two.reserve(40, "another request").release()
    two.charge(Charge(usage=Usage(), cost_microusd=40))
    for each in (budget, one, two, two.child()):
        with pytest.raises(BudgetSpent, match=r"\$0\.0001 .* before another request"):
            each.reserve(0, "another request")


def test_what_runs_at_the_same_time_does_not_pass_the_limit_together() -> None:
    budget = Budget(100)
    held = budget.child().reserve(60, "one")
    with pytest.raises(BudgetSpent, match=r"has \$0\.00004 left .*\$0\.00006 reserved.* may cost \$0\.00005"):
        budget.child().reserve(50, "two")
    with held:
        budget.charge(Charge(usage=Usage(), cost_microusd=10))
    with budget.child().reserve(90, "two"):
        assert budget.reserved_microusd == 90
    assert budget.reserved_microusd == 0


def test_what_does_not_fit_above_is_not_reserved_below() -> None:
    whole = Budget(100)
    part = whole.child(limit_microusd=1000)
    with pytest.raises(BudgetSpent, match=r"budget of \$0\.0001"):
        part.reserve(500, "more")
    assert (whole.reserved_microusd, part.reserved_microusd) == (0, 0)


def test_releasing_twice_gives_back_once() -> None:
    budget = Budget(100)
    held, other = budget.reserve(10, "one"), budget.reserve(5, "two")
    held.release()
    held.release()
    assert budget.reserved_microusd == 5
    other.release()


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=30), st.integers(1, 200))
def test_charges_below_what_was_reserved_never_pass_the_limit(requests: list[tuple[int, int]], limit: int) -> None:
    budget, running = Budget(limit), list[tuple[Held, int]]()
    for most, share in requests:
        with suppress(BudgetSpent):
            running.append((budget.child().reserve(most, "it"), min(most, share)))
        if len(running) > 2:
            held, cost = running.pop(0)
            budget.charge(Charge(usage=Usage(), cost_microusd=cost))
            held.release()
        assert budget.spend.known_microusd + budget.reserved_microusd <= limit


def test_no_limit_is_never_spent() -> None:
    budget = Budget()
    budget.charge(Charge(usage=Usage(), cost_microusd=10**12))
    assert not budget.child().limits
    budget.child().reserve(10**12, "more")


def test_a_limit_of_nothing_allows_nothing() -> None:
    with pytest.raises(BudgetSpent):
        Budget(0).reserve(0, "anything")


def test_what_was_spent_before_counts_against_the_limit_although_a_price_in_it_is_not_known() -> None:
    before = Spend(usage=Usage(prompt_tokens=5), known_microusd=90, unpriced=1)
    budget = Budget(100)
    part = budget.child()
    part.carry_over(before)
    part.charge(Charge(usage=Usage(prompt_tokens=2), cost_microusd=10))
    with pytest.raises(BudgetSpent):
        budget.require("another step")
    assert budget.spend.cost_microusd is None
    assert budget.spend.since(before) == Spend(usage=Usage(prompt_tokens=2), known_microusd=10)
    assert before.since(budget.spend) == Spend()
