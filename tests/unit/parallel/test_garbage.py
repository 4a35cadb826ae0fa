"""What a plan leaves behind."""

import gc
from typing import Any

import pytest

from plans import after, ask_virtually, models
from quorate.core.errors import Unavailable
from quorate.parallel.plan import Mode
from quorate.parallel.run_branch import BranchRun
from quorate.parallel.stage import Stage
from quorate.testing import RecordingSink


@pytest.mark.parametrize(
    ("named", "fields"),
    [
        pytest.param({"a": after(1, "Paris"), "b": after(2, "Lyon")}, {"mode": Mode.ALL}, id="all answer"),
        pytest.param({"a": after(1, "Paris"), "b": after(2, "Lyon")}, {"mode": Mode.RACE}, id="one loses"),
        pytest.param(
            {name: after(seconds, "Paris") for seconds, name in enumerate("abcde")},
            {"mode": Mode.QUORUM, "min_models": 2, "max_concurrent": 5},
            id="three are not needed",
        ),
        pytest.param(
            {"a": after(1, "Paris"), "b": Unavailable("no"), "c": after(99, "Lyon")},
            {"mode": Mode.ALL, "timeout_s": 5},
            id="one fails, one is late",
        ),
    ],
)
def test_a_plan_leaves_nothing_to_the_garbage_collector(named: dict[str, Any], fields: dict[str, Any]) -> None:
    gc.collect()
    gc.disable()
    try:
        before = alive()
        result = ask_virtually(models(**named), sink=RecordingSink(), **fields)
        assert alive() <= before
        assert len(result.branches) == len(named)
    finally:
        gc.enable()


def alive() -> set[int]:
    return {id(each) for each in gc.get_objects() if type(each) in {Stage, BranchRun}}
