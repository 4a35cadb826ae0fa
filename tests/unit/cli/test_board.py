"""The board, from events alone, and its picture."""

import io
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from quorate.cli.board import Board
from quorate.cli.draw import bar
from quorate.cli.live_view import frame, live_view
from quorate.model import Event, State
from quorate.model.event import (
    AgreementUpdated,
    BranchCancelled,
    BranchDelta,
    BranchFailed,
    BranchFinished,
    BranchFirstToken,
    BranchHedged,
    BranchRetry,
    BranchStarted,
    PlanStarted,
    Selected,
    Warned,
)


def head(branch: str, at_s: float) -> dict[str, object]:
    return {"call_id": "run", "at_s": at_s, "branch": branch, "model": branch}


def story() -> tuple[Event, ...]:
    top: dict[str, object] = {"call_id": "run", "path": ""}
    branches = ("a", "b", "c")
    return (
        PlanStarted(**top, at_s=0, mode="quorum", branches=branches, weights=(0.5, 0.25, 0.25)),  # pyright: ignore[reportArgumentType] - head
        *(BranchStarted(**head(name, 0.1)) for name in branches),  # pyright: ignore[reportArgumentType] - head
        BranchFirstToken(**head("a", 0.3)),  # pyright: ignore[reportArgumentType] - head
        BranchDelta(**head("a", 0.3), text="Par"),  # pyright: ignore[reportArgumentType] - head
        BranchDelta(**head("a", 0.3), text="is"),  # pyright: ignore[reportArgumentType] - head
        BranchRetry(**head("b", 0.3), attempt=1, delay_s=0.1, code="x", message="overloaded"),  # pyright: ignore[reportArgumentType] - head
        BranchFinished(**head("a", 0.5), latency_s=0.4, prompt_tokens=5, completion_tokens=7, cost_microusd=11),  # pyright: ignore[reportArgumentType] - head
        BranchFailed(**head("b", 0.6), latency_s=0.5, code="x", message="no\nluck", cost_microusd=None),  # pyright: ignore[reportArgumentType] - head
        AgreementUpdated(**top, at_s=0.6, score=0.75, kind="short", answered=2, total=3),  # pyright: ignore[reportArgumentType] - top
        BranchCancelled(**head("c", 0.7), latency_s=0.6, reason="not needed", cost_microusd=3),  # pyright: ignore[reportArgumentType] - head
        Warned(call_id="run", at_s=0.7, code="w", message="careful"),
        Warned(call_id="run", at_s=0.7, code="w", message="careful"),
        Selected(**top, at_s=0.8, branch="a", method="consensus", reason="r"),  # pyright: ignore[reportArgumentType] - top
    )


def told(events: Sequence[Event]) -> Board:
    board = Board()
    for event in events:
        board(event)
    return board


def picture(board: Board) -> str:
    console = Console(file=io.StringIO(), width=100)
    console.print(frame(board, ["one\n", "two"]))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_whole_story() -> None:
    board = told(story())
    a, b, c = board.rows.values()
    assert (a.state, a.tokens, a.cost_microusd, a.text) == (State.FINISHED, 7, 11, "Paris")
    assert a.first_token_s == pytest.approx(0.2)
    assert (b.state, b.retries, b.note) == (State.FAILED, 1, "no\nluck")
    assert (c.state, c.note) == (State.CANCELLED, "not needed")
    assert board.spent_microusd == 14
    assert board.unpriced
    assert board.warnings == ["careful"]
    assert board.selected is not None
    assert board.progress.percent == 100
    assert board.mode == "quorum"


def test_a_hedge_is_noted_until_the_answer_is_there() -> None:
    board = told(story()[:4])
    board(BranchHedged(**head("c", 0.6), hedge="other", after_s=0.5))  # pyright: ignore[reportArgumentType] - head
    assert board.rows["c"].note == "late after 0.5 s: other asked as well"
    board(BranchFinished(**head("c", 0.7), latency_s=0.6, prompt_tokens=5, completion_tokens=7, cost_microusd=11))  # pyright: ignore[reportArgumentType] - head
    assert board.rows["c"].note == ""


def test_members_of_an_inner_ensemble_stand_below_it() -> None:
    def plan(path: str, *branches: str) -> PlanStarted:
        return PlanStarted(call_id="run", at_s=0, path=path, mode="all", branches=branches, weights=(0.5, 0.5))

    board = told([plan("", "x", "y"), plan("x", "x/1", "x/2")])
    assert list(board.rows) == ["x", "x/1", "x/2", "y"]
    assert [row.depth for row in board.rows.values()] == [0, 1, 1, 0]


@given(st.integers(0, 13))
def test_every_moment_has_a_picture(moment: int) -> None:
    drawn = picture(told(story()[:moment]))
    assert "progress" in drawn
    assert "two" in drawn


def test_the_last_picture() -> None:
    drawn = picture(told(story()))
    parts = ("✓ finished", "✗ failed", "- cancelled", "no luck", "75%", "2 of 3 answered, compared as short", "0.20 s")
    assert [part for part in parts if part not in drawn] == []


def test_the_live_view_cleans_up_after_itself() -> None:
    console = Console(file=io.StringIO(), width=80, force_terminal=True)
    with live_view(told(story()), console):
        pass
    assert isinstance(console.file, io.StringIO)
    assert "\x1b[2K" in console.file.getvalue()


@given(st.floats(-1, 2), st.integers(1, 40))
def test_a_bar_always_has_its_width(share: float, cells: int) -> None:
    assert bar(share, cells=cells).cell_len == cells
