"""Acceptance of track records and calibration on real recorded answers; the figures are printed and bounded.

Everything is learned from one half of the prompts, by a hash of their text, and judged on the other. The data are not
part of the project: QUORATE_DATA names their folder, without it the tests skip.
"""

import gzip
import hashlib
import json
import os
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import cast

import pytest

from quorate.analytics.evaluation import evaluate_consensus
from quorate.analytics.report import ConsensusReport, ScoreFigures, StopFigures
from quorate.consensus.accuracy import accuracy, vote_weight
from quorate.consensus.trust import TrackRecord
from quorate.providers.recorded import RecordedAnswer, Recording, read_recordings

DATA = Path(os.environ.get("QUORATE_DATA", Path(__file__).parents[3] / "shared" / "data")) / "consensus"
DEV = DATA / "b_consensus_dev.jsonl.zst"
GSM8K = DATA / "consensus_gsm8k.jsonl.gz"
LETTERS = DATA / "consensus_mmlupro_letters.jsonl.gz"

pytestmark = [
    pytest.mark.skipif(not DATA.is_dir(), reason=f"no recorded answers at {DATA}; set QUORATE_DATA"),
    pytest.mark.timeout(900),
]

POOLS = {
    "zeroeval": {
        "top 3": ["o1-mini-2024-09-12", "gpt-4o-2024-08-06", "claude-3-5-sonnet-20241022"],
        "3 peers": ["claude-3-5-sonnet-20241022", "gpt-4o-2024-08-06", "Mistral-Large-2"],
        "3 cheap": ["gpt-4o-mini-2024-07-18", "gemini-1.5-flash", "claude-3-haiku-20240307"],
        "5 mid": [
            "gpt-4o-mini-2024-07-18",
            "Mistral-Large-2",
            "deepseek-v2.5-0908",
            "Meta-Llama-3.1-70B-Instruct",
            "gemini-1.5-flash",
        ],
    },
    "mmlupro": {
        "top 3": ["gemini-1.5-pro-002", "gemini-1.5-flash-002", "Meta-Llama-3_1-70B-Instruct"],
        "3 peers": ["gemini-1.5-flash-002", "DeepSeek-Coder-V2", "Meta-Llama-3_1-70B-Instruct"],
        "3 weak": ["Meta-Llama-3_1-8B-Instruct", "Qwen1.5-72B-Chat", "DeepSeek-Coder-V2"],
        "5 mid": [
            "gemini-1.5-pro-002",
            "gemini-1.5-flash-002",
            "Meta-Llama-3_1-70B-Instruct",
            "DeepSeek-Coder-V2",
            "Qwen1.5-72B-Chat",
        ],
    },
}


def letters() -> Iterator[Recording]:
    """The file holds letters alone (null: none was found): each becomes an answer to a question with ten options."""
    options = "\n".join(f"{letter}. option {letter.lower()} of this question" for letter in "ABCDEFGHIJ")
    with gzip.open(LETTERS, "rt", encoding="utf-8") as lines:
        for line in lines:
            row = cast("dict[str, str]", json.loads(line))
            given = cast("dict[str, str | None]", row["pred"])
            yield Recording(
                track="letters",
                task=row["cat"],
                prompt_id=row["id"],
                prompt=f"Question {row['id']}: which option is right?\n{options}",
                truth=row["gt"],
                answers=tuple(
                    RecordedAnswer(model=model, text=letter or "", correct=letter == row["gt"])
                    for model, letter in given.items()
                ),
            )


def figures(report: ConsensusReport) -> tuple[dict[str, ScoreFigures], dict[str, StopFigures]]:
    """The scores and the stops of the only track, by "votes name", printed on the way."""
    (track,) = report.trust
    print(f"\n{track.track}: {track.fitted} prompts teach, {track.judged} judge")  # noqa: T201  # the figures are the point
    for each in (*track.scores, *track.stops):
        print(each)  # noqa: T201  # the figures are the point
    scores = {f"{each.votes} {each.score}": each for each in track.scores}
    return scores, {f"{each.votes} {each.form}": each for each in track.stops}


def area(figure: ScoreFigures) -> float:
    assert figure.auc is not None
    return figure.auc.value


def test_track_records_tell_right_from_wrong_on_gsm8k() -> None:
    report = evaluate_consensus(read_recordings(GSM8K), panel_size=5, draws=4)
    scores, stops = figures(report)
    assert report.total.auc is not None
    assert report.total.auc.value >= 0.88
    assert area(scores["equal combined"]) >= 0.95
    assert scores["equal isotonic"].ece <= 0.03
    assert scores["equal combined"].ece <= 0.03
    assert scores["learned combined"].ece <= 0.03
    check_stops(stops)
    assert scores["learned share"].accuracy.value >= scores["equal share"].accuracy.value + 0.05


def test_track_records_tell_right_from_wrong_on_letters() -> None:
    report = evaluate_consensus(letters(), panel_size=5, draws=2)
    scores, stops = figures(report)
    assert report.total.auc is not None
    assert report.total.auc.value >= 0.74
    assert area(scores["equal combined"]) >= 0.80
    assert scores["equal isotonic"].ece <= 0.03
    assert scores["equal combined"].ece <= 0.03
    assert scores["learned combined"].ece <= 0.03
    check_stops(stops)
    assert scores["learned share"].accuracy.value >= scores["equal share"].accuracy.value + 0.03


def check_stops(stops: Mapping[str, StopFigures]) -> None:
    """Early stopping saves at a bounded price; with track records it saves more and loses nothing."""
    whole, share = stops["equal none"], stops["equal share"]
    assert 0.13 <= 1 - share.relative_calls <= 0.28
    assert share.accuracy.value >= whole.accuracy.value - 0.004
    learned, posterior = stops["learned none"], stops["learned posterior"]
    assert posterior.relative_calls < share.relative_calls
    assert posterior.accuracy.value >= whole.accuracy.value
    assert posterior.accuracy.value >= learned.accuracy.value - 0.004


def in_first_half(recording: Recording) -> bool:
    return hashlib.sha256(recording.prompt.encode()).digest()[0] % 2 == 0


def winner(answers: Sequence[RecordedAnswer], votes: Mapping[str, float], best: str) -> bool:
    """Whether the heaviest answer is right; a tie goes to what the best member says."""
    weights: defaultdict[str, float] = defaultdict(float)
    for answer in answers:
        if answer.key:
            weights[answer.key] += votes[answer.model]
    best_key = next(answer.key for answer in answers if answer.model == best)
    if not weights:
        return False
    chosen = max(weights, key=lambda key: (weights[key], key == best_key))
    return any(bool(answer.correct) for answer in answers if answer.key == chosen)


def test_votes_by_task_are_no_worse_than_a_majority_in_any_pool() -> None:
    counts: defaultdict[tuple[str, str, str], list[int]] = defaultdict(lambda: [0, 0])
    judged: list[Recording] = []
    for recording in read_recordings(DEV):
        if in_first_half(recording):
            for answer in recording.answers:
                count = counts[recording.track, recording.task, answer.model]
                count[0] += bool(answer.correct)
                count[1] += 1
        else:
            judged.append(recording)
    records = {key: TrackRecord(right=right, total=total) for key, (right, total) in counts.items()}
    for track, pools in POOLS.items():
        for name, pool in pools.items():
            majority = weighted = asked = 0
            for recording in judged:
                if recording.track != track:
                    continue
                known = {model: records[track, recording.task, model] for model in pool}
                best = max(pool, key=lambda model: accuracy(known[model]))
                chosen = [answer for answer in recording.answers if answer.model in pool]
                asked += 1
                majority += winner(chosen, dict.fromkeys(pool, 1.0), best)
                weighted += winner(chosen, {model: vote_weight(known[model]) for model in pool}, best)
            print(f"{track} {name}: majority {majority / asked:.4f}, by task {weighted / asked:.4f}, n={asked}")  # noqa: T201  # the figures are the point
            assert weighted >= majority
