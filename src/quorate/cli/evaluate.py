"""`quorate eval`: what consensus is worth, on recorded answers or on questions asked now."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import typer

from quorate.cli import eval_cascade
from quorate.cli import eval_options as flags
from quorate.cli.counting import counting
from quorate.cli.eval_judge import judge
from quorate.cli.exit_code import ExitCode
from quorate.cli.options import ConfigOption, JsonOption
from quorate.cli.printable import printable, printable_json
from quorate.core.errors import InvalidRequest

if TYPE_CHECKING:
    from quorate.analytics.report import ConsensusReport
    from quorate.library.options import AskOptions

#: Flags that change how models are asked, by their names as options of a question.
_ASKING = ("deadline_s", "timeout_s", "retries", "system", "temperature", "max_tokens")

app = typer.Typer(no_args_is_help=True, help="Measure on recorded answers, or on questions that are asked now.")
app.command("judge")(judge)
app.command("cascade")(eval_cascade.eval_cascade)


@app.callback()
def group() -> None:
    """Keep `consensus` a command of its own, so that others can stand beside it."""


@app.command("consensus")
def consensus(
    *,
    data: flags.DataOption = None,
    panel_size: flags.PanelSizeOption = 5,
    draws: flags.DrawsOption = None,
    seed: flags.SeedOption = 0,
    threshold: flags.ThresholdOption = 0.7,
    limit: flags.LimitOption = None,
    jobs: flags.JobsOption = None,
    report: flags.ReportOption = None,
    plot: flags.PlotOption = None,
    live: flags.LiveOption = None,
    models: flags.ModelsOption = None,
    out: flags.OutOption = None,
    repeat: flags.RepeatOption = 1,
    concurrency: flags.ConcurrencyOption = 4,
    max_cost_usd: flags.MaxCostOption = None,
    deadline_s: flags.DeadlineOption = None,
    timeout_s: flags.TimeoutOption = None,
    retries: flags.RetriesOption = None,
    system: flags.SystemOption = None,
    temperature: flags.TemperatureOption = None,
    max_tokens: flags.MaxTokensOption = None,
    ask_seed: flags.AskSeedOption = None,
    dry_run: flags.DryRunOption = False,
    config: ConfigOption = None,
    json_output: JsonOption = False,
) -> None:
    """Measure how well agreement picks and predicts right answers: accuracy, calibration, early stopping, cost.

    With --data on recorded answers. With --live the questions are asked first and the answers recorded: what is written
    stays, and the same command goes on where it was interrupted.
    """
    given = locals()
    if report is not None:
        # slow: numpy, which comes with the package
        from quorate.analytics.report_files import require_writable  # noqa: PLC0415

        require_writable(report)  # before minutes of work or any money
    if live is None:
        _require_no_live_flag(given)
        file = _existing(data)
    elif data is not None:
        raise InvalidRequest("--data reads recorded answers and --live asks; give one of them", param="data")
    else:
        file = _record(live, given)
    if file is None:
        return
    found = _evaluate(
        file,
        panel_size=panel_size,
        draws=draws,
        seed=seed,
        threshold=threshold,
        limit=limit if live is None else None,
        jobs=jobs,
    )
    _show(found, file, report=report, plot=plot, json_output=json_output)


def _existing(data: Path | None) -> Path:
    if data is None:
        raise InvalidRequest(
            "there is nothing to measure; give --data FILE with recorded answers, or --live QUESTIONS.jsonl with"
            " --models and --out",
            param="data",
        )
    if not data.is_file():
        raise InvalidRequest(f"there is no file {str(data)!r}", param="data")
    return data


def _require_no_live_flag(given: Mapping[str, Any]) -> None:
    names = ("models", "out", "max_cost_usd", "ask_seed", "dry_run", *_ASKING)
    if found := [name for name in names if given[name] not in {None, False}]:
        flag = found[0].removesuffix("_usd").removesuffix("_s").replace("_", "-")
        raise InvalidRequest(f"--{flag} is for asking: give the questions with --live", param=flag)


def _record(live: Path, given: Mapping[str, Any]) -> Path | None:
    """Ask, and return the file with the answers; None if there is nothing to evaluate."""
    # slow: the library, needed only to ask
    from quorate.analytics.questions import read_questions  # noqa: PLC0415
    from quorate.cli.live_evaluation import (  # noqa: PLC0415
        microusd_from,
        models_from,
        print_live_estimate,
        record_live,
    )
    from quorate.cli.live_questions import LiveQuestions  # noqa: PLC0415

    options = {name: given[name] for name in _ASKING if given[name] is not None}
    asking = LiveQuestions(
        questions=read_questions(live)[: given["limit"]],
        models=models_from(given["models"]),
        repeat=given["repeat"],
        concurrency=given["concurrency"],
        limit_microusd=microusd_from(given["max_cost_usd"]),
        ask_seed=given["ask_seed"],
        options=cast("AskOptions", options),
    )
    if given["dry_run"]:
        print_live_estimate(asking, given["out"], given["config"], json_output=given["json_output"])
        return None
    recorded = record_live(asking, given["out"], given["config"])
    if not any(question.truth for question in asking.questions):
        typer.echo("nothing is evaluated: no question has a 'truth'", err=True)
        return None
    return recorded


def _evaluate(
    file: Path, *, panel_size: int, draws: int | None, seed: int, threshold: float, limit: int | None, jobs: int | None
) -> "ConsensusReport":
    # slow: numpy, needed only here
    from quorate.analytics.evaluation import DEFAULT_DRAWS, evaluate_consensus  # noqa: PLC0415
    from quorate.analytics.trials import usual_jobs  # noqa: PLC0415
    from quorate.providers.recorded import read_recordings  # noqa: PLC0415

    try:
        with counting("recordings measured") as progress:
            return evaluate_consensus(
                read_recordings(file),
                panel_size=panel_size,
                draws=draws or DEFAULT_DRAWS,
                seed=seed,
                threshold=threshold,
                limit=limit,
                jobs=jobs or usual_jobs(),
                progress=progress,
            )
    except KeyboardInterrupt:
        typer.echo("interrupted: nothing was changed", err=True)
        raise typer.Exit(ExitCode.INTERRUPTED) from None


def _show(found: "ConsensusReport", file: Path, *, report: Path | None, plot: Path | None, json_output: bool) -> None:
    # slow: numpy, loaded by now
    from quorate.analytics.consensus_page import write_consensus_report  # noqa: PLC0415
    from quorate.analytics.plot import plot_consensus  # noqa: PLC0415
    from quorate.analytics.text import render_text  # noqa: PLC0415

    if report is not None:
        write_consensus_report(found, report, source=file.name)
    if plot is not None:
        plot_consensus(found, plot)
    typer.echo(printable_json(json.dumps(found.to_dict(), indent=2)) if json_output else printable(render_text(found)))
    if report is not None and not json_output:
        typer.echo(printable(f"the report is {report / 'report.md'}"), err=True)
