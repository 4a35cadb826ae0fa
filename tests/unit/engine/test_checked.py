"""What labels teach: who was right, and what an agreement was worth."""

from typing import Any

import pytest

from quorate.consensus import Kind
from quorate.consensus.trust import Evidence, Weighting
from quorate.engine.checked import evidence_of_run, learn, verdict_of
from quorate.model.feedback import CheckedRun, Voter


def voter(model: str, cluster: int | None = 0, **fields: Any) -> Voter:
    given: dict[str, Any] = {"branch": model, "vote": 1.0, "selected": False, **fields}
    return Voter(model=model, cluster=cluster, **given)


def run(*voters: Voter, said: dict[str, bool] | None = None, **fields: Any) -> CheckedRun:
    given: dict[str, Any] = {
        "run_id": "run_1",
        "tenant": "acme",
        "kind": "number",
        "weighting": "given",
        "score": 0.5,
        "verdicts": tuple((said if said is not None else {"": True}).items()),
        **fields,
    }
    return CheckedRun(voters=voters, **given)


#: `a` and `b` agree, `c` dissents, `d` abstained; the answer of `a` was the run's.
PANEL = (voter("a", selected=True), voter("b"), voter("c", 1), voter("d", None))


def right(checked: CheckedRun) -> dict[str, bool]:
    return {checked.voters[place].branch: said for place, said in verdict_of(checked).right.items()}


@pytest.mark.parametrize(
    ("said", "expected", "leader"),
    [
        ({"": True}, {"a": True, "b": True, "c": False}, True),
        ({"": False}, {"a": False, "b": False}, False),
        ({"c": True}, {"a": False, "b": False, "c": True}, False),
        ({"c": False}, {"c": False}, None),
        ({"b": True}, {"a": True, "b": True, "c": False}, True),
        ({"d": True}, {"d": True}, None),
        ({"": False, "c": True}, {"a": False, "b": False, "c": True}, False),
        ({"": True, "b": False}, {"a": True, "b": False}, None),
        ({}, {}, None),
    ],
)
def test_who_was_right(said: dict[str, bool], expected: dict[str, bool], leader: bool | None) -> None:
    checked = run(*PANEL, said=said)
    assert right(checked) == expected
    assert verdict_of(checked).leader is leader


def test_a_right_answer_from_a_smaller_cluster_makes_the_leader_wrong() -> None:
    checked = run(voter("a"), voter("b"), voter("c", 1, selected=True))
    assert right(checked) == {"a": False, "b": False, "c": True}
    assert verdict_of(checked).leader is False


def test_a_label_of_a_synthesis_tells_of_nobody() -> None:
    assert right(run(voter("a"), voter("b"))) == {}


def test_what_the_agreement_showed_is_known_again() -> None:
    checked = run(voter("a", vote=2.0), voter("b", vote=1.0), voter("c", 1, vote=0.5), voter("d", None, vote=0.5),
                  voter("gone", None, vote=None), score=0.75)  # fmt: skip
    assert evidence_of_run(checked, Kind.NUMBER) == Evidence(
        kind=Kind.NUMBER,
        panel_size=4,
        weighting=Weighting.GIVEN,
        share=0.75,
        runner_up=0.125,
        clusters=2,
        supporters=("a", "b"),
        panel=("a", "b", "c", "d"),
    )


def test_records_add_up_by_model_and_kind() -> None:
    learned = learn([run(*PANEL), run(*PANEL, said={"": False}), run(*PANEL, kind="choice"), run(*PANEL, kind=None)])
    records = {key: (record.right, record.total) for key, record in learned.records.items()}
    assert records == {
        ("a", Kind.NUMBER): (1, 2),
        ("b", Kind.NUMBER): (1, 2),
        ("c", Kind.NUMBER): (0, 1),
        ("a", Kind.CHOICE): (1, 1),
        ("b", Kind.CHOICE): (1, 1),
        ("c", Kind.CHOICE): (0, 1),
    }


def test_every_copy_of_a_model_counts() -> None:
    copies = (voter("a", branch="a#1", selected=True), voter("a", 1, branch="a#2"))
    record = learn([run(*copies)]).records["a", Kind.NUMBER]
    assert (record.right, record.total) == (1, 2)
