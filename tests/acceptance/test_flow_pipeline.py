"""A pipeline of four calls, two of them at once: as long as its critical path, and no stage takes the others down."""

import asyncio
import time
from pathlib import Path

import pytest

import pages
from flow_house import Pace, flow_house
from quorate.flows.outcome import FlowResult, RunStatus
from quorate.providers.simulated import Fault, SimulatedFailure
from quorate.testing import VirtualClock, run_virtual

FOLDER = pages.ROOT / "examples/flows"
INPUTS = {"account": "Example Works", "evidence": "Three contracts worth 90000 dollars in all."}
ANSWERS = {
    "Write a briefing": "```markdown\n# Briefing\n```",
    "List three plays": "```markdown\n# Plays\n```",
    "Extract the number": '{"contracts": 3, "total_usd": 90000}',
    "Make an annex": '```json\n{"sources": []}\n```',
}
REFUSES = Pace(latency_s=1, failures=(SimulatedFailure(kind=Fault.CONTEXT_LENGTH, first_n=9),))


def in_virtual_time(kept: Path, paces: dict[str, Pace], answers: dict[str, str] = ANSWERS) -> FlowResult:
    async def run() -> FlowResult:
        async with flow_house(FOLDER, kept, answers=answers, paces=paces, clock=VirtualClock()) as house:
            return await house.run("briefing", INPUTS)

    return run_virtual(run())


def paces_of(briefing_s: float, plays_s: float, extracting_s: float) -> dict[str, Pace]:
    """Briefing and plays have a model each; procurement and annex share one."""
    return {
        "sim-ember": Pace(latency_s=briefing_s),
        "sim-delta": Pace(latency_s=plays_s),
        "sim-cedar": Pace(latency_s=extracting_s),
    }


def test_it_takes_as_long_as_its_critical_path(tmp_path: Path) -> None:
    result = in_virtual_time(tmp_path, paces_of(7, 7, 5.5))
    assert (result.status, result.errors) == (RunStatus.SUCCEEDED, ())
    latency = result.latency
    assert latency.total_s == pytest.approx(7 + 5.5 + 5.5, rel=0.02)
    assert latency.total_s == pytest.approx(latency.critical_path_s, rel=0.02)
    assert latency.groups["writing"] == pytest.approx(7, rel=0.02)
    assert latency.speedup == pytest.approx(25 / 18, rel=0.02)


async def test_and_so_it_does_by_the_clock_on_the_wall(tmp_path: Path) -> None:
    async with flow_house(FOLDER, tmp_path, answers=ANSWERS, paces=paces_of(0.7, 0.7, 0.55)) as house:
        began = time.monotonic()
        result = await house.run("briefing", INPUTS)
        took_s = time.monotonic() - began
    assert result.latency.total_s == pytest.approx(result.latency.critical_path_s, rel=0.02)
    assert took_s < 0.8 * result.latency.work_s


def test_a_stage_that_fails_leaves_the_results_of_the_others(tmp_path: Path) -> None:
    result = in_virtual_time(tmp_path, {"sim-delta": REFUSES})
    assert result.status is RunStatus.PARTIAL
    assert result.outputs == {
        "briefing": "# Briefing",
        "plays": None,
        "procurement": {"contracts": 3, "total_usd": 90000},
        "annex": {"sources": []},
    }
    (error,) = result.errors
    assert error.stage == "plays"
    assert error.code
    assert "sim-delta" in error.message
    assert error.hint


def test_figures_that_cannot_be_extracted_are_those_of_the_request(tmp_path: Path) -> None:
    result = in_virtual_time(tmp_path, {}, {**ANSWERS, "Extract the number": "I would rather not."})
    assert result.status is RunStatus.PARTIAL
    assert result.outputs["procurement"] == {"contracts": 0, "total_usd": 0}
    assert result.outputs["annex"] == {"sources": []}
    assert [(error.stage, error.code) for error in result.errors] == [("procurement", "output_invalid")]


def test_runs_at_once_give_the_same(tmp_path: Path) -> None:
    async def run() -> list[FlowResult]:
        async with flow_house(
            FOLDER, tmp_path, answers=ANSWERS, paces=paces_of(7, 3, 5), clock=VirtualClock()
        ) as house:
            return await asyncio.gather(*(house.run("briefing", INPUTS) for _ in range(3)))

    first, *others = run_virtual(run())
    assert [each.outputs for each in others] == [first.outputs] * 2
    assert all(each.latency.total_s == pytest.approx(17, rel=0.02) for each in (first, *others))
