"""The work of `quorate eval judge`: read the tasks, ask the judges, measure, write the report."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import typer

from quorate.analytics.journal import Journal
from quorate.analytics.judge_evaluation import evaluate_judges
from quorate.analytics.judge_report import JudgeReport
from quorate.analytics.judge_task import ChoiceTask, Task, read_tasks
from quorate.analytics.judge_text import render_judges_markdown
from quorate.analytics.judge_trial import JudgeTrial
from quorate.analytics.report_files import require_writable, write_report
from quorate.cli.counting import counting
from quorate.cli.exit_code import ExitCode
from quorate.cli.judge_journal import read_trials
from quorate.cli.judge_trials import JudgeTrials
from quorate.cli.purse import Purse
from quorate.core.units import format_usd
from quorate.library.quorate import Quorate


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What is to be measured, as the command's flags say."""

    judges: Sequence[str]
    data: Path
    own: str | None
    answers: int
    limit: int | None
    threshold: float
    seed: int
    limit_microusd: int | None
    max_tokens: int | None
    concurrency: int
    journal: Path | None
    report: Path | None
    config: Path | None


def measure(work: Work) -> JudgeReport:
    """Return what was found, and write it into the report's folder if there is one. Asks the judges: blocking."""
    quorate = Quorate.from_file(work.config)
    known_as = {name: (work.own,) if work.own else (name, quorate.catalog.card(name).model_id) for name in work.judges}
    keep = {each for known in known_as.values() for each in known}
    tasks = list(islice(read_tasks(work.data, answers=work.answers, keep=keep, seed=work.seed), work.limit))
    if work.report is not None:
        require_writable(work.report)
    with ExitStack() as stack:
        journal = None if work.journal is None else stack.enter_context(Journal(work.journal))
        trials = JudgeTrials(
            quorate=quorate,
            trials={} if work.journal is None else read_trials(work.journal),
            journal=journal,
            purse=Purse(work.limit_microusd),
            concurrency=work.concurrency,
            max_tokens=work.max_tokens,
        )
        done = _run(trials, work.judges, tasks)
    found = evaluate_judges(
        done,
        data=work.data.name,
        own=_recorded_as(known_as, tasks),
        threshold=work.threshold,
        seed=work.seed,
        notes=trials.notes,
    )
    if work.report is not None:
        figures = json.dumps(found.to_dict(), indent=2) + "\n"
        write_report(work.report, {"report.md": render_judges_markdown(found), "report.json": figures})
    return found


def _recorded_as(known_as: Mapping[str, Sequence[str]], tasks: Sequence[Task]) -> dict[str, str]:
    """Return under which name each judge's own answers are recorded, of those that have any."""
    recorded = {model for task in tasks if isinstance(task, ChoiceTask) for model in task.models}
    found = {judge: next((name for name in known if name in recorded), None) for judge, known in known_as.items()}
    return {judge: name for judge, name in found.items() if name is not None}


def _run(trials: JudgeTrials, judges: Sequence[str], tasks: Sequence[Task]) -> list[JudgeTrial]:
    """Ask, with a bar on a terminal. Ctrl-C cancels what is under way and exits with 130."""

    async def run() -> list[JudgeTrial]:
        async with trials.quorate:
            return await trials.run(judges, tasks)

    try:
        with counting("tasks judged", len(tasks) * len(judges)) as trials.told:
            return asyncio.run(run())
    except KeyboardInterrupt:
        spent = format_usd(trials.purse.spent_microusd)
        typer.echo(f"interrupted; spent until then: {spent}; with --resume the next run goes on from here", err=True)
        raise typer.Exit(ExitCode.INTERRUPTED) from None
