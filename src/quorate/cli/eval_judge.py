"""`quorate eval judge`: how right a judging model is, and which biases it has."""

import asyncio
import json
import sys
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from quorate.cli.exit_code import ExitCode
from quorate.cli.options import ConfigOption, JsonOption, complete_models
from quorate.cli.printable import printable
from quorate.core.errors import InvalidRequest
from quorate.core.units import MICROUSD_PER_USD, format_usd

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from quorate.analytics import JudgeTrial
    from quorate.analytics.judge_task import Task
    from quorate.cli.judge_trials import JudgeTrials


def judge(
    judges: Annotated[
        str,
        typer.Option(
            "--judge",
            metavar="A,B",
            autocompletion=complete_models,
            help="The models that judge: configured names or `provider:model-id`.",
        ),
    ],
    data: Annotated[
        Path, typer.Option("--data", metavar="FILE", help="Labelled pairs or recorded answers: .jsonl, .jsonl.gz.")
    ],
    own: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The name under which the one judge's own answers are recorded."),
    ] = None,
    answers: Annotated[int, typer.Option(min=2, max=20, help="Recorded answers in each choice.")] = 4,
    limit: Annotated[int | None, typer.Option(min=1, help="Stop after that many tasks.")] = None,
    threshold: Annotated[float, typer.Option(min=0, max=1, help="Joint score at which a pair agrees.")] = 0.7,
    seed: Annotated[int, typer.Option(help="Which answers are shown, in which order.")] = 0,
    max_cost_usd: Annotated[
        float | None, typer.Option("--max-cost", min=0, metavar="USD", help="The most this run may cost.")
    ] = None,
    max_tokens: Annotated[int | None, typer.Option(min=1, help="The most tokens a verdict may have.")] = None,
    concurrency: Annotated[int, typer.Option(min=1, max=100, help="Calls at once.")] = 4,
    resume: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A journal: what it holds is not asked again, what is done is added."),
    ] = None,
    report: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write judge.md and judge.json into this folder.")
    ] = None,
    config: ConfigOption = None,
    json_output: JsonOption = False,
) -> None:
    """Measure judges: accuracy, and bias for places, for length, for their own answers. This asks the models.

    Every task is asked in both orders. Press Ctrl-C to stop; with --resume the next run goes on from there.
    """
    names = list(dict.fromkeys(name.strip() for name in judges.split(",") if name.strip()))
    _check(names, data, own, threshold, max_cost_usd)
    # slow: numpy and the library, needed only here
    from quorate.analytics import evaluate_judges, read_tasks, render_judges, render_judges_markdown  # noqa: PLC0415
    from quorate.cli.judge_journal import JudgeJournal  # noqa: PLC0415
    from quorate.cli.judge_trials import JudgeTrials  # noqa: PLC0415
    from quorate.library.quorate import Quorate  # noqa: PLC0415

    quorate = Quorate.from_file(config)
    known_as = {name: (own,) if own else (name, quorate.catalog.card(name).model_id) for name in names}
    keep = {each for known in known_as.values() for each in known}
    tasks = list(islice(read_tasks(data, answers=answers, keep=keep, seed=seed), limit))
    trials = JudgeTrials(
        quorate=quorate,
        journal=JudgeJournal(resume),
        concurrency=concurrency,
        max_tokens=max_tokens,
        limit_microusd=None if max_cost_usd is None else round(max_cost_usd * MICROUSD_PER_USD),
    )
    done = _run(trials, names, tasks)
    found = evaluate_judges(
        done,
        data=data.name,
        own=_recorded_as(known_as, tasks),
        threshold=threshold,
        seed=seed,
        notes=trials.notes,
    )
    if report is not None:
        report.mkdir(parents=True, exist_ok=True)
        (report / "judge.md").write_text(render_judges_markdown(found), encoding="utf-8")
        (report / "judge.json").write_text(json.dumps(found.to_dict(), indent=2) + "\n", encoding="utf-8")
    typer.echo(json.dumps(found.to_dict(), indent=2) if json_output else printable(render_judges(found)))


def _check(names: list[str], data: Path, own: str | None, threshold: float, max_cost_usd: float | None) -> None:
    if not names:
        raise InvalidRequest("no judge is named; give --judge a model", param="judge")
    if not data.is_file():
        raise InvalidRequest(f"there is no file {str(data)!r}", param="data")
    if own is not None and len(names) > 1:
        raise InvalidRequest(f"--own is of one judge, and {len(names)} are named", param="own")
    if not threshold > 0:
        raise InvalidRequest(f"the threshold {threshold!r} is not in (0, 1]; 0.7 is usual", param="threshold")
    if max_cost_usd is not None and not max_cost_usd > 0:
        raise InvalidRequest(
            f"--max-cost is {max_cost_usd!r}; it must be above 0, and is left out for no limit", param="max_cost"
        )


def _recorded_as(known_as: "Mapping[str, tuple[str, ...]]", tasks: "Sequence[Task]") -> dict[str, str]:
    """Return under which name each judge's own answers are recorded, of those that have any."""
    recorded = {model for task in tasks for model in getattr(task, "models", ())}
    return {
        judge: name for judge, known in known_as.items() if (name := next((n for n in known if n in recorded), None))
    }


def _run(trials: "JudgeTrials", judges: list[str], tasks: "Sequence[Task]") -> "list[JudgeTrial]":
    """Ask, with a bar on a terminal. Ctrl-C cancels what is under way and exits with 130."""
    from rich.console import Console  # noqa: PLC0415 - slow, needed only here
    from rich.progress import Progress  # noqa: PLC0415

    bar = Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty())
    shown = bar.add_task("judging", total=len(tasks) * len(judges))
    trials.told = lambda done, spent: bar.update(shown, completed=done, description=f"judging, {format_usd(spent)}")

    async def run() -> "list[JudgeTrial]":
        async with trials.quorate:
            return await trials.run(judges, tasks)

    try:
        with bar:
            return asyncio.run(run())
    except KeyboardInterrupt:
        spent = format_usd(trials.spent_microusd)
        typer.echo(f"interrupted; spent until then: {spent}; with --resume the next run goes on from here", err=True)
        raise typer.Exit(ExitCode.INTERRUPTED) from None
