"""A finished question on a terminal."""

import asyncio
import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from quorate.cli.result_view import show_result, summary
from quorate.library.options import AskOptions
from quorate.library.quorate import Quorate
from quorate.parallel.result import Result

QUESTION = "What is 17 * 23?"


def asked(quick: Path, options: AskOptions) -> Result:
    async def ask(quorate: Quorate) -> Result:
        async with quorate:
            return await quorate.ask(QUESTION, **options)

    return asyncio.run(ask(Quorate.from_file(quick)))


def shown(result: Result) -> str:
    console = Console(file=io.StringIO(), width=120)
    show_result(result, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_answers_that_differ_are_listed_with_who_gave_them(quick: Path) -> None:
    drawn = shown(asked(quick, {"models": ["a", "b", "wrong"], "seed": 1}))
    assert "67%" in drawn
    assert "391: a, b" in drawn
    assert any("wrong" in line and "391" not in line and "░" in line for line in drawn.splitlines())
    assert "answer (simulated)" in drawn
    assert "3 of 3 answered, compared as number" in drawn


def test_a_confidence_is_shown_where_one_is_known(quick: Path) -> None:
    result = asked(quick, {"models": ["a", "b"]})
    assert "confidence" not in shown(result)
    assert result.agreement is not None
    sure = replace(result, agreement=replace(result.agreement, confidence=0.93))
    assert any("confidence" in line and "93%" in line for line in shown(sure).splitlines())
    assert "confidence 0.93" in summary(sure)


def test_a_failed_branch_says_why_and_a_single_answer_has_no_agreement(quick: Path) -> None:
    drawn = shown(asked(quick, {"models": ["a", "broken"]}))
    assert "✗ failed" in drawn
    assert "agreement" not in drawn
    assert "1 of 2 answered" in drawn


def test_what_a_selector_asked_is_shown(quick: Path) -> None:
    result = asked(quick, {"models": ["a", "b"], "select": "synthesis", "synthesiser": "c"})
    drawn = shown(result)
    assert len(result.helpers) == 1
    assert drawn.count("branch") == 2


@pytest.mark.parametrize(("models", "faster"), [(["a"], False), (["a", "b"], True)])
def test_one_branch_is_not_faster_than_itself(quick: Path, models: list[str], faster: bool) -> None:
    assert ("faster" in summary(asked(quick, {"models": models}))) is faster


def test_a_synthesis_says_in_a_line_what_it_was_made_of(quick: Path) -> None:
    options: AskOptions = {"models": ["a", "b"], "select": "synthesis", "synthesiser": "c"}
    assert "from a, b (unverified)" in shown(asked(quick, options))
    drawn = shown(asked(quick, {**options, "provenance": True}))
    assert "(reported)" in drawn


def test_answers_that_are_known_to_disagree_are_one_models_alone(quick: Path) -> None:
    drawn = shown(asked(quick, {"models": ["a", "wrong"], "floor": 0.9}))
    assert "no consensus: the answer stands for one model alone" in drawn
