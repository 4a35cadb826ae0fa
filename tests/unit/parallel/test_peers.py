"""Voting only among peers: the warning, and `select: auto`."""

from collections.abc import Mapping
from typing import Any

import pytest

from plans import after, models, plan, virtual_call
from quorate.consensus import Kind
from quorate.consensus.calibration import Calibration
from quorate.consensus.trust import TrackRecord
from quorate.core.errors import Rejected
from quorate.parallel.ensemble import Ensemble
from quorate.parallel.peers import are_peers, known_accuracies
from quorate.parallel.plan import Mode, Select
from quorate.parallel.resources import Resources
from quorate.parallel.result import Result
from quorate.testing import ScriptedAnswer, run_virtual
from quorate.wire.chat import user_request

SUM = "What is 17 * 23? Answer with the number."


def known(of: Mapping[str, float], kind: Kind = Kind.NUMBER, total: int = 200) -> Calibration:
    """What is known of models that were right so often."""
    records = {(model, kind): TrackRecord(right=total * share, total=total) for model, share in of.items()}
    return Calibration(cells={}, records=records)


def ask(answers: Mapping[str, str | ScriptedAnswer], trust: Calibration, **fields: Any) -> Result:
    named = models(**answers)
    resources = Resources(resolve=named.__getitem__, trust=trust)
    ensemble = Ensemble(name="panel", plan=plan(named, kind=Kind.NUMBER, **fields), resources=resources)

    async def run() -> Result:
        return await ensemble.run(user_request(SUM), virtual_call())

    return run_virtual(run())


WEAK_MAJORITY = {"strong": "391", "weak": "371", "poor": "371"}
SPREAD = known({"strong": 0.9, "weak": 0.6, "poor": 0.5})


def test_a_weak_majority_does_not_outvote_the_best() -> None:
    assert ask(WEAK_MAJORITY, SPREAD).answer == "371"
    result = ask(WEAK_MAJORITY, SPREAD, select=Select.AUTO)
    assert (result.answer, result.chosen, result.method) == ("391", "strong", Select.AUTO)
    assert result.reason == (
        "the majority (2 of 3) is made of weaker models: strong answers for the peers of the best "
        "(strong 90%, weak 60%, poor 50%)"
    )


def test_of_peers_the_majority_answers() -> None:
    trust = known({"best": 0.9, "good": 0.85, "fair": 0.82, "poor": 0.5, "bad": 0.4, "worst": 0.3})
    answers = {"best": "391", "good": "381", "fair": "381", "poor": "371", "bad": "371", "worst": "371"}
    assert ask(answers, trust, select=Select.AUTO).answer == "381"


def test_of_peers_who_differ_the_best_answers() -> None:
    trust = known({"good": 0.85, "best": 0.9, "poor": 0.5, "bad": 0.4})
    assert ask({"good": "381", "best": "391", "poor": "371", "bad": "371"}, trust, select=Select.AUTO).chosen == "best"


@pytest.mark.parametrize(
    ("trust", "reason"),
    [
        (known({}), "no member has a track record of 100 answers, so all have a vote: no consensus: 2 of 3"),
        (known({"strong": 0.9, "weak": 0.5}, total=99), "no member has a track record"),
        (known({"strong": 0.9, "weak": 0.82, "poor": 0.8}), "all members are peers (strong 90%, weak 82%, poor 80%): "),
    ],
    ids=["nothing known", "too little known", "peers"],
)
def test_otherwise_it_is_the_plain_consensus(trust: Calibration, reason: str) -> None:
    result = ask(WEAK_MAJORITY, trust, select=Select.AUTO)
    assert result.answer == "371"
    assert result.reason.startswith(reason)


def test_where_the_majority_agrees_with_the_best_the_best_speaks() -> None:
    result = ask(WEAK_MAJORITY, known({"strong": 0.6, "weak": 0.85, "poor": 0.9}), select=Select.AUTO)
    assert (result.answer, result.chosen) == ("371", "poor")
    assert result.reason.startswith("poor answers for the peers of the best, and the majority agrees (poor 90%")


def test_whoever_is_not_known_does_not_outvote_one_who_is() -> None:
    assert ask(WEAK_MAJORITY, known({"strong": 0.9}), select=Select.AUTO).answer == "391"


def test_the_best_of_those_that_answered_counts() -> None:
    trust = known({"away": 0.99, "strong": 0.8, "weak": 0.5, "poor": 0.4})
    result = ask({"away": ScriptedAnswer(error=Rejected("x")), **WEAK_MAJORITY}, trust, select=Select.AUTO)
    assert result.answer == "391"


def test_a_vote_among_unequals_warns() -> None:
    (warning,) = ask(WEAK_MAJORITY, SPREAD).warnings
    assert warning == (
        "the members' known accuracies lie 40 points apart (strong 90%, weak 60%, poor 50%), so weaker ones may outvote"
        " a stronger one; use `weighting: learned` or `select: auto`, or leave out weak, poor"
    )


@pytest.mark.parametrize(
    ("trust", "fields"),
    [
        (known({"strong": 0.9, "weak": 0.8, "poor": 0.82}), {}),
        (known({"strong": 0.9}), {}),
        (SPREAD, {"select": Select.AUTO}),
        (SPREAD, {"select": Select.FIRST}),
    ],
    ids=["peers", "one known", "auto", "no vote"],
)
def test_no_warning_without_cause(trust: Calibration, fields: dict[str, Any]) -> None:
    assert ask(WEAK_MAJORITY, trust, **fields).warnings == ()


def test_what_is_known_of_other_kinds_counts_where_this_kind_is_not_known() -> None:
    records = {
        ("a", Kind.CHOICE): TrackRecord(right=60, total=80),
        ("a", Kind.SHORT): TrackRecord(right=20, total=20),
        ("b", Kind.NUMBER): TrackRecord(right=50, total=100),
        ("b", Kind.CHOICE): TrackRecord(right=100, total=100),
        ("c", Kind.NUMBER): TrackRecord(right=99, total=99),
    }
    trust = Calibration(cells={}, records=records)
    assert known_accuracies(["a", "b", "c", "d"], Kind.NUMBER, trust) == {"a": 0.8, "b": 0.5}


def test_ten_points_apart_are_peers() -> None:
    assert are_peers([0.9, 0.8])
    assert not are_peers([0.9, 0.79])
    assert are_peers([])


def test_a_late_best_is_not_waited_for_in_a_race() -> None:
    answers = {"strong": after(9.0, "391"), "weak": after(1.0, "371"), "poor": after(2.0, "371")}
    assert ask(answers, SPREAD, select=Select.AUTO, mode=Mode.RACE).chosen == "weak"
