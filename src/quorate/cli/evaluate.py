"""`quorate eval`: what agreement is worth on recorded answers."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from quorate.cli import eval_cascade
from quorate.cli.eval_judge import judge
from quorate.cli.options import JsonOption
from quorate.core.errors import InvalidRequest

_PROGRESS_EVERY = 250

app = typer.Typer(no_args_is_help=True, help="Evaluate consensus and judges on recorded answers.")
app.command("judge")(judge)


@app.callback()
def group() -> None:
    """Keep `consensus` a command of its own, so that others can stand beside it."""


@app.command("consensus")
def consensus(
    data: Annotated[
        Path, typer.Option("--data", metavar="FILE", help="Recorded answers: .jsonl, .jsonl.gz or .jsonl.zst.")
    ],
    panel_size: Annotated[int, typer.Option(min=2, help="Models in each random panel.")] = 5,
    draws: Annotated[int | None, typer.Option(min=1, help="Random panels per question.")] = None,
    seed: Annotated[int, typer.Option(help="Which panels are drawn.")] = 0,
    threshold: Annotated[float, typer.Option(min=0, max=1, help="Agreement that counts as agreeing.")] = 0.7,
    limit: Annotated[int | None, typer.Option(min=1, help="Stop after that many questions.")] = None,
    plot: Annotated[Path | None, typer.Option(metavar="FILE", help="Draw a picture: .png or .svg.")] = None,
    json_output: JsonOption = False,
) -> None:
    """Measure how well agreement picks and predicts right answers: accuracy, calibration, early stopping."""
    if not data.is_file():
        raise InvalidRequest(f"there is no file {str(data)!r}", param="data")
    # slow: numpy, needed only here
    from quorate.analytics import evaluate_consensus, plot_consensus, render_text  # noqa: PLC0415
    from quorate.providers.recorded import read_recordings  # noqa: PLC0415

    drawn = {} if draws is None else {"draws": draws}
    report = evaluate_consensus(
        read_recordings(data),
        panel_size=panel_size,
        seed=seed,
        threshold=threshold,
        limit=limit,
        progress=_count if sys.stderr.isatty() else None,
        **drawn,
    )
    if sys.stderr.isatty():
        typer.echo("\r\x1b[K", nl=False, err=True)
    if plot is not None:
        plot_consensus(report, plot)
    typer.echo(json.dumps(report.to_dict(), indent=2) if json_output else render_text(report))


def _count(read: int) -> None:
    if read % _PROGRESS_EVERY == 0:
        typer.echo(f"\r{read} questions read", nl=False, err=True)


app.command("cascade")(eval_cascade.eval_cascade)
