"""Judges that are biased on purpose are found out, fair ones are not, and a run can be stopped and continued."""

import asyncio
import gzip
import json
import random
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from pair_judges import ChoiceJudgeModel, PairJudgeModel, agree, by_claim, essay
from quorate import Quorate
from quorate.analytics.journal import Journal
from quorate.analytics.judge_evaluation import evaluate_judges
from quorate.analytics.judge_report import ChoiceFigures, JudgeReport, SelfFigures
from quorate.analytics.judge_task import ChoiceTask, PairTask, Task
from quorate.analytics.judge_trial import JudgeTrial
from quorate.cli.judge_journal import read_trials
from quorate.cli.judge_trials import JudgeTrials
from quorate.cli.purse import Purse
from quorate.core.errors import InvalidRequest, Unavailable
from quorate.model import Model
from quorate.providers.price import Price
from quorate.testing import ScriptedModel, run_virtual

Run = Callable[..., Result]

MODELS = ("own", "x", "y", "z")
#: What each call of these judges costs.
EACH_5 = Price(input_microusd_per_mtok=0, output_microusd_per_mtok=0, request_microusd=5)
OTHER = "The cost of care is greater than the gain."


def choices(count: int = 80) -> list[Task]:
    """Return choices among four answers, each right or wrong by a coin, of lengths that tell nothing."""
    rng = random.Random(5)
    tasks: list[Task] = []
    for number in range(count):
        models = list(MODELS)
        rng.shuffle(models)
        right = tuple(rng.random() < 0.6 for _ in models)
        texts = tuple(
            f"{'Right' if ok else 'Wrong'} answer {number} of {model}. " + "So it is. " * rng.randrange(30)
            for model, ok in zip(models, right, strict=True)
        )
        tasks.append(ChoiceTask(id=f"t{number:03}", question="Which?", texts=texts, models=tuple(models), right=right))
    return tasks


def labelled(count: int = 40) -> list[Task]:
    """Return pairs of essays, every second of which agrees."""
    return [
        PairTask(
            id=f"p{n}",
            question="Why?",
            a=f"{essay(n)}",
            b=essay(n + 3) if n % 2 else essay(n + 3, OTHER),
            agree=n % 2 == 1,
        )
        for n in range(count)
    ]


def _best(texts: Sequence[str], key: Callable[[str], float]) -> int:
    """Return the place of the right answer with the highest key, of all if none is right."""
    right = [place for place, text in enumerate(texts) if text.startswith("Right")] or range(len(texts))
    return max(right, key=lambda place: key(texts[place]))


def fair(texts: Sequence[str]) -> int:
    return _best(texts, lambda text: zlib.crc32(text.encode()))


def first_place(texts: Sequence[str]) -> int:
    return 0 if texts[0].startswith("Right") else fair(texts)


def longest(texts: Sequence[str]) -> int:
    return _best(texts, len)


def own(texts: Sequence[str]) -> int:
    mine = next((place for place, text in enumerate(texts) if " of own." in text), None)
    return fair(texts) if mine is None else mine


def trials(*models: Model, **fields: Any) -> JudgeTrials:
    return JudgeTrials(quorate=Quorate.of(models), **fields)


def continued(file: Path, judge: Model, tasks: Sequence[Task]) -> list[JudgeTrial]:
    """Run with a journal, as the command does."""
    with Journal(file) as journal:
        run = trials(judge, trials=read_trials(file), journal=journal)
        return asyncio.run(run.run([judge.name], tasks))


def measured(tasks: Sequence[Task], *models: Model, recorded: dict[str, str] | None = None) -> JudgeReport:
    done = asyncio.run(trials(*models).run([model.name for model in models], tasks))
    return evaluate_judges(done, data="made up", own=recorded or {})


def chosen(tasks: Sequence[Task], decide: Callable[[Sequence[str]], int]) -> ChoiceFigures:
    report = measured(tasks, ChoiceJudgeModel("judge", decide), recorded={"judge": "own"})
    found = report.judges[0].choices
    assert found is not None
    return found


def own_figures(found: ChoiceFigures) -> SelfFigures:
    assert found.own is not None
    return found.own


def test_a_fair_judge_has_no_bias() -> None:
    found = chosen(choices(), fair)
    assert not found.position_bias
    assert not found.length_bias
    assert not own_figures(found).bias
    assert found.changed.value == 0
    assert found.right is not None
    assert found.right.value == 1


def test_a_judge_that_favours_the_first_place_is_found_out() -> None:
    found = chosen(choices(), first_place)
    assert found.position_bias
    assert found.first.value > 0.1
    assert found.changed.value > 0.2
    assert not found.length_bias
    assert not own_figures(found).bias


def test_a_judge_that_favours_length_is_found_out() -> None:
    found = chosen(choices(), longest)
    assert found.length_bias
    assert found.longer is not None
    assert found.longer.value == 1
    assert not found.position_bias


def test_a_judge_that_favours_its_own_answers_is_found_out() -> None:
    found = own_figures(chosen(choices(), own))
    assert found.bias
    assert found.preference is None
    assert found.when_wrong is not None
    assert found.when_wrong.value == 1


def test_others_choosing_the_same_answer_is_what_self_preference_is_measured_against() -> None:
    models = [ChoiceJudgeModel(name, decide) for name, decide in (("judge", own), ("fair", fair), ("long", longest))]
    report = measured(choices(), *models, recorded={"judge": "own"})
    figures = next(judge.choices for judge in report.judges if judge.judge == "judge")
    assert figures is not None
    found = own_figures(figures)
    assert found.bias
    assert found.preference is not None
    assert found.when_right is not None
    assert found.others_right is not None
    assert found.when_right.value > found.others_right.value


def test_an_answer_that_everybody_prefers_is_no_self_preference() -> None:
    models = [ChoiceJudgeModel(name, own) for name in ("judge", "other")]
    report = measured(choices(), *models, recorded={"judge": "own"})
    figures = next(judge.choices for judge in report.judges if judge.judge == "judge")
    assert figures is not None
    assert not own_figures(figures).bias


def test_of_few_tasks_no_bias_is_named() -> None:
    found = chosen(choices(5), first_place)
    assert not found.position_bias


def test_a_fair_judge_of_pairs_is_right_and_never_wavers() -> None:
    figures = measured(labelled(), PairJudgeModel(by_claim, delay_s=0)).judges[0].pairs
    assert figures is not None
    assert figures.right.value == 1
    assert figures.auc is not None
    assert figures.auc.value == 1
    assert figures.changed.value == 0
    assert not figures.position_bias


def test_a_judge_of_pairs_that_follows_the_place_is_found_out() -> None:
    figures = measured(labelled(), PairJudgeModel(lambda a, b: agree(a < b), delay_s=0)).judges[0].pairs
    assert figures is not None
    assert figures.position_bias
    assert figures.changed.value == 1


def test_replies_without_a_verdict_are_counted() -> None:
    replies = iter(["no idea", *[agree(True)] * 79])
    figures = measured(labelled(), PairJudgeModel(lambda _a, _b: next(replies), delay_s=0)).judges[0]
    assert figures.unreadable.count == 80
    assert figures.unreadable.value == 1 / 80
    assert figures.pairs is not None
    assert figures.pairs.pairs == 39
    assert figures.cost_microusd == 80 * 5


def test_a_run_is_continued_where_it_ended(tmp_path: Path) -> None:
    file = tmp_path / "journal.jsonl"
    judge = ChoiceJudgeModel("judge", fair)
    continued(file, judge, choices(6))
    assert judge.asked == 12
    with file.open("ab") as journal:
        journal.write(b'{"type":"choice","task":"t0')
    done = continued(file, judge, choices(8))
    assert judge.asked == 16
    assert len(done) == 8
    assert len(read_trials(file)) == 8


@pytest.mark.parametrize("concurrency", [1, 4])
def test_no_call_leaves_that_the_limit_may_not_pay(concurrency: int) -> None:
    judge = ChoiceJudgeModel("judge", fair, price=EACH_5)
    run = trials(judge, purse=Purse(32), concurrency=concurrency)
    done = asyncio.run(run.run(["judge"], choices(10)))
    # Each call may cost 15: it has two retries. The last one leaves with 20 spent, or less, while others are under way.
    assert run.purse.spent_microusd == 5 * judge.asked <= 32
    assert 1 <= len(done) <= 3
    assert "tasks were not begun: $0.0000" in run.notes[0]


def test_a_limit_needs_a_price() -> None:
    judge = ChoiceJudgeModel("judge", fair)
    with pytest.raises(InvalidRequest, match="no price is known for judge, so --max-cost cannot hold"):
        asyncio.run(trials(judge, purse=Purse(1000)).run(["judge"], choices(1)))
    assert judge.asked == 0


def test_a_judge_that_is_down_is_given_up() -> None:
    judge = ScriptedModel("judge", Unavailable("the judge is down"))
    run = trials(judge, concurrency=1)
    run_virtual(run.run(["judge"], choices(40)))
    assert judge.opens < 40
    assert "10 tasks failed" in run.notes[0]
    assert "the judge is down" in run.notes[0]


def _file(folder: Path, *lines: dict[str, Any]) -> Path:
    file = folder / "data.jsonl.gz"
    file.write_bytes(gzip.compress("\n".join(json.dumps(line) for line in lines).encode()))
    return file


PAIR = {"q": "What is the capital of France?", "a": "Paris.", "b": "It is Paris.", "agree": 1}
RECORDED = {
    "prompt": "What is the capital of France?",
    "truth": "Paris",
    "answers": [{"model": "a", "text": "Paris", "correct": 1}, {"model": "m", "text": "Lyon", "correct": 0}],
}


def test_the_command_measures_pairs_and_says_that_they_are_simulated(run: Run, quick: Path) -> None:
    file = _file(quick.parent, PAIR, {**PAIR, "b": "Lyon", "agree": 0})
    told = run("eval", "judge", "--judge", "a", "--data", str(file), "--report", "out")
    assert told.exit_code == 0, told.output
    assert "Judges on data.jsonl.gz (simulated verdicts)" in told.stdout
    assert "2 labelled pairs" in told.stdout
    written = json.loads((quick.parent / "out" / "report.json").read_text())
    assert written["simulated"] is True
    assert "(simulated" in (quick.parent / "out" / "report.md").read_text().splitlines()[0]


def test_the_command_measures_choices(run: Run, quick: Path) -> None:
    told = run("eval", "judge", "--judge", "a,b", "--data", str(_file(quick.parent, RECORDED)), "--json")
    assert told.exit_code == 0, told.output
    first, second = json.loads(told.stdout)["judges"]
    assert first["choices"]["own"]["model"] == "a"
    assert first["choices"]["right"]["value"] == 1
    assert second["choices"]["own"] is None


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ({**PAIR, "agree": 2}, "data.jsonl.gz:1: agree is 2; use 0 or 1"),
        ({"q": 1, "a": "x", "b": "y", "agree": 1}, "data.jsonl.gz:1: Expected `str`"),
        ({"x": 1}, "data.jsonl.gz:1: "),
    ],
)
def test_a_line_that_cannot_be_used_is_named(run: Run, quick: Path, line: dict[str, Any], expected: str) -> None:
    told = run("eval", "judge", "--judge", "a", "--data", str(_file(quick.parent, line)))
    assert told.exit_code == 2
    assert expected in told.stderr


def test_what_is_no_journal_is_refused(run: Run, quick: Path) -> None:
    (quick.parent / "j.jsonl").write_text("hello\n")
    told = run("eval", "judge", "--judge", "a", "--data", str(_file(quick.parent, PAIR)), "--resume", "j.jsonl")
    assert told.exit_code == 2
    assert "j.jsonl:1: " in told.stderr


def test_a_judge_that_does_not_exist_is_named(run: Run, quick: Path) -> None:
    told = run("eval", "judge", "--judge", "nobody", "--data", str(_file(quick.parent, PAIR)))
    assert told.exit_code == 2
    assert "no model 'nobody'" in told.stderr
