import math
import random
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.consensus.accuracy import LEAST_VOTE, MOST_VOTE, accuracy, vote_weight
from quorate.consensus.calibration import LEAST_LABELS, Calibration, Label, fit
from quorate.consensus.calibration_file import Source, decode_calibration, encode_calibration
from quorate.consensus.isotonic import isotonic
from quorate.consensus.kind import Kind
from quorate.consensus.logistic import dot, fit_logistic, logistic
from quorate.consensus.posterior import lead_probability, posterior
from quorate.consensus.trust import Evidence, TrackRecord, Weighting
from quorate.consensus.votes import Vote, votes
from quorate.core.errors import InvalidRequest

POINTS = st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=40)
SOURCE = Source(data="answers.jsonl", sha256="00", made_at="2026-01-01T00:00:00+00:00", prompts=7)


def evidence(share: float = 1.0, *, kind: Kind = Kind.NUMBER, size: int = 3, **fields: object) -> Evidence:
    panel = [f"m{number}" for number in range(size)]
    found = Evidence(
        kind=kind,
        panel_size=size,
        weighting=Weighting.EQUAL,
        share=share,
        runner_up=1 - share,
        clusters=1 if share == 1 else 2,
        supporters=panel[: max(round(share * size), 1)],
        panel=panel,
    )
    return replace(found, **fields)  # pyright: ignore[reportArgumentType] - fields of the evidence


def labels(count: int, right: int, share: float = 1.0, **fields: object) -> list[Label]:
    """So many labels of which the first so many are right."""
    return [Label(evidence=evidence(share, **fields), correct=number < right) for number in range(count)]  # pyright: ignore[reportArgumentType] - fields of the evidence


def crowd(count: int, accuracies: Sequence[float], seed: int = 3) -> list[Label]:
    """Panels of three of some models that answer right or wrong, by their accuracies."""
    rng = random.Random(seed)
    found: list[Label] = []
    for _ in range(count):
        chosen = rng.sample(range(len(accuracies)), 3)
        right = {f"m{number}": rng.random() < accuracies[number] for number in chosen}
        correct = sum(right.values()) >= 2
        supporters = [model for model, ok in right.items() if ok is correct]
        share = len(supporters) / 3
        seen = evidence(share, supporters=supporters, panel=list(right), clusters=1 if share == 1 else 2)
        found.append(Label(evidence=seen, correct=correct, right=right))
    return found


@given(POINTS)
def test_a_curve_rises_and_is_never_certain(points: list[tuple[float, bool]]) -> None:
    curve = isotonic(points)
    values = [curve.at(step / 50) for step in range(-5, 56)]
    assert all(low <= high + 1e-12 for low, high in pairwise(values))
    assert all(0 < value < 1 for value in values)


@given(POINTS)
def test_a_curve_keeps_the_mean(points: list[tuple[float, bool]]) -> None:
    mean = sum(right for _, right in points) / len(points)
    fitted = sum(isotonic(points).at(score) for score, _ in points) / len(points)
    assert abs(fitted - mean) <= 1 / (len(points) + 2) + 1e-9


def test_violators_are_pooled() -> None:
    points = [(0.2, False)] * 50 + [(0.4, True)] * 30 + [(0.4, False)] * 20 + [(0.6, True)] * 20 + [(0.6, False)] * 30
    curve = isotonic([*points, *[(1.0, True)] * 50])
    assert curve.at(0.4) == curve.at(0.5) == curve.at(0.6) == pytest.approx(0.5)
    assert curve.at(0.2) == pytest.approx(1 / 202)
    assert curve.at(1.0) == pytest.approx(1 - 1 / 202)
    assert curve.at(0.8) == pytest.approx((0.5 + 1 - 1 / 202) / 2)


def test_a_logistic_regression_finds_the_weights_that_made_the_data() -> None:
    rng = random.Random(1)
    rows = [(1.0, rng.uniform(-2, 2), rng.uniform(-2, 2)) for _ in range(4000)]
    right = [rng.random() < logistic(dot((0.5, 2.0, -1.0), row)) for row in rows]
    assert fit_logistic(rows, right) == pytest.approx((0.5, 2.0, -1.0), abs=0.2)


def test_a_logistic_regression_survives_what_separates_perfectly_and_what_never_varies() -> None:
    rows = [(1.0, 1.0, step / 10) for step in range(-20, 21)]
    weights = fit_logistic(rows, [row[2] > 0 for row in rows])
    assert all(math.isfinite(weight) for weight in weights)
    assert logistic(dot(weights, (1.0, 1.0, 2.0))) > 0.9


def test_the_rarely_right_vote_little_and_the_unknown_in_between() -> None:
    good, bad = TrackRecord(right=95, total=100), TrackRecord(right=10, total=100)
    assert vote_weight(bad) == LEAST_VOTE < vote_weight(None) < vote_weight(good) < MOST_VOTE
    assert vote_weight(TrackRecord(right=10**9, total=10**9)) == MOST_VOTE


def test_one_right_answer_proves_little() -> None:
    assert accuracy(TrackRecord(right=1, total=1)) < 0.7 < accuracy(TrackRecord(right=99, total=100))


def test_votes_of_a_family_count_less_and_less() -> None:
    assert votes([Vote(2.0, "a"), Vote(3.0, "a"), Vote(3.0, "b")]) == [3.0, 3.0, 1.0]
    assert votes([Vote(1.0, "")] * 3) == [1.0] * 3


@given(st.lists(st.tuples(st.floats(0, 5), st.sampled_from(["a", "b", ""])), max_size=8), st.floats(0, 5))
def test_one_more_supporter_never_takes_weight_away(cast: list[tuple[float, str]], more: float) -> None:
    before = [Vote(weight, family) for weight, family in cast]
    assert sum(votes([*before, Vote(more, "a")])) >= sum(votes(before)) - 1e-9


def test_a_posterior_follows_those_who_are_usually_right() -> None:
    strong, weak = (0.95, ""), (0.4, "")
    assert posterior([[strong], [weak, weak]]) > 0.8
    assert posterior([[weak, weak], [strong]]) < 0.2
    assert posterior([[strong, strong]]) > posterior([[strong]])
    assert posterior([[(0.95, "x"), (0.95, "x")]]) < posterior([[(0.95, "x"), (0.95, "y")]])


def test_the_odds_of_a_lead_are_those_of_a_beta_distribution() -> None:
    assert lead_probability(3, 0) == pytest.approx(15 / 16)
    assert lead_probability(4, 0) == pytest.approx(31 / 32)
    assert lead_probability(2, 2) == pytest.approx(0.5)


def test_a_share_becomes_how_often_it_was_right() -> None:
    learned = fit([*labels(100, 90), *labels(100, 40, 2 / 3)])
    assert learned.confidence(evidence(1.0)) == pytest.approx(0.9)
    assert learned.confidence(evidence(2 / 3)) == pytest.approx(0.4)


def test_too_few_labels_say_nothing() -> None:
    assert fit([]).confidence(evidence()) is None
    assert fit(labels(LEAST_LABELS - 1, 50)).confidence(evidence()) is None
    assert fit(labels(LEAST_LABELS, 50)).confidence(evidence()) == pytest.approx(0.5)


def test_labels_of_one_question_count_as_one() -> None:
    same = [replace(label, question="why?") for label in labels(5 * LEAST_LABELS, 50)]
    assert fit(same).confidence(evidence()) is None


def test_a_size_without_labels_is_judged_by_its_kind() -> None:
    learned = fit([*labels(150, 120), *labels(20, 0, size=5)])
    assert learned.confidence(evidence(size=5)) == pytest.approx(120 / 170)
    assert learned.confidence(evidence(size=4)) == pytest.approx(120 / 170)


def test_a_kind_without_labels_is_judged_by_a_mixture_only() -> None:
    mixed = fit([*labels(90, 60), *labels(60, 30, kind=Kind.CHOICE)])
    assert mixed.confidence(evidence(kind=Kind.BOOLEAN)) == pytest.approx(90 / 150)
    sums = fit([*labels(500, 400), *labels(20, 10, kind=Kind.CHOICE)])
    assert sums.confidence(evidence()) == pytest.approx(0.8)
    assert sums.confidence(evidence(kind=Kind.PROSE)) is None


def test_votes_of_another_origin_are_another_matter() -> None:
    learned = fit(labels(200, 150))
    assert learned.confidence(evidence(weighting=Weighting.GIVEN)) is None


def test_who_agrees_matters_once_track_records_are_known() -> None:
    learned = fit(crowd(3000, [0.95, 0.9, 0.3, 0.3, 0.3]))
    panel = ["m0", "m2", "m3"]
    strong = learned.confidence(evidence(2 / 3, supporters=["m0", "m2"], panel=panel))
    weak = learned.confidence(evidence(2 / 3, supporters=["m2", "m3"], panel=panel))
    assert strong is not None
    assert weak is not None
    assert strong > 0.9
    assert weak < 0.3
    assert learned.track_record("m9", Kind.NUMBER) is None


def test_a_panel_with_a_stranger_is_judged_by_its_share() -> None:
    found = crowd(3000, [0.95, 0.9, 0.3, 0.3, 0.3])
    learned = fit(found)
    stranger = evidence(2 / 3, supporters=["m0", "new"], panel=["m0", "new", "m3"])
    by_share = Calibration(cells=learned.cells, records={}).confidence(stranger)
    assert learned.confidence(stranger) == by_share
    right = [label.correct for label in found if round(label.evidence.share, 3) == 0.667]
    assert by_share == pytest.approx(sum(right) / len(right), abs=1e-6)


def test_the_order_of_labels_changes_nothing() -> None:
    found = crowd(600, [0.9, 0.7, 0.6, 0.4])
    shuffled = random.Random(2).sample(found, len(found))
    seen = evidence(2 / 3, supporters=["m0", "m1"], panel=["m0", "m1", "m3"])
    assert fit(found).confidence(seen) == pytest.approx(fit(shuffled).confidence(seen), abs=1e-6)


def test_what_nobody_answered_has_no_confidence() -> None:
    assert fit(labels(200, 150)).confidence(evidence(supporters=[])) is None


def test_a_file_gives_back_what_was_written() -> None:
    learned = fit(crowd(600, [0.9, 0.7, 0.6, 0.4]))
    data = encode_calibration(learned, SOURCE)
    again, source = decode_calibration(data, "c.json")
    assert (again, source) == (learned, SOURCE)
    assert encode_calibration(again, source) == data


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda text: text.replace('"version": 1', '"version": 9'), "format version 9, this release reads 1"),
        (lambda text: text[:-40], "no calibration"),
        (lambda text: text.replace('"source"', '"sauce"'), "missing required field `source`"),
        (lambda text: text.replace('"number"', '"colour"'), "Invalid enum value 'colour'"),
        (lambda _: "[]", "no calibration"),
        (lambda _: "\ud800", "no calibration"),
    ],
)
def test_a_bad_file_is_refused_with_its_name_and_what_to_do(change: object, expected: str) -> None:
    assert callable(change)
    text = str(change(encode_calibration(fit(labels(200, 150)), SOURCE).decode()))
    with pytest.raises(InvalidRequest, match=expected) as caught:
        decode_calibration(text.encode("utf-8", "surrogatepass"), "c.json")
    assert str(caught.value).startswith("c.json: ")
    assert "quorate calibrate consensus" in str(caught.value)


@pytest.mark.parametrize("curve", ['{"scores":[1,0],"values":[0.1,0.2]}', '{"scores":[0,1],"values":[0.2,0.1]}'])
def test_a_curve_that_falls_is_refused(curve: str) -> None:
    cell = f'{{"weighting":"equal","kind":"number","labels":200,"right":100,"by_share":{curve}}}'
    source = '{"data":"d","sha256":"","made_at":"","prompts":1}'
    text = f'{{"version":1,"source":{source},"records":[],"cells":[{cell}]}}'
    with pytest.raises(InvalidRequest, match="does not rise"):
        decode_calibration(text.encode(), "c.json")
