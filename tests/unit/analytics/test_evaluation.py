import json
import random
from collections.abc import Iterator, Sequence

import pytest
from msgspec import structs

from quorate.analytics.evaluation import evaluate_consensus
from quorate.analytics.report import ConsensusReport, Spread
from quorate.analytics.text import render_text
from quorate.consensus import Kind
from quorate.core.errors import InvalidRequest
from quorate.providers.recorded import RecordedAnswer, RecordedFailure, Recording


def recording(
    number: int, texts: Sequence[str], *, truth: str = "4", track: str = "sums", task: str = "", cost: int | None = None
) -> Recording:
    answers = tuple(
        RecordedAnswer(model=f"m{at}", text=text, cost_microusd=None if cost is None else cost * (at + 1))
        for at, text in enumerate(texts)
    )
    return Recording(
        track=track, task=task, prompt_id=str(number), prompt="How many legs?", truth=truth, answers=answers
    )


def crowd(count: int, accuracies: Sequence[float], *, seed: int = 7) -> Iterator[Recording]:
    """Models that are right with known probabilities, wrong in different ways, as simulated here."""
    rng = random.Random(seed)
    for number in range(count):
        texts = ["4" if rng.random() < each else str(rng.randint(5, 9)) for each in accuracies]
        yield recording(number, texts, task=("easy", "hard")[number % 2], cost=10)


def test_figures_of_a_small_case_are_exact() -> None:
    recordings = [
        recording(1, ["4", "4", "It is 5"]),
        recording(2, ["4", "The answer is 4.", "4.0"]),
        recording(3, ["7", "7", "4"]),
    ]
    report = evaluate_consensus(recordings, panel_size=3, draws=2)
    assert report.kinds == {"number": 3}
    assert [(each.model, each.accuracy.value) for each in report.models] == [
        ("m0", pytest.approx(2 / 3)),
        ("m1", pytest.approx(2 / 3)),
        ("m2", pytest.approx(2 / 3)),
    ]
    total = report.total
    assert (total.prompts, total.panels) == (3, 6)
    assert total.full_vote.value == pytest.approx(2 / 3)
    assert total.selection.value == pytest.approx(2 / 3)
    assert total.mean_member.value == pytest.approx(6 / 9)
    assert total.any_member.value == 1.0
    assert total.covered == pytest.approx(1 / 3)
    assert total.accuracy_covered is not None
    assert total.accuracy_covered.value == 1.0
    assert total.auc is not None
    assert total.auc.value == pytest.approx(0.75)  # scores 2/3 and 1 right, 2/3 wrong: one win, one tie
    assert [(each.panels, each.accuracy.value) for each in report.bins] == [(4, 0.5), (2, 1.0)]
    assert report.quorum == 2


def test_recorded_flags_come_before_the_truth() -> None:
    answers = (RecordedAnswer(model="a", text="4", correct=False), RecordedAnswer(model="b", text="5", correct=True))
    flagged = Recording(track="t", task="", prompt_id="1", prompt="How many?", truth="", answers=answers)
    report = evaluate_consensus([flagged], panel_size=2)
    assert {each.model: each.accuracy.value for each in report.models} == {"a": 0.0, "b": 1.0}


@pytest.mark.parametrize(
    ("prompt", "truth", "right", "wrong"),
    [
        ("Which?\nA. red\nB. blue", "B", "The answer is (B)", "A"),
        ("How many?", "# 1,200", "It costs $1200.00", "1300"),
        ("Is it so?", "yes", "Yes, because it is.", "No."),
        ("Give it.", '{"a": 1}', '{"a": 1.0}', '{"a": 2}'),
        ("What does it print?", "[1, 2]", "[1,2]", "[2, 1]"),
        ("Which town?", "Paris", "It is Paris.", "It is Lyon."),
    ],
)
def test_truth_is_compared_by_its_kind(prompt: str, truth: str, right: str, wrong: str) -> None:
    answers = (RecordedAnswer(model="a", text=right), RecordedAnswer(model="b", text=wrong))
    one = Recording(track="t", task="", prompt_id="1", prompt=prompt, truth=truth, answers=answers)
    report = evaluate_consensus([one], panel_size=2)
    assert {each.model: each.accuracy.value for each in report.models} == {"a": 1.0, "b": 0.0}


def test_agreement_of_independent_models_tells_right_from_wrong_and_votes_beat_members() -> None:
    report = evaluate_consensus(crowd(300, [0.6] * 7), panel_size=5, draws=3, seed=1)
    total = report.total
    assert total.selection.value > total.mean_member.value + 0.1
    assert total.full_vote.value > total.selection.value
    assert total.auc is not None
    assert total.auc.low > 0.75
    assert total.auc.low <= total.auc.value <= total.auc.high
    assert [each.mean_score for each in report.bins] == [0.2, 0.4, 0.6, 0.8, 1.0]
    assert report.bins[-1].accuracy.low > report.bins[1].accuracy.high
    assert {(group.task, group.prompts) for group in report.tasks} == {("easy", 150), ("hard", 150)}


def test_stopping_early_saves_calls_and_money() -> None:
    report = evaluate_consensus(crowd(200, [0.95] * 7), panel_size=5, draws=2)
    stop = report.total.early_stop
    assert 3.0 <= stop.mean_calls < 3.5
    assert stop.relative_calls == pytest.approx(stop.mean_calls / 5)
    assert stop.cost_microusd is not None
    assert stop.full_cost_microusd is not None
    assert stop.cost_microusd < 0.75 * stop.full_cost_microusd
    assert stop.accuracy.value == pytest.approx(report.total.selection.value, abs=0.02)


def test_stopping_early_never_changes_a_leader_that_cannot_be_overtaken() -> None:
    threshold_out_of_reach = evaluate_consensus(crowd(150, [0.5] * 5), panel_size=5, threshold=1.0, seed=3)
    stop = threshold_out_of_reach.total.early_stop
    assert stop.mean_calls < 5
    assert stop.accuracy.value == threshold_out_of_reach.total.selection.value


def test_the_same_seed_gives_the_same_report_in_any_order_of_the_file() -> None:
    recordings = list(crowd(40, [0.7, 0.5, 0.4, 0.6, 0.9, 0.3]))
    report = evaluate_consensus(recordings, seed=5)
    assert evaluate_consensus(recordings, seed=5) == report
    other = evaluate_consensus(recordings[::-1], seed=5)
    assert other.models == report.models
    assert other.bins == report.bins
    assert evaluate_consensus(recordings, seed=6) != report


def test_unusable_recordings_are_counted_and_limit_and_progress_count_all() -> None:
    recordings = [recording(1, ["4"]), recording(2, ["4", "5"], truth=" "), *crowd(10, [0.5, 0.5])]
    seen: list[int] = []
    report = evaluate_consensus(recordings, panel_size=2, limit=6, progress=seen.append)
    assert seen == [1, 2, 3, 4, 5, 6]
    assert (report.prompts, report.skipped) == (4, 2)


def test_nothing_usable_is_an_error() -> None:
    with pytest.raises(InvalidRequest, match="none of the 1 recordings"):
        evaluate_consensus([recording(1, ["4"])])
    with pytest.raises(InvalidRequest, match="none of the 0 recordings"):
        evaluate_consensus([])


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        ({"panel_size": 1}, "panel_size"),
        ({"draws": 0}, "draws"),
        ({"threshold": 0.0}, "threshold"),
        ({"limit": 0}, "limit"),
        ({"jobs": 0}, "jobs"),
    ],
)
def test_parameters_out_of_range_are_refused(wrong: dict[str, int], name: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        evaluate_consensus([recording(1, ["4", "4"])], **wrong)  # pyright: ignore[reportArgumentType]  # on purpose
    assert caught.value.param == name


def test_all_right_has_no_auc() -> None:
    report = evaluate_consensus([recording(number, ["4", "4"]) for number in range(3)], panel_size=2)
    assert report.total.auc is None
    assert report.total.early_stop.cost_microusd is None
    assert "-" in render_text(report)


def test_many_levels_of_agreement_are_put_into_ten_bins() -> None:
    report = evaluate_consensus(crowd(120, [0.5] * 15), panel_size=14, draws=2)
    assert len(report.bins) <= 10
    assert sum(each.panels for each in report.bins) == report.total.panels
    assert all(each.low <= each.mean_score <= each.high for each in report.bins)


@pytest.fixture(scope="module")
def report() -> ConsensusReport:
    return evaluate_consensus(crowd(60, [0.9, 0.7, 0.5, 0.6, 0.4]), draws=2)


def test_the_report_is_json(report: ConsensusReport) -> None:
    data = json.loads(json.dumps(report.to_dict()))
    assert data["total"]["prompts"] == 60
    assert len(data["models"]) == 5


def test_the_text_names_what_was_measured(report: ConsensusReport) -> None:
    text = render_text(report)
    assert "60 prompts" in text
    assert "sums" in text
    assert "hard" in text
    assert "no proof" in text
    assert max(map(len, text.splitlines())) <= 125


def test_a_prompt_asked_again_is_one_prompt_and_gets_other_panels() -> None:
    once = list(crowd(30, [0.6, 0.5, 0.4, 0.7, 0.6, 0.5]))
    again = [structs.replace(each, repeat=repeat) for repeat in range(4) for each in once]
    one, four = evaluate_consensus(once), evaluate_consensus(again)
    assert (four.prompts, four.recordings, four.total.prompts) == (30, 120, 30)
    assert four.total.full_vote == one.total.full_vote
    assert [each.accuracy for each in four.models] == [each.accuracy for each in one.models]
    assert four.total.selection != one.total.selection
    assert max(each.accuracy.count for each in four.bins) <= 30


def test_answers_arrive_in_the_order_of_their_latencies() -> None:
    slow_and_wrong = [("5", 0.9), ("4", 0.1), ("4", 0.3), ("4", 0.2), ("5", 0.8)]
    answers = tuple(
        RecordedAnswer(model=f"m{at}", text=text, latency_s=latency_s, cost_microusd=10)
        for at, (text, latency_s) in enumerate(slow_and_wrong)
    )
    one = Recording(track="t", task="", prompt_id="1", prompt="How many legs?", truth="4", answers=answers)
    report = evaluate_consensus([one])
    stop = report.total.early_stop
    assert report.arrival == "recorded"
    assert (stop.mean_calls, stop.cost_microusd, stop.full_cost_microusd) == (3.0, 30.0, 50.0)
    assert (stop.latency, stop.full_latency) == (Spread(median_s=0.3, p95_s=0.3), Spread(median_s=0.9, p95_s=0.9))
    unknown = structs.replace(one, answers=(structs.replace(answers[0], latency_s=None), *answers[1:]))
    assert evaluate_consensus([unknown]).arrival == "random"
    assert evaluate_consensus([unknown]).total.early_stop.latency is None
    assert evaluate_consensus([one, structs.replace(unknown, prompt_id="2")]).arrival == "mixed"


def test_a_recorded_kind_is_the_kind() -> None:
    found = evaluate_consensus([structs.replace(recording(1, ["4", "4.0"]), kind=Kind.SHORT)], panel_size=2)
    assert found.kinds == {"short": 1}


def test_failures_and_simulated_models_are_told() -> None:
    failed = structs.replace(
        recording(1, ["4", "4", "5"]), failures=(RecordedFailure(model="m9"), RecordedFailure(model="m0"))
    )
    answers = (structs.replace(failed.answers[0], simulated=True), *failed.answers[1:])
    report = evaluate_consensus([structs.replace(failed, answers=answers)], panel_size=2)
    assert (report.failures, report.simulated) == (2, ("m0",))
    assert {each.model: (each.failures, each.simulated) for each in report.models} == {
        "m0": (1, True),
        "m1": (0, False),
        "m2": (0, False),
    }
    assert "SIMULATED models, so the figures say nothing about real ones: m0" in render_text(report)


def test_any_number_of_processes_gives_the_same_report() -> None:
    recordings = list(crowd(200, [0.7, 0.5, 0.4, 0.6]))
    seen: list[int] = []
    assert evaluate_consensus(recordings, jobs=2, progress=seen.append) == evaluate_consensus(recordings)
    assert seen == sorted(seen)
    assert seen[-1] == 200


def test_a_mistake_in_the_data_ends_all_processes_with_its_error() -> None:
    def broken() -> Iterator[Recording]:
        yield from crowd(200, [0.7, 0.5])
        raise InvalidRequest("line 201")

    with pytest.raises(InvalidRequest, match="line 201"):
        evaluate_consensus(broken(), jobs=2)
