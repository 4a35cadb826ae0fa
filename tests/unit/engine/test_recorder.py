"""What the events of a call add up to."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.core.ids import RunId
from quorate.engine.recorder import Recorder
from quorate.model.event import (
    AgreementUpdated,
    BranchCancelled,
    BranchFailed,
    BranchFallback,
    BranchFinished,
    BranchFirstToken,
    BranchHedged,
    BranchRetry,
    BranchStarted,
    PlanStarted,
    Selected,
    State,
    Warned,
)
from quorate.model.run import BranchRecord

ENDS: dict[State, tuple[Any, dict[str, str]]] = {
    State.FINISHED: (BranchFinished, {}),
    State.FAILED: (BranchFailed, {"code": "provider_unavailable", "message": "x"}),
    State.CANCELLED: (BranchCancelled, {"reason": "x"}),
}


def head(at_s: float = 0.0, branch: str = "m") -> dict[str, Any]:
    return {"call_id": RunId("run_1"), "at_s": at_s, "branch": branch, "model": branch.rpartition("/")[2]}


def plan(**fields: Any) -> PlanStarted:
    """The start of a plan."""
    given: dict[str, Any] = {"path": "", "mode": "all", "branches": (), "weights": (), **fields}
    return PlanStarted(call_id=RunId("run_1"), at_s=0.0, **given)


def spent(cost: int | None = 5, prompt: int = 3, completion: int = 2) -> dict[str, Any]:
    return {
        "latency_s": 1.0,
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "cost_microusd": cost,
        "estimated": False,
    }


def ended(state: State, at_s: float = 1.0, branch: str = "m", **fields: Any) -> Any:
    kind, more = ENDS[state]
    return kind(**head(at_s, branch), **{**spent(), **fields}, **more)


def rows(recorder: Recorder, now_s: float = 9.0) -> tuple[BranchRecord, ...]:
    return recorder.branches(1000.0, now_s, lambda model: f"provider of {model}")


def test_branches_stand_as_their_plan_has_them_whichever_begins_first() -> None:
    recorder = Recorder()
    told = [
        plan(branches=("b", "panel", "a")),
        *(BranchStarted(**head(0.0, name), group=0) for name in ("a", "panel")),
        plan(path="panel", branches=("panel/x", "panel/y")),
        *(BranchStarted(**head(0.0, name), group=0) for name in ("panel/y", "b", "panel/x", "judge")),
        plan(path="panel", branches=("panel/x", "panel/y")),  # asked again: there once more
        *(BranchStarted(**head(1.0, name), group=0) for name in ("panel/y", "panel/x")),
    ]
    for event in told:
        recorder(event)
    names = [row.branch for row in rows(recorder)]
    assert names == ["b", "panel", "a", "panel/x", "panel/y", "judge", "panel/x", "panel/y"]


@pytest.mark.parametrize("state", ENDS)
def test_one_branch(state: State) -> None:
    recorder = Recorder()
    for event in (
        BranchStarted(**head(0.5)),
        BranchRetry(**head(1), attempt=1, delay_s=1, code="x", message="x"),
        BranchFirstToken(**head(2)),
        ended(state, 3),
    ):
        recorder(event)
    (row,) = rows(recorder)
    assert (row.branch, row.model, row.provider, row.state) == ("m", "m", "provider of m", state)
    assert (row.started_at_s, row.first_token_at_s, row.finished_at_s) == (1000.5, 1002.0, 1003.0)
    assert (row.attempts, row.prompt_tokens, row.completion_tokens, row.cost_microusd) == (2, 3, 2, 5)
    assert row.error_code == ("provider_unavailable" if state is State.FAILED else None)
    assert recorder.mode == "single"


def test_a_hedge_is_one_more_attempt() -> None:
    recorder = Recorder()
    for event in (
        BranchHedged(**head(0.2), hedge="other", after_s=0.2),  # of a call that has no branch: nobody's
        BranchStarted(**head(0.5)),
        BranchRetry(**head(1), attempt=1, delay_s=1, code="x", message="x"),
        BranchHedged(**head(2), hedge="other", after_s=0.5),
        ended(State.FINISHED, 3),
    ):
        recorder(event)
    (row,) = rows(recorder)
    assert row.attempts == 3


def test_a_branch_without_an_end_was_cut_off_now() -> None:
    recorder = Recorder()
    recorder(BranchStarted(**head(0.5)))
    (row,) = rows(recorder, 4.0)
    assert (row.state, row.finished_at_s, row.cost_microusd) == (State.CANCELLED, 1004.0, 0)


def test_only_the_outermost_plan_tells_of_the_run() -> None:
    recorder = Recorder()
    for event in (
        plan(mode="quorum"),
        BranchStarted(**head(0, "panel")),
        plan(path="panel", mode="race"),
        BranchStarted(**head(0, "panel/a")),
        AgreementUpdated(**_agreement("panel", 0.2)),
        Selected(call_id=RunId("run_1"), at_s=1, path="panel", branch="panel/a", method="first", reason="x"),
        ended(State.FINISHED, 1, "panel/a"),
        ended(State.FINISHED, 1, "panel"),
        AgreementUpdated(**_agreement("", 0.9)),
        Selected(call_id=RunId("run_1"), at_s=2, path="", branch="panel", method="first", reason="x"),
    ):
        recorder(event)
    assert (recorder.mode, recorder.agreement, recorder.selected) == ("quorum", 0.9, "panel")
    outer, inner = rows(recorder)
    assert (outer.leaf, outer.selected, inner.leaf, inner.selected) == (False, True, True, False)


def test_an_ensemble_that_is_asked_again_pays_for_both_times() -> None:
    recorder = Recorder()
    recorder(BranchStarted(**head(0, "panel")))
    for number in range(2):
        recorder(plan(path="panel", mode="all"))
        recorder(BranchStarted(**head(number, "panel/m")))
        recorder(ended(State.FAILED, number + 0.5, "panel/m", cost_microusd=number + 5))
    recorder(ended(State.FAILED, 2, "panel", cost_microusd=11, attempts=2))
    outer, first, second = rows(recorder)
    assert (outer.leaf, outer.attempts, outer.cost_microusd) == (False, 2, 11)
    assert [(row.branch, row.leaf, row.cost_microusd) for row in (first, second)] == [
        ("panel/m", True, 5),
        ("panel/m", True, 6),
    ]
    assert (first.started_at_s, second.started_at_s) == (1000.0, 1001.0)


def test_a_model_whose_name_begins_like_another_one_is_not_inside_it() -> None:
    recorder = Recorder()
    for name in ("gpt", "gpt/mini"):
        recorder(BranchStarted(call_id=RunId("run_1"), at_s=0, branch=name, model=name))
    assert [(row.branch, row.leaf) for row in rows(recorder)] == [("gpt", True), ("gpt/mini", True)]


def test_a_member_and_a_model_of_the_same_path_are_two_branches() -> None:
    recorder = Recorder()
    recorder(plan(path="panel", mode="all"))
    for model, cost in (("panel/m", 3), ("m", 4)):
        both: dict[str, Any] = {"call_id": RunId("run_1"), "branch": "panel/m", "model": model}
        recorder(BranchStarted(**both, at_s=0))
        recorder(BranchFinished(**both, **spent(cost), at_s=1))
    assert [(row.model, row.cost_microusd) for row in rows(recorder)] == [("panel/m", 3), ("m", 4)]


def _agreement(path: str, score: float) -> dict[str, Any]:
    shared: dict[str, Any] = {"call_id": RunId("run_1"), "at_s": 1.0, "kind": "number", "answered": 2, "total": 2}
    return {**shared, "path": path, "score": score}


def test_a_plan_that_stands_for_one_model() -> None:
    recorder = Recorder()
    recorder.single = True
    recorder(plan(mode="race"))
    assert recorder.mode == "single"


def test_a_synthesis_is_chosen() -> None:
    recorder = Recorder()
    recorder(BranchStarted(**head(0, "synthesiser")))
    recorder(Selected(call_id=RunId("run_1"), at_s=1, path="", branch=None, method="synthesis", reason="x"))
    assert [row.selected for row in rows(recorder)] == [True]


def test_a_vote_on_fields_chooses_nobody() -> None:
    recorder = Recorder()
    recorder(BranchStarted(**head(0, "a")))
    recorder(Selected(call_id=RunId("run_1"), at_s=1, path="", branch=None, method="field_vote", reason="x"))
    assert [row.selected for row in rows(recorder)] == [False]


def test_what_it_does_not_know_it_lets_pass() -> None:
    recorder = Recorder()
    for event in (
        ended(State.FINISHED),
        BranchFirstToken(**head(3)),
        BranchRetry(**head(1), attempt=1, delay_s=1, code="x", message="x"),
        Warned(call_id=RunId("run_1"), at_s=1, code="x", message="x"),
    ):
        recorder(event)
    assert rows(recorder) == ()


@given(st.lists(st.tuples(st.sampled_from(sorted(ENDS)), st.integers(0, 1000)), max_size=12))
def test_costs_of_leaves_add_up_in_any_order(branches: list[tuple[State, int]]) -> None:
    recorder = Recorder()
    for number, _ in enumerate(branches):
        recorder(BranchStarted(**head(0, f"p/m#{number}")))
    recorder(BranchStarted(**head(0, "p")))
    for number, (state, cost) in reversed(list(enumerate(branches))):
        recorder(ended(state, 1, f"p/m#{number}", cost_microusd=cost))
    recorder(ended(State.FINISHED, 1, "p", cost_microusd=sum(cost for _, cost in branches)))
    found = rows(recorder)
    leaves = [row for row in found if row.leaf and row.branch != "p"]
    assert sum(row.cost_microusd or 0 for row in leaves) == sum(cost for _, cost in branches)
    assert [row.state for row in leaves] == [state for state, _ in branches]


def fell_back(to: str, at_s: float = 2.0, model: str = "m", **fields: Any) -> BranchFallback:
    """The model of the branch `m` gave up."""
    given = {key: value for key, value in spent().items() if key != "latency_s"} | fields
    return BranchFallback(
        call_id=RunId("run_1"),
        at_s=at_s,
        branch="m",
        model=model,
        to=to,
        code="provider_unavailable",
        message="x",
        **given,
    )


def test_what_stands_in_has_a_row_of_its_own_with_what_it_used() -> None:
    recorder = Recorder()
    for event in (
        BranchStarted(**head(0.0)),
        fell_back("a", 2.0, cost_microusd=5, prompt_tokens=3, completion_tokens=2),
        fell_back("b", 3.0, model="a", cost_microusd=5, prompt_tokens=3, completion_tokens=2),
        BranchRetry(
            call_id=RunId("run_1"), at_s=3.5, branch="m", model="b", attempt=1, delay_s=0.1, code="x", message="x"
        ),
        BranchFirstToken(**head(4.0)),
        ended(State.FINISHED, 5.0, **spent(cost=25, prompt=13, completion=12), attempts=9),
        Selected(call_id=RunId("run_1"), at_s=5.0, path="", branch="m", method="first", reason="x"),
    ):
        recorder(event)
    failed, also_failed, answered = rows(recorder)
    assert [row.model for row in (failed, also_failed, answered)] == ["m", "a", "b"]
    assert [row.state for row in (failed, also_failed, answered)] == [State.FAILED, State.FAILED, State.FINISHED]
    assert [row.selected for row in (failed, also_failed, answered)] == [False, False, True]
    assert [row.cost_microusd for row in (failed, also_failed, answered)] == [5, 0, 20]
    assert [row.completion_tokens for row in (failed, also_failed, answered)] == [2, 0, 10]
    assert [row.attempts for row in (failed, also_failed, answered)] == [1, 1, 2]
    assert (failed.finished_at_s, answered.started_at_s, answered.first_token_at_s) == (1002.0, 1003.0, 1004.0)
    assert (failed.error_code, answered.error_code) == ("provider_unavailable", None)
    assert all(row.leaf for row in (failed, also_failed, answered))


def test_an_ensemble_that_stands_in_is_no_leaf_and_its_members_are() -> None:
    recorder = Recorder()
    for event in (
        BranchStarted(**head(0.0)),
        fell_back("panel", cost_microusd=0, prompt_tokens=0, completion_tokens=0),
        plan(path="m", branches=("m/x",), weights=(1.0,)),
        BranchStarted(**head(2.0, "m/x")),
        ended(State.FINISHED, 3.0, "m/x"),
        ended(State.FINISHED, 3.0),
    ):
        recorder(event)
    assert [(row.model, row.leaf) for row in rows(recorder)] == [("m", True), ("panel", False), ("x", True)]
