"""Which branch begins first: what is known of how long models take."""

from collections.abc import Sequence
from typing import Any

import pytest

from plans import CAPITAL, after, models, plan, virtual_call
from quorate.core.errors import Unavailable
from quorate.model.event import BranchStarted
from quorate.parallel.ensemble import Ensemble
from quorate.parallel.paces import Paces
from quorate.parallel.plan import Member, Mode
from quorate.parallel.resources import Resources
from quorate.testing import RecordingSink, run_virtual
from quorate.wire.chat import user_request

NAMED = models(a=after(1), b=after(1), c=after(1), d=after(4))


def asked_twice(**fields: Any) -> tuple[list[list[str]], list[float]]:
    """The order in which branches began, and how long the whole took, for two runs after one another."""
    ensemble = Ensemble(name="p", plan=plan(NAMED, **fields), resources=Resources(resolve=NAMED.__getitem__))

    async def run() -> tuple[list[str], float]:
        sink = RecordingSink()
        result = await ensemble.run(user_request(CAPITAL), virtual_call(sink))
        assert [outcome.index for outcome in result.branches] == [0, 1, 2, 3], "answers stay in plan order"
        return [event.branch for event in sink.events if isinstance(event, BranchStarted)], result.latency.total_s

    first, second = run_virtual(run()), run_virtual(run())
    return [first[0], second[0]], [first[1], second[1]]


def test_where_all_are_waited_for_the_slowest_begins_first() -> None:
    started, seconds = asked_twice(mode=Mode.ALL, max_concurrent=2)
    assert started == [["a", "b", "c", "d"], ["d", "a", "b", "c"]]
    assert seconds == pytest.approx([5, 4])


def test_a_priority_counts_more() -> None:
    members = tuple(Member(model=name, priority=name == "b") for name in NAMED)
    started, _ = asked_twice(mode=Mode.ALL, members=members)
    assert started[1] == ["b", "d", "a", "c"]


@pytest.mark.parametrize(
    "fields",
    [
        {"mode": Mode.QUORUM, "min_models": 4, "threshold": 1.0},
        {"mode": Mode.ALL, "max_concurrent": 1},
        {"mode": Mode.ALL, "enabled": False},
        {"mode": Mode.ALL, "max_cost_microusd": 1_000_000},
    ],
)
def test_other_plans_keep_to_their_own_order(fields: dict[str, Any]) -> None:
    started, _ = asked_twice(**fields)
    assert started == [["a", "b", "c", "d"]] * 2


def test_the_latest_times_count_most_and_failures_not_at_all() -> None:
    paces = Paces()
    assert paces.of("a") == 0.0
    for seconds in (1.0, 2.0, 2.0):
        paces.note("a", seconds)
    assert paces.of("a") == pytest.approx(1.36)
    named = models(x=Unavailable("no"), y=after(1))
    resources = Resources(resolve=named.__getitem__)
    ensemble = Ensemble(name="p", plan=plan(named), resources=resources)

    async def run() -> None:
        await ensemble.run(user_request(CAPITAL), virtual_call())

    run_virtual(run())
    assert (resources.paces.of("x"), resources.paces.of("y")) == (0.0, pytest.approx(1))


def test_names_without_end_are_forgotten() -> None:
    paces = Paces()
    names: Sequence[str] = [f"m{number}" for number in range(1500)]
    for name in names:
        paces.note(name, 1.0)
    assert [bool(paces.of(name)) for name in names] == [False] * 500 + [True] * 1000
