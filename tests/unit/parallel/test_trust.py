"""Learned votes, confidence and the forms of early stopping, with what is known of models made up."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from plans import CAPITAL, after, models, plan, virtual_call
from quorate.consensus.kind import Kind
from quorate.consensus.trust import NO_TRUST, Evidence, TrackRecord, Trust, Weighting
from quorate.model import Model
from quorate.parallel.ensemble import Ensemble
from quorate.parallel.plan import Member, Mode, Plan, Score, Select, StopForm
from quorate.parallel.resources import Resources
from quorate.parallel.result import Result
from quorate.parallel.stop import Stopped, min_models
from quorate.testing import run_virtual
from quorate.wire.chat import user_request


@dataclass(slots=True)
class Known:
    """A live trust: some records, one confidence for everything, and the evidence it was asked about."""

    right: Mapping[str, float]
    sure: float | None = None
    asked: list[Evidence] = field(default_factory=list[Evidence])

    @property
    def informed(self) -> bool:
        return True

    def track_record(self, model: str, kind: Kind) -> TrackRecord | None:
        del kind
        share = self.right.get(model)
        return None if share is None else TrackRecord(right=1000 * share, total=1000)

    def confidence(self, evidence: Evidence) -> float | None:
        self.asked.append(evidence)
        return self.sure


def ask(
    named: Mapping[str, Model], trust: Trust = NO_TRUST, vendors: Mapping[str, str] | None = None, **fields: Any
) -> Result:
    whose = vendors or {}
    resources = Resources(resolve=named.__getitem__, trust=trust, vendor=lambda name: whose.get(name, name))
    panel = Ensemble(name="panel", plan=plan(named, **fields), resources=resources)

    async def run() -> Result:
        return await panel.run(user_request(CAPITAL), virtual_call())

    return run_virtual(run())


STRONG = {"a": 0.97, "b": 0.4, "c": 0.4}


def test_learned_votes_let_one_that_knows_outvote_two_that_do_not() -> None:
    named = models(a="Paris", b="Lyon", c="Lyon")
    assert ask(named, Known(STRONG)).answer == "Lyon"
    result = ask(named, Known(STRONG), weighting=Weighting.LEARNED)
    assert result.answer == "Paris"
    assert result.agreement is not None
    assert result.agreement.weighting is Weighting.LEARNED
    assert result.agreement.dissent == ("Lyon",)
    assert result.warnings == ()


def test_without_track_records_the_given_weights_count_and_a_warning_says_so() -> None:
    named = models(a="Paris", b="Lyon", c="Lyon")
    members = (Member(model="a", weight=3.0), Member(model="b"), Member(model="c"))
    result = ask(named, members=members, weighting=Weighting.LEARNED)
    assert result.answer == "Paris"
    assert result.agreement is not None
    assert result.agreement.weighting is Weighting.GIVEN
    expected = "no model has a track record in answers of kind short: the members' given weights counted"
    assert [warning.startswith(expected) for warning in result.warnings] == [True]


def test_equal_votes_ignore_the_weights() -> None:
    members = (Member(model="a", weight=3.0), Member(model="b"), Member(model="c"))
    result = ask(models(a="Paris", b="Lyon", c="Lyon"), members=members, weighting=Weighting.EQUAL)
    assert result.answer == "Lyon"
    assert result.agreement is not None
    assert result.agreement.score == pytest.approx(2 / 3)
    assert result.agreement.weighting is Weighting.EQUAL


def test_models_of_one_vendor_that_agree_are_heard_less() -> None:
    named = models(a="Lyon", b="Lyon", c="Paris")
    known = Known({"a": 0.7, "b": 0.7, "c": 0.88})
    assert ask(named, known, weighting=Weighting.LEARNED).answer == "Lyon"
    alike = ask(named, known, {"a": "maker", "b": "maker"}, weighting=Weighting.LEARNED)
    assert alike.answer == "Paris"


def test_copies_of_one_model_still_outvote_a_copy() -> None:
    named = models(a="Paris", b="Lyon")
    members = (Member(model="a", count=3), Member(model="b"))
    assert ask(named, Known({"a": 0.7, "b": 0.7}), members=members, weighting=Weighting.LEARNED).answer == "Paris"


def test_selectors_go_by_the_votes_that_counted() -> None:
    result = ask(
        models(a="Paris", b="Lyon"),
        Known({"a": 0.4, "b": 0.9}),
        members=(Member(model="a", weight=9.0), Member(model="b")),
        weighting=Weighting.LEARNED,
        select=Select.BEST,
        score=Score.WEIGHT,
    )
    assert result.chosen == "b"


def test_a_confidence_is_that_of_the_evidence() -> None:
    known = Known({}, sure=0.83)
    result = ask(models(a="Paris", b="Paris", c="Lyon", d="I can't help with that."), known)
    agreement = result.agreement
    assert agreement is not None
    assert (agreement.calibrated, agreement.confidence) == (True, 0.83)
    assert result.to_dict()["agreement"]["confidence"] == 0.83
    assert agreement.explain()["confidence"] == 0.83
    seen = known.asked[-1]
    assert (seen.kind, seen.panel_size, seen.clusters, seen.weighting) == (Kind.SHORT, 4, 2, Weighting.EQUAL)
    assert (seen.share, seen.runner_up) == (0.5, 0.25)
    assert (seen.supporters, seen.panel) == (("a", "b"), ("a", "b", "c", "d"))


def test_a_panel_that_refuses_has_no_confidence() -> None:
    refusal = "I'm sorry, but I can't help with that."
    result = ask(models(a=refusal, b=refusal), Known({}, sure=0.9))
    assert result.agreement is not None
    assert (result.agreement.method, result.agreement.confidence) == ("refusal", None)


def five(*texts: str) -> dict[str, Any]:
    return models(**{name: after(at + 1.0, text) for at, (name, text) in enumerate(zip("abcde", texts, strict=True))})


@pytest.mark.parametrize(
    ("form", "texts", "answered", "stopped"),
    [
        (StopForm.SHARE, ["Paris"] * 5, 3, Stopped.AGREEMENT),
        (StopForm.SHARE, ["Paris", "Lyon", "Paris", "Paris", "Nice"], 4, Stopped.AGREEMENT),
        (StopForm.LEAD, ["Paris"] * 5, 3, Stopped.CANNOT_BE_OVERTAKEN),
        (StopForm.LEAD, ["Paris", "Lyon", "Paris", "Paris", "Paris"], 4, Stopped.CANNOT_BE_OVERTAKEN),
        (StopForm.POSTERIOR, ["Paris"] * 5, 2, Stopped.POSTERIOR),
        (StopForm.BETA, ["Paris"] * 5, 3, Stopped.CANNOT_BE_OVERTAKEN),
    ],
)
def test_each_form_stops_a_quorum_in_its_way(form: StopForm, texts: list[str], answered: int, stopped: Stopped) -> None:
    known = Known(dict.fromkeys("abcde", 0.9))
    result = ask(five(*texts), known, mode=Mode.QUORUM, stop=form)
    assert (result.stopped, sum(outcome.ok for outcome in result.branches)) == (stopped, answered)
    assert result.answer == "Paris"


def test_the_odds_of_a_lead_end_a_large_quorum() -> None:
    named = models(**{name: after(at + 1.0) for at, name in enumerate("abcdefghijkl")})
    result = ask(named, mode=Mode.QUORUM, stop=StopForm.BETA)
    assert (result.stopped, sum(outcome.ok for outcome in result.branches)) == (Stopped.BETA, 4)


def test_a_posterior_waits_while_weak_models_agree() -> None:
    result = ask(five(*["Paris"] * 5), Known(dict.fromkeys("abcde", 0.35)), mode=Mode.QUORUM, stop=StopForm.POSTERIOR)
    assert result.stopped is Stopped.CANNOT_BE_OVERTAKEN


def test_a_posterior_without_track_records_goes_by_the_share_and_says_so() -> None:
    result = ask(five(*["Paris"] * 5), mode=Mode.QUORUM, stop=StopForm.POSTERIOR)
    assert result.stopped is Stopped.AGREEMENT
    assert any("the share of votes decided when to stop" in warning for warning in result.warnings)


@pytest.mark.parametrize(
    ("branches", "form", "needed"),
    [
        (1, StopForm.SHARE, 1),
        (2, StopForm.SHARE, 2),
        (3, StopForm.SHARE, 2),
        (4, StopForm.SHARE, 3),
        (12, StopForm.SHARE, 3),
        (12, StopForm.POSTERIOR, 2),
        (12, StopForm.BETA, 2),
    ],
)
def test_a_quorum_waits_for_three_or_two(branches: int, form: StopForm, needed: int) -> None:
    quorum = Plan(members=(Member(model="m", count=branches),), mode=Mode.QUORUM, stop=form)
    assert min_models(quorum, branches) == needed


def test_two_cheap_models_may_settle_what_two_dear_ones_need_not_see() -> None:
    members = (Member(model="cheap", count=2), Member(model="dear", count=2, group=1))
    assert min_models(Plan(members=members, mode=Mode.QUORUM), 4) == 2
