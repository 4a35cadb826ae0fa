"""What is known for a tenant: the calibration file, and labels where there are enough of them."""

import pytest

from quorate.consensus import Kind
from quorate.consensus.calibration import LEAST_LABELS, Calibration, Label, fit
from quorate.consensus.trust import NO_TRUST, Evidence, TrackRecord, Weighting
from quorate.engine.label_follower import LabelFollower
from quorate.engine.learned_trust import LearnedTrust, LearnFrom
from quorate.model.feedback import CheckedRun, Voter
from quorate.parallel.resources import Resources
from quorate.storage.scope import Scope
from quorate.testing import ScriptedModel


def runs(count: int, *, tenant: str = "acme", correct: bool = True, start: int = 0) -> list[CheckedRun]:
    """Runs in which `a` and `b` agreed against `c`, all labelled the same."""
    voters = tuple(
        Voter(branch=model, model=model, cluster=cluster, vote=1.0, selected=model == "a")
        for model, cluster in (("a", 0), ("b", 0), ("c", 1))
    )
    return [
        CheckedRun(run_id=f"run_{start + i}", tenant=tenant, kind="number", weighting="given", score=2 / 3,
                   voters=voters, verdicts=(("", correct),))
        for i in range(count)
    ]  # fmt: skip


SHOWN = Evidence(
    kind=Kind.NUMBER,
    panel_size=3,
    weighting=Weighting.GIVEN,
    share=2 / 3,
    runner_up=1 / 3,
    clusters=2,
    supporters=("a", "b"),
    panel=("a", "b", "c"),
)
#: A file that says that such an agreement is right half the time, and of `a` and `z` how often they are.
FILE = Calibration(
    cells=fit([Label(evidence=SHOWN, correct=i % 2 == 0) for i in range(200)]).cells,
    records={
        ("a", Kind.NUMBER): TrackRecord(right=300, total=1000),
        ("z", Kind.NUMBER): TrackRecord(right=700, total=1000),
    },
)


def test_below_a_hundred_labels_nothing_changes() -> None:
    trust = LearnedTrust(FILE)
    trust.learn_from(runs(LEAST_LABELS - 1))
    of = trust.for_tenant("acme")
    assert of.track_record("a", Kind.NUMBER) == TrackRecord(right=300, total=1000)
    assert of.track_record("b", Kind.NUMBER) is None
    assert of.confidence(SHOWN) == pytest.approx(0.5, abs=0.02)
    without_file = LearnedTrust()
    without_file.learn_from(runs(LEAST_LABELS - 1))
    assert without_file.for_tenant("acme").confidence(SHOWN) is None


def test_from_a_hundred_on_labels_override_the_file_where_they_speak() -> None:
    trust = LearnedTrust(FILE)
    trust.learn_from(runs(LEAST_LABELS))
    of = trust.for_tenant("acme")
    assert of.track_record("a", Kind.NUMBER) == TrackRecord(right=100, total=100)
    assert of.track_record("c", Kind.NUMBER) == TrackRecord(right=0, total=100)
    assert of.track_record("z", Kind.NUMBER) == TrackRecord(right=700, total=1000)
    confidence = of.confidence(SHOWN)
    assert confidence is not None
    assert confidence > 0.9


def test_a_tenant_learns_from_its_own_labels() -> None:
    trust = LearnedTrust()
    trust.learn_from([*runs(LEAST_LABELS), *runs(LEAST_LABELS, tenant="other", correct=False)])
    assert trust.for_tenant("acme").track_record("a", Kind.NUMBER) == TrackRecord(right=100, total=100)
    assert trust.for_tenant("other").track_record("a", Kind.NUMBER) == TrackRecord(right=0, total=100)
    assert trust.for_tenant("third").track_record("a", Kind.NUMBER) is None
    assert trust.track_record("a", Kind.NUMBER) is None


def test_all_tenants_may_learn_together_or_nobody() -> None:
    both = [*runs(50), *runs(50, tenant="other", correct=False)]
    pooled, off = LearnedTrust(learn_from=LearnFrom.ALL), LearnedTrust(learn_from=LearnFrom.OFF)
    for trust in (pooled, off):
        trust.learn_from(both)
    assert pooled.for_tenant("third").track_record("a", Kind.NUMBER) == TrackRecord(right=50, total=100)
    assert off.for_tenant("acme").track_record("a", Kind.NUMBER) is None


def test_records_show_what_is_used_and_what_is_not_yet() -> None:
    trust = LearnedTrust(FILE)
    trust.learn_from(runs(3))
    shown = [(each.model, each.right, each.total, each.used) for each in trust.records("acme")]
    assert shown == [("a", 300, 1000, True), ("b", 3, 3, False), ("c", 0, 3, False), ("z", 700, 1000, True)]
    assert [each.model for each in trust.records("other")] == ["a", "z"]


def test_a_question_works_with_what_is_known_for_its_tenant() -> None:
    trust = LearnedTrust()
    trust.learn_from(runs(LEAST_LABELS))
    resources = Resources(resolve=lambda name: ScriptedModel(name, ""), trust=trust)
    assert resources.for_tenant("acme").trust.track_record("a", Kind.NUMBER) == TrackRecord(right=100, total=100)
    assert resources.for_tenant("other").trust.track_record("a", Kind.NUMBER) is None
    plain = Resources(resolve=resources.resolve, trust=NO_TRUST)
    assert plain.for_tenant("acme") is plain


class LabelList:
    """Labels in memory; `read` counts how often they were read, and `away` makes reading fail."""

    def __init__(self) -> None:
        self.runs: list[CheckedRun] = []
        self.number = 0
        self.read = 0
        self.away = False

    def generation(self) -> int:
        if self.away:
            raise OSError("the database is away")
        return self.number

    def checked_runs(self, scope: Scope, /) -> list[CheckedRun]:
        del scope
        self.read += 1
        return self.runs


def test_labels_are_read_when_there_are_new_ones() -> None:
    trust, labels = LearnedTrust(), LabelList()
    follower = LabelFollower(trust, labels)
    assert [follower.look(), follower.look()] == [True, False]
    labels.runs, labels.number = runs(LEAST_LABELS), 1
    assert follower.look()
    assert labels.read == 2
    assert trust.for_tenant("acme").track_record("a", Kind.NUMBER) is not None


def test_what_was_learned_holds_while_the_database_is_away() -> None:
    trust, labels = LearnedTrust(), LabelList()
    labels.runs = runs(LEAST_LABELS)
    follower = LabelFollower(trust, labels)
    follower.look()
    labels.away = True
    with pytest.raises(OSError, match="away"):
        follower.look()
    assert trust.for_tenant("acme").track_record("a", Kind.NUMBER) is not None
    labels.away, labels.runs, labels.number = False, [], 2
    follower.look()
    assert trust.for_tenant("acme").track_record("a", Kind.NUMBER) is None
