from collections.abc import Mapping
from typing import Any

import pytest

from plans import models, plan
from quorate.core.errors import InvalidRequest
from quorate.parallel.branch import expand
from quorate.parallel.plan import Member, Parallelization, Plan

NAMED = models(a="x", b="y")


def ids(plan_: Plan, params: Mapping[str, Any] | None = None) -> list[str]:
    return [branch.id for branch in expand(plan_, NAMED.__getitem__, params or {})]


def test_none_is_the_first_member_once() -> None:
    assert ids(plan(NAMED, parallelization=Parallelization.NONE)) == ["a"]


def test_static_count_repeats_every_member() -> None:
    static = plan(NAMED, parallelization=Parallelization.STATIC_COUNT, count=2)
    assert ids(static) == ["a#1", "a#2", "b#1", "b#2"]


def test_config_param_reads_the_count_from_the_run() -> None:
    config = plan(NAMED, parallelization=Parallelization.CONFIG_PARAM, count_param="n", members=(Member(model="a"),))
    assert ids(config, {"n": 3}) == ["a#1", "a#2", "a#3"]


@pytest.mark.parametrize("params", [{}, {"n": "3"}, {"n": True}, {"n": 0}, {"n": 10**6}])
def test_a_count_that_cannot_be_used_names_the_parameter(params: dict[str, Any]) -> None:
    config = plan(NAMED, parallelization=Parallelization.CONFIG_PARAM, count_param="n")
    with pytest.raises(InvalidRequest, match="n"):
        ids(config, params)


def test_model_specific_counts_groups_and_priorities() -> None:
    members = (
        Member(model="a", group=1),
        Member(model="b", count=2, priority=1),
        Member(model="a", priority=5),
    )
    assert ids(plan(NAMED, members=members)) == ["a#1", "b#1", "b#2", "a#2"]


def test_max_models_keeps_the_highest_priorities() -> None:
    members = (Member(model="a"), Member(model="b", priority=2), Member(model="a", priority=1))
    assert ids(plan(NAMED, members=members, max_models=2)) == ["b", "a"]


def test_an_empty_plan_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="no members"):
        ids(Plan(members=()))


def test_too_many_branches_are_refused_before_the_first_call() -> None:
    with pytest.raises(InvalidRequest, match="at most 256"):
        ids(plan(NAMED, members=(Member(model="a", count=200), Member(model="b", count=200))))


def test_shares_of_progress_follow_the_weights() -> None:
    members = (Member(model="a", weight=3.0), Member(model="b"))
    branches = expand(plan(NAMED, members=members), NAMED.__getitem__, {})
    assert [branch.share for branch in branches] == [0.75, 0.25]


def test_weights_of_nothing_are_refused() -> None:
    with pytest.raises(InvalidRequest, match="weight"):
        ids(plan(NAMED, members=(Member(model="a", weight=0.0),)))


@pytest.mark.parametrize("weight", [-1.0, float("inf"), float("nan")])
def test_a_weight_that_is_no_vote_is_refused_before_anybody_is_asked(weight: float) -> None:
    with pytest.raises(InvalidRequest, match="the weight of 'a'"):
        ids(plan(NAMED, members=(Member(model="a", weight=weight), Member(model="b", weight=9.0))))


@pytest.mark.parametrize("limit", ["min_models", "max_models", "max_concurrent", "timeout_s", "deadline_s"])
def test_a_limit_that_nothing_can_run_under_is_refused(limit: str) -> None:
    with pytest.raises(InvalidRequest, match=f"{limit} is 0"):
        ids(plan(NAMED, **{limit: 0}))
